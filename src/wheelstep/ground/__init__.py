"""The ground floor, used by every room; it uses none of them."""

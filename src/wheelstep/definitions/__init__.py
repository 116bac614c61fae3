"""Environment definitions: read, edited and proved, bytes to bytes."""

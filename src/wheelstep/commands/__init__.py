"""What is not the release itself: one module for each command."""

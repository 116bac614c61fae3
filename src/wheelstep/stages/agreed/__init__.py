"""A plan that somebody agreed to: what it says, its file, and what a release is held to."""

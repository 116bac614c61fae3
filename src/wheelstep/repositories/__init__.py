"""Where commits go: a snapshot of a head, and changes proposed on it."""

"""Workspace connections: which are wanted, what is there, proved, stored, removed, printed."""

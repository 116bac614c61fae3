"""Where wheels go: one module for each kind of destination."""

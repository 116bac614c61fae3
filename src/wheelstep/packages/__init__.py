"""What the repository holds: packages found, fingerprinted, built and inspected."""

"""Would it build? Definitions resolved before anything is published."""

"""Comic panels composed from the embedded pairs."""

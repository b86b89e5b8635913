"""Lines: drawn from colour pictures, read in any mode, and the one way to shrink them."""

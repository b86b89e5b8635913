"""Data sets made from embedded pictures: rendered, split, licensed."""

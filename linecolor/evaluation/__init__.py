"""Measuring: the hint protocol, metrics, references, methods side by side."""

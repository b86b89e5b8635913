"""What goes on a page: of a run, a sweep, a comparison, methods side by side."""

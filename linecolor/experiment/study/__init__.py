"""Several systems trained and measured for one page."""

"""How long a run will take and whether it fits, from a few measured steps."""

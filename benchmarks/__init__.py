"""Speed and memory: prints a table, writes JSON; never a test."""

"""Methods measured side by side on the same drawings with the same hints."""

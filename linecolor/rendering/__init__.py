"""The chain from a page and hints to a full-size picture, without the networks and without torch."""

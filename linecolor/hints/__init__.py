"""Hints: from paint on a layer to the channels the networks read."""

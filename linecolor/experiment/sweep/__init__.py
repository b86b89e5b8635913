"""Hyper-parameter sweeps: each job is a run."""

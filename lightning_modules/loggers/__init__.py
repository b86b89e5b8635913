"""Where a stage's numbers go: metrics.jsonl and Weights & Biases."""

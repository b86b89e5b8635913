"""What watches a training stage: metrics, sample sheets, checkpoints, logs."""

"""Where batches come from: sources, crops, keyed randomness and pairs made on the device."""

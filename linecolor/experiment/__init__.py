"""From a configuration to a trained, evaluated run: wires stages, data and reports together."""

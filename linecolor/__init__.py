"""The science of line art colorization: pictures, lines, hints, networks, losses, blending, metrics."""

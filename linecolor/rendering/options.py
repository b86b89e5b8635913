"""How pages are coloured: the options of rendering and what they may be."""

LEAST_RESOLUTION, MOST_RESOLUTION = 16, 2048
"""A square page is seen whole, whatever its size to the networks; these are the smallest and the largest."""


def check_resolution(resolution: int | None) -> None:
    """ValueError for a short side at which the networks cannot see a page; None stands for the bundle's own."""
    if resolution is not None and not is_resolution(resolution):
        raise ValueError(
            f"resolution={resolution}: the networks see pages with a short side of {LEAST_RESOLUTION} to "
            f"{MOST_RESOLUTION} pixels"
        )


def is_resolution(value: object) -> bool:
    """Whether the networks can see a page with a short side of so many pixels."""
    return type(value) is int and LEAST_RESOLUTION <= value <= MOST_RESOLUTION


def is_temperature(value: object) -> bool:
    """Whether colours can be sampled so: a number from 0, the likeliest, to 2."""
    return type(value) in (int, float) and 0 <= value <= 2  # type: ignore[operator]

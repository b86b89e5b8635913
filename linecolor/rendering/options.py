"""How pages are coloured: the rendering options, their defaults and their checks, each in this one place."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from linecolor.rendering.blends import BlendMode, check_blend

MIN_RESOLUTION, MAX_RESOLUTION = 16, 2048
"""A square page is seen whole, whatever its size to the networks; these are the smallest and the largest."""


@dataclass(frozen=True, kw_only=True)
class RenderingOptions:
    """How a page is coloured with given networks.

    Attributes:
        resolution: short side in pixels at which the networks see a page; that of a training crop, or more.
        blend: how colour and line are joined at full size, a name in `blends.BLENDS`.
        mirrored: colour the mirrored page too and take the mean: twice the networks' time for a tenth or two of a dB.
        enforce_hints: where the networks painted another colour than a hint says, add the difference around the hint.
        temperature: of sampled colours: 1 as learned, less keeps to what is likely, 0 takes the likeliest.

    Raises:
        ValueError: naming the option, its value and what to use instead.
    """

    resolution: int
    blend: BlendMode = "clean"
    mirrored: bool = False
    enforce_hints: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if type(self.resolution) is not int or not MIN_RESOLUTION <= self.resolution <= MAX_RESOLUTION:
            raise ValueError(
                f"resolution={self.resolution}: the networks see pages with a short side of {MIN_RESOLUTION} to "
                f"{MAX_RESOLUTION} pixels"
            )
        check_blend(self.blend)
        for option in ("mirrored", "enforce_hints"):
            if type(getattr(self, option)) is not bool:
                raise ValueError(f"{option}={getattr(self, option)} must be true or false")
        if not is_temperature(self.temperature):
            raise ValueError(f"temperature={self.temperature} must be a number from 0 to 2")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], resolution: int | None = None) -> "RenderingOptions":
        """The options of a configuration, or of the card of a bundle; other keys are ignored.

        Args:
            mapping: options by name; None, or a missing key as in older files, stands for the default.
            resolution: where the mapping names none: that of the training crops.
        """
        named = {option: mapping[option] for option in OPTIONS if mapping.get(option) is not None}
        return cls(**{"resolution": resolution, **named})

    def changed(self, **changes: Any) -> "RenderingOptions":
        """The same with other values; None keeps the present value."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def to_mapping(self) -> dict[str, Any]:
        """The options by name, for a card or a configuration."""
        return asdict(self)


OPTIONS = tuple(field.name for field in fields(RenderingOptions))


def is_temperature(value: object) -> bool:
    """Whether colours can be sampled so: a number from 0, the likeliest, to 2."""
    return type(value) in (int, float) and 0 <= value <= 2  # type: ignore[operator]

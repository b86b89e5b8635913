"""What an exported network says of itself: written by `onnx_export`, read and checked by `onnx_colorizer`.

The card stands in the metadata of the ONNX file, so that a front end in any language finds all it must know. Without
torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from linecolor.hints import layers, propagation
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.registry import system_of

FORMAT = 1
COLOR_ORDER, RANGE = "RGB", "[-1, 1], paper = 1"
FileName = Literal["linecolor", "draft", "colorizer"]
Precision = Literal["float32", "float16"]
MOST_MULTIPLE = 4096
MOST_PROVENANCE_BYTES = 10_000


@dataclass(frozen=True)
class OnnxCard:
    """What a front end must know to run an exported network.

    Attributes:
        part: `linecolor`, the whole system, or `draft` or `colorizer` alone.
        networks: the training stages whose networks are in the system.
        rendering: how its pages are coloured, unless whoever loads it asks for something else.
        multiple: what the sides of this file's first input must be multiples of.
        hint_spread: one of `propagation.EXTRA_CHANNELS`.
        precision: of weights and computation; inputs and outputs are float32.
        versions: of linecolor and torch, by their names.
        provenance: where it comes from, in short.
    """

    part: FileName
    networks: tuple[str, ...]
    rendering: RenderingOptions
    multiple: int
    hint_spread: str
    precision: Precision
    versions: dict[str, str]
    provenance: dict[str, Any]

    @property
    def drafts(self) -> bool:
        """Whether the system makes a draft first, from propagated hints too."""
        return system_of(self.networks).drafts

    def notes(self) -> dict[str, str]:
        """The card as metadata of an ONNX file."""
        return {
            "linecolor.format": str(FORMAT),
            "linecolor.part": self.part,
            "linecolor.networks": ",".join(self.networks),
            "linecolor.resolution": str(self.rendering.resolution),
            "linecolor.multiple": str(self.multiple),
            "linecolor.hint_spread": self.hint_spread,
            "linecolor.blend": self.rendering.blend,
            "linecolor.mirrored": str(int(self.rendering.mirrored)),
            "linecolor.enforce_hints": str(int(self.rendering.enforce_hints)),
            "linecolor.hints": layers.CONVENTION,
            "linecolor.color_order": COLOR_ORDER,
            "linecolor.range": RANGE,
            "linecolor.precision": self.precision,
            "linecolor.versions": json.dumps(self.versions),
            "linecolor.provenance": json.dumps(_in_short(self.provenance), default=str),
        }

    @classmethod
    def from_notes(cls, notes: Mapping[str, str]) -> "OnnxCard":
        """Read the metadata of an ONNX file, which anyone may have written.

        Raises:
            ValueError: if it is no card, of a format or convention unknown here, or asks for what no network does.
        """
        if "linecolor.format" not in notes:
            raise ValueError("was not exported by linecolor (it has none of its metadata); linecolor-export writes it")
        if notes["linecolor.format"] != str(FORMAT):
            raise ValueError(f"is of format {notes['linecolor.format'][:20]!r}, this version reads {FORMAT}; update it")
        try:
            card = cls(
                cast(FileName, notes["linecolor.part"]),
                tuple(notes["linecolor.networks"].split(",")),
                _rendering(notes),
                _number(notes["linecolor.multiple"]),
                notes["linecolor.hint_spread"],
                cast(Precision, notes["linecolor.precision"]),
                _mapping(notes["linecolor.versions"]),
                _mapping(notes["linecolor.provenance"]),
            )
            conventions = [notes[f"linecolor.{name}"] for name in ("hints", "color_order", "range")]
        except (KeyError, ValueError, RecursionError) as error:
            raise ValueError(f"has damaged metadata ({type(error).__name__}: {error}); export it again") from None
        if conventions != [layers.CONVENTION, COLOR_ORDER, RANGE]:
            raise ValueError(
                f"has other conventions than this version ({'; '.join(conventions)[:200]}); export it again"
            )
        card._check()
        return card

    def _check(self) -> None:
        try:
            system = system_of(self.networks)
        except ValueError as error:
            raise ValueError(f"describes a system this version of linecolor does not know ({error})") from None
        known = (
            self.part in get_args(FileName)
            and not system.samples
            and self.hint_spread in propagation.EXTRA_CHANNELS
            and self.precision in get_args(Precision)
        )
        if not known:
            raise ValueError("describes a system this version of linecolor does not know; export it again")
        if not self.drafts and self.hint_spread != "none":
            raise ValueError(f"spreads hints ({self.hint_spread}) for a network that takes none; export it again")
        # The draft sees half of the page.
        even = self.part != "linecolor" or self.multiple % 2 == 0
        if not (even and 1 <= self.multiple <= MOST_MULTIPLE):
            raise ValueError(f"names {self.multiple} as the multiple of its sides, which cannot be; export it again")


def _in_short(provenance: dict[str, Any]) -> dict[str, Any]:
    # The versions of the training stand in the bundle; those that count here are beside.
    short = {key: value for key, value in provenance.items() if key != "versions"}
    if len(json.dumps(short, default=str)) > MOST_PROVENANCE_BYTES:
        return {key: value for key, value in short.items() if isinstance(value, (str, int)) and len(str(value)) < 200}
    return short


def _rendering(notes: Mapping[str, str]) -> RenderingOptions:
    """The options; the temperature is that of sampled colours, which no exported network has."""
    named = {
        "resolution": _number(notes["linecolor.resolution"]),
        "blend": notes["linecolor.blend"],
        "mirrored": bool(_number(notes["linecolor.mirrored"])),
        "enforce_hints": bool(_number(notes.get("linecolor.enforce_hints", "0"))),  # older files lack it
    }
    return RenderingOptions.from_mapping(named)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)


def _mapping(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text[:20]!r} is no mapping")
    return found

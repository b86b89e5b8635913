"""The card of an exported network: written by `export`, read and checked by `onnx_colorizer`. Without torch.

It is the metadata of the ONNX file, so that a front end in any language finds all it must know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from linecolor.hints import layers, propagation
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.registry import System, system_of

FORMAT = 1
COLOR_ORDER, RANGE = "RGB", "[-1, 1], paper = 1"
Precision = Literal["float32", "float16"]
MAX_MULTIPLE = 4096
MAX_PROVENANCE_BYTES = 10_000


@dataclass(frozen=True)
class OnnxCard:
    """What a front end must know to run an exported network.

    Attributes:
        part: `linecolor`, the whole system, or the stage whose network this is alone.
        networks: the training stages whose networks are in the system, which `system` finds.
        rendering: how its pages are coloured, unless whoever loads it asks for something else.
        multiple: what the sides of this file's first input must be multiples of.
        hint_spread: one of `propagation.EXTRA_CHANNELS`.
        precision: of weights and computation; inputs and outputs are float32.
        versions: of linecolor and torch, by their names.
        provenance: where it comes from, in short.
    """

    part: str
    networks: tuple[str, ...]
    rendering: RenderingOptions
    multiple: int
    hint_spread: str
    precision: Precision
    versions: dict[str, str]
    provenance: dict[str, Any]

    def to_metadata(self) -> dict[str, str]:
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
            "linecolor.provenance": json.dumps(_shortened(self.provenance), default=str),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "OnnxCard":
        """Read the metadata of an ONNX file, which anyone may have written.

        Raises:
            ValueError: if it is no card, of a format or convention unknown here, or asks for what no network does.
        """
        if "linecolor.format" not in metadata:
            raise ValueError("was not exported by linecolor (it has none of its metadata); linecolor-export writes it")
        if metadata["linecolor.format"] != str(FORMAT):
            raise ValueError(
                f"has format {metadata['linecolor.format'][:20]!r}, this version reads {FORMAT}; update it"
            )
        try:
            card = cls(
                metadata["linecolor.part"],
                tuple(metadata["linecolor.networks"].split(",")),
                _rendering(metadata),
                _number(metadata["linecolor.multiple"]),
                metadata["linecolor.hint_spread"],
                cast(Precision, metadata["linecolor.precision"]),
                _mapping(metadata["linecolor.versions"]),
                _mapping(metadata["linecolor.provenance"]),
            )
            conventions = [metadata[f"linecolor.{name}"] for name in ("hints", "color_order", "range")]
        except (KeyError, ValueError, RecursionError) as error:
            raise ValueError(f"has damaged metadata ({type(error).__name__}: {error}); export it again") from None
        if conventions != [layers.CONVENTION, COLOR_ORDER, RANGE]:
            raise ValueError(
                f"has other conventions than this version ({'; '.join(conventions)[:200]}); export it again"
            )
        card._check()
        return card

    @property
    def system(self) -> System:
        """The system of the networks.

        Raises:
            ValueError: if there is none.
        """
        return system_of(self.networks)

    def _check(self) -> None:
        try:
            system = self.system
        except ValueError as error:
            raise ValueError(f"describes a system this version of linecolor does not know ({error})") from None
        known = (
            self.part in ("linecolor", *self.networks)
            and not system.samples
            and self.hint_spread in propagation.EXTRA_CHANNELS
            and self.precision in get_args(Precision)
        )
        if not known:
            raise ValueError("describes a system this version of linecolor does not know; export it again")
        if not system.drafts and self.hint_spread != "none":
            raise ValueError(f"propagates hints ({self.hint_spread}) to a network that reads none; export it again")
        # The draft sees half of the page.
        even = self.part != "linecolor" or self.multiple % 2 == 0
        if not (even and 1 <= self.multiple <= MAX_MULTIPLE):
            raise ValueError(f"has the impossible multiple {self.multiple} for its sides; export it again")


def _shortened(provenance: dict[str, Any]) -> dict[str, Any]:
    # Without the versions of training, which are in the bundle: the card has those of the export.
    short = {key: value for key, value in provenance.items() if key != "versions"}
    if len(json.dumps(short, default=str)) > MAX_PROVENANCE_BYTES:
        return {key: value for key, value in short.items() if isinstance(value, (str, int)) and len(str(value)) < 200}
    return short


def _rendering(metadata: Mapping[str, str]) -> RenderingOptions:
    """The options, without a temperature: no exported network samples its colours."""
    options = {
        "resolution": _number(metadata["linecolor.resolution"]),
        "blend": metadata["linecolor.blend"],
        "mirrored": bool(_number(metadata["linecolor.mirrored"])),
        "enforce_hints": bool(_number(metadata.get("linecolor.enforce_hints", "0"))),  # older files lack it
    }
    return RenderingOptions.from_mapping(options)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)


def _mapping(text: str) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"{text[:20]!r} is no mapping")
    return content

"""What flows through a run: training batches of pairs, and held-out drawings whole."""

from dataclasses import dataclass, fields

from torch import Tensor

from linecolor.arrays import Mask, Picture
from linecolor.artifacts import ArtifactRecipe


@dataclass
class LineArtBatch:
    """What a training step reads. Colours are RGB in [-1, 1], paper = 1; S is the crop's side.

    Attributes:
        line: (B, 1, S, S).
        color: (B, 3, S, S), the truth.
        draft_line: (B, 1, S/2, S/2), on the draft's grid like the two below.
        draft_color: (B, 3, S/2, S/2).
        hint: (B, 4, S/2, S/2) by `hints.layers.CONVENTION`.
        propagated_hints: (B, c, S/2, S/2); c by `propagation.EXTRA_CHANNELS`, 0 in the paper.
        artifacts: the recipe of the draft's simulated faults.
        sample_id: names of the samples.
    """

    line: Tensor
    color: Tensor
    draft_line: Tensor
    draft_color: Tensor
    hint: Tensor
    propagated_hints: Tensor
    artifacts: ArtifactRecipe
    sample_id: list[str]

    def __len__(self) -> int:
        return len(self.line)

    def micro_batches(self, count: int) -> list["LineArtBatch"]:
        """The batch in `count` equal parts, for the accumulation of gradients.

        Raises:
            ValueError: if the batch cannot be shared out equally.
        """
        size, rest = divmod(len(self), count)
        if rest:
            raise ValueError(
                f"a batch of {len(self)} cannot be split into {count} equal micro-batches: choose "
                "stage.*.micro_batches so that it divides batch_size / devices"
            )
        return [self[start : start + size] for start in range(0, len(self), size)] if count > 1 else [self]

    def __getitem__(self, part: slice) -> "LineArtBatch":
        artifacts = ArtifactRecipe(**{f.name: getattr(self.artifacts, f.name)[part] for f in fields(self.artifacts)})
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "artifacts"}
        return LineArtBatch(artifacts=artifacts, **{name: value[part] for name, value in tensors.items()})


@dataclass
class FullDrawing:
    """A held-out drawing at its own size.

    Attributes:
        name: stable id.
        line: (H, W) uint8, paper = 255.
        color: (H, W, 3) uint8 RGB, the truth.
        foreground: (H, W) bool, the drawing without its paper.
        true_foreground: whether that is what somebody said is no background, and not found by flooding the paper.
        ink: (H, W) uint8, where the ink is, if the line is a grey picture that does not tell.
    """

    name: str
    line: Picture
    color: Picture
    foreground: Mask
    true_foreground: bool = False
    ink: Picture | None = None

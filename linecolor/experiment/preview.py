"""linecolor-data preview: a sheet of exactly what training will see."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from datamodules.illustrations import Illustrations, KeyedBatches
from datamodules.pair_settings import PairSettings
from datamodules.pairs import PairSynthesizer
from datamodules.sources.drawing import ids_of, of_split
from linecolor import artifacts
from linecolor.arrays import Picture
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.data import load_drawings
from linecolor.images import write_png
from linecolor.images.contact_sheet import sheet
from linecolor.lineart.methods import REAL, REAL_CODE


def write_preview(output: Path, overrides: list[str], count: int) -> Path:
    """Make `count` pairs of the first epoch as a training with these overrides would, and draw them, a row each.

    Columns: colour, line by each method that has a weight, the real line, the line that was drawn for training, hints,
    propagated hints, the draft's target, the draft with simulated artifacts.

    Raises:
        ValueError: for an override that does not exist; FileNotFoundError for missing data.
    """
    config = RunConfig.from_hydra(compose_training(overrides))
    drawings = of_split(load_drawings(config.data).drawings, "train")
    if not drawings:
        raise ValueError(f"{config.data.root}: every picture is held out; lower data.test_share")
    stage, *_ = config.stages
    dataset = Illustrations(drawings, config.pairs, config.model.resolution, config.seed, stage)
    order = KeyedBatches(ids_of(drawings), count, 1, config.seed, stage)
    batch = default_collate([dataset[position] for position in next(iter(order))])
    synthesizer = PairSynthesizer(config.pairs, config.model.hint_spread)
    columns = _columns(synthesizer, config.pairs, batch)
    rows = [[column[index] for column in columns.values()] for index in range(count)]
    write_png(output, sheet(rows, 192, list(columns)))
    return output


def _columns(synthesizer: PairSynthesizer, pairs: PairSettings, batch: dict[str, Any]) -> dict[str, list[Picture]]:
    """Pictures by the title of their column, from left to right."""
    sample = synthesizer(batch)
    by_method = {}
    for title, code in {**{name: method.code for name, method in pairs.line.methods.items()}, REAL: REAL_CODE}.items():
        recipe = {**batch["recipe"], "line_method": torch.full_like(batch["recipe"]["line_method"], code)}
        if code != REAL_CODE:
            recipe["line_fallback"] = recipe["line_method"]
        by_method[title] = _pictures(synthesizer({**batch, "recipe": recipe}).line)
    faulty = artifacts.simulate(sample.draft_color, sample.artifacts)
    propagated = sample.propagated_hints if sample.propagated_hints.shape[1] else torch.zeros_like(sample.draft_color)
    alpha = sample.hint[:, 3:] * 2 - 1
    return {
        "colour": _pictures(sample.color),
        **by_method,
        "line": _pictures(sample.line),
        "hints": _pictures(torch.cat([sample.hint[:, :3], alpha], dim=1)),
        "propagated": _pictures(propagated),
        "draft size": _pictures(sample.draft_color),
        "artifacts": _pictures(faulty),
    }


def _pictures(batch: Tensor) -> list[Picture]:
    levels = ((batch + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    return [picture[..., 0] if picture.shape[-1] == 1 else picture for picture in levels.cpu().numpy()]

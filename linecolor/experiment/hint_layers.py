"""The hint protocol as pictures: line, truth and hint layers of held-out drawings, for any other program."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from datamodules.held_out import FullDrawings
from linecolor.evaluation.hint_levels import ProtocolHints
from linecolor.experiment.config_sections import DataConfig
from linecolor.experiment.data import held_out_drawings, load_drawings
from linecolor.images import write_png


def write_hint_layers(data: DataConfig, out: Path, hints: ProtocolHints, count: int, line_method: str) -> int:
    """Write OUT/line/NAME.png, OUT/truth/NAME.png and OUT/hints/LEVEL/NAME.png of `count` drawings, at most.

    Lines are the `real` ones, or all made by a method of `datamodules.held_out`. Returns how many drawings there were.

    Raises:
        ValueError: if no drawing can be read, or the layers would become drawings.
        OSError: if something cannot be read or written.
    """
    if out.resolve().is_relative_to(Path(data.root).resolve()):
        raise ValueError(f"--out {out} lies in the pictures' own folder, whose drawings it would become")
    drawings = held_out_drawings(load_drawings(data), count, data.root, "--test-share")
    for drawing in tqdm(FullDrawings(drawings, line_method), desc="Writing hint layers", unit="drawing"):
        write_png(out / "line" / f"{drawing.name}.png", drawing.line)
        write_png(out / "truth" / f"{drawing.name}.png", drawing.color)
        for level in hints.of(drawing):
            layer = np.zeros((*drawing.line.shape, 4), np.uint8) if level.layer is None else level.layer
            write_png(out / "hints" / level.level / f"{drawing.name}.png", layer)
    return len(drawings)

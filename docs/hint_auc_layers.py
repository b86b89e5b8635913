"""Hint layers of the Hint-AUC protocol (Madono 2026), for linecolor-evaluate; runs where `hintauc` is installed.

    python docs/hint_auc_layers.py protocol/truth layers

Writes layers/RATIO/NAME.png for every ratio of the protocol's grid: the scribbles of the largest regions of each
picture, transparent elsewhere. It needs hintauc and Pillow and nothing of linecolor: the two need not share an
environment.
"""

import sys
from pathlib import Path

import hintauc
import numpy as np
from hintauc.auc import DEFAULT_ALPHAS
from PIL import Image


def write_layers(truths: Path, out: Path) -> int:
    """Write the layers of every picture in a folder; returns how many pictures there were."""
    pictures = sorted(truths.glob("*.png"))
    for picture in pictures:
        # The geodesic path is the one that gives the same bits on every machine.
        hints = hintauc.generate_hints(str(picture), path_method="geodesic")
        for ratio in DEFAULT_ALPHAS:
            color_bgr, mask = hints.at_ratio(ratio, hint_type="scribble", tie_break="stable")
            layer = np.dstack([color_bgr[..., ::-1], mask])
            layer[mask == 0] = 0
            folder = out / f"{ratio:.2f}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(layer.astype(np.uint8), "RGBA").save(folder / picture.name)
    return len(pictures)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(f"{write_layers(Path(sys.argv[1]), Path(sys.argv[2]))} pictures, layers in {sys.argv[2]}")

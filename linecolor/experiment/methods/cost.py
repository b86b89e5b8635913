"""What a trained method costs: parameters, operations, memory. Run as a program, it measures the memory alone."""

import copy
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from linecolor.experiment.preflight.meter import forget_peak, peak_memory, resident_memory
from linecolor.hints.propagation import draft_channels
from linecolor.systems.line_colorizer import LineColorizer
from linecolor.systems.registry import system_of

LONGEST_S = 300


def measure_cost(colorizer: LineColorizer, bundle: Path, shape: tuple[int, int]) -> dict[str, float]:
    """The cost of colouring with the whole chain of a bundle, on its device.

    Args:
        colorizer: of the bundle.
        bundle: its folder.
        shape: (H, W) of a drawing to colour for the memory.

    Returns:
        `parameters`, without frozen feature networks; `flops`, 2 a multiplication and addition, of a square picture at
        the networks' resolution; `memory`, bytes that colouring one drawing adds at its peak to a process of its own
        (on a GPU: that torch took); left out where the machine does not tell.
    """
    cost = {
        "parameters": float(sum(p.numel() for n in colorizer.networks.values() for p in n.parameters())),
        "flops": float(operations(colorizer)),
    }
    words = ["-m", "linecolor.experiment.methods.cost", str(bundle), *map(str, shape), colorizer.device.type]
    try:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=LONGEST_S, check=True)
        cost["memory"] = float(json.loads(done.stdout.splitlines()[-1])["memory"])
    except (subprocess.SubprocessError, OSError, ValueError, KeyError, IndexError) as error:
        print(f"memory of {bundle} is not known: {error}", file=sys.stderr)
    return cost


def operations(colorizer: LineColorizer) -> int:
    """Operations of the networks on one square picture at their resolution; nothing is computed."""
    side = colorizer.options.resolution
    on_meta = {name: copy.deepcopy(network).to("meta").eval() for name, network in colorizer.networks.items()}
    line = torch.empty(1, 1, side, side, device="meta")
    channels = draft_channels(colorizer.hint_spread)
    half = torch.empty(1, channels, side // 2, side // 2, device="meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        type(colorizer.pipeline)(on_meta).run_once(line, half)
    return counter.get_total_flops()


def facts_of_card(card: Mapping[str, Any]) -> dict[str, float]:
    """What a bundle's card says of its training: `resolution`, and `images` seen where it is known."""
    facts = {"resolution": float(card["resolution"])}
    stages = (card["provenance"] or {}).get("stages") or {}
    images = [of["images_seen"] for of in stages.values() if isinstance(of, dict) and "images_seen" in of]
    if images and all(isinstance(number, int) for number in images):
        facts["images"] = float(sum(images))
    return facts


def notes_of_card(card: Mapping[str, Any]) -> str:
    """What a reader has to know of trained networks before comparing them."""
    notes = system_of(tuple(card["networks"])).pipeline_class().notes(card["networks"])
    if card["hint_spread"] != "none":
        more = {"watershed": "three", "reach": "four"}[card["hint_spread"]]
        notes.append(f"is given hints propagated by a watershed as {more} more channels, which the others are not")
    return "; ".join(notes)


def main() -> None:
    """Measure the memory of colouring a drawing: BUNDLE HEIGHT WIDTH DEVICE -> {"memory": bytes} on the last line."""
    bundle, height, width, device = sys.argv[1:]
    colorizer = LineColorizer.load(Path(bundle), device=device)
    line = np.full((int(height), int(width)), 255, np.uint8)
    on_cpu = colorizer.device.type == "cpu"
    before = resident_memory("VmRSS") if on_cpu else 0
    forget_peak(colorizer.device)
    colorizer.colorize_with_steps(line)
    print(json.dumps({"memory": max(0, peak_memory(colorizer.device) - before)}))


if __name__ == "__main__":
    main()

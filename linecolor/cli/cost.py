"""What a trained system costs: parameters, operations, memory."""

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linecolor.line_art import FullDrawing
    from linecolor.line_colorizer import LineColorizer


def measure_cost(colorizer: "LineColorizer", drawing: "FullDrawing") -> dict[str, float]:
    """The cost of colouring.

    Args:
        colorizer: the whole chain, on its device.
        drawing: one to colour for the memory.

    Returns:
        `parameters`; `flops`, 2 a multiplication and addition, of a square picture at the networks' resolution;
        `memory`, bytes at the peak of colouring this drawing: on a GPU all that torch took, on a CPU what was added to
        the process (left out where the system does not tell).
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from linecolor.cli.preflight_meter import forget_peak, peak_memory, resident_memory

    networks = colorizer.networks
    side = colorizer.resolution
    on_meta = {name: copy.deepcopy(network).to("meta").eval() for name, network in networks.items()}
    line = torch.empty(1, 1, side, side, device="meta")
    channels = 5 if colorizer.hint_spread == "none" else 8
    half = torch.empty(1, channels, side // 2, side // 2, device="meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        if "draft" in on_meta:
            draft = on_meta["draft"](half)
            if "colorizer" in on_meta:
                on_meta["colorizer"](line, draft.repeat(1, 1, 2, 2))
        else:
            (generator,) = on_meta.values()
            generator(line, half[:, 1:5])
    cost: dict[str, float] = {
        "parameters": sum(p.numel() for network in networks.values() for p in network.parameters()),
        "flops": counter.get_total_flops(),
    }
    colorizer.color(drawing.line)  # the first time also builds kernels and tables
    on_cpu = colorizer.device.type == "cpu"
    before = resident_memory("VmRSS") if on_cpu else 0
    forget_peak(colorizer.device)
    colorizer.color(drawing.line)
    peak = peak_memory(colorizer.device)
    if peak:
        cost["memory"] = max(0, peak - before)
    return cost

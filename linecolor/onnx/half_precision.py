"""Networks in float16, except for the convolutions whose rounding would be visible.

The finest levels make the colours: rounding errors there reach the picture directly, and few weights are there. The
coarse levels have most of the weights and tolerate rounding. So the finest levels stay in float32, as many as needed.
"""

import copy
import math

import torch
from torch import Tensor, nn


class HalfPrecision(nn.Module):
    """A network whose coarser convolutions compute in float16; inputs and outputs are float32.

    Args:
        network: copied.
        levels: of `convolution_levels`.
        finest: convolutions below this level stay in float32; 0 leaves none.
    """

    def __init__(self, network: nn.Module, levels: dict[str, int], finest: int) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        for name, module in _weighted(self.network).items():
            if levels[name] >= finest:
                module.half()
            module.register_forward_pre_hook(_in_own_precision)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output of the network, in float32."""
        return self.network(*inputs).float()


def convolution_levels(network: nn.Module, inputs: list[Tensor]) -> dict[str, int]:
    """How coarse the output of each convolution is, by its name: 0 at the size of the first input, 1 at half of it."""
    height = inputs[0].shape[-2]
    levels: dict[str, int] = {}

    def note(name: str):  # type: ignore[no-untyped-def]  # of a hook
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            levels[name] = round(math.log2(height / output.shape[-2]))

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in _weighted(network).items()]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return levels


def _weighted(network: nn.Module) -> dict[str, nn.Module]:
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    return {name: module for name, module in network.named_modules() if isinstance(module, kinds)}


def _in_own_precision(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.to(module.get_parameter("weight").dtype) for x in inputs)

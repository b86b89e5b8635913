"""How large a network and what it passes on is, without memory for it."""

from collections.abc import Iterable

import torch
from torch import nn

from linecolor.networks.without_memory import without_memory


def on_meta(factory, *args) -> nn.Module:
    with without_memory():
        return factory(*args)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def shapes(parts: Iterable[nn.Module], network: nn.Module, *inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """Channels and height after each part of a network, in the order in which they run."""
    seen: list[tuple[int, ...]] = []
    for part in parts:
        part.register_forward_hook(lambda _module, _inputs, output: seen.append(tuple(output.shape[1:3])))
    network(*inputs)
    return seen

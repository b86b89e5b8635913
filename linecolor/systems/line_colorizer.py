"""LineColorizer: trained networks in, line art and hints in, a coloured picture of the line's own size out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from linecolor.arrays import Channels
from linecolor.rendering.options import RenderingOptions
from linecolor.rendering.page_colorizer import PAGE_PIXELS, PageColorizer
from linecolor.rendering.result import NetworkOutput
from linecolor.systems.bundle import find_bundle, load_bundle
from linecolor.systems.pipelines import WindowOptions
from linecolor.systems.registry import Stage, System, system_with

WHOLE_PAGE = 1 << 26
"""Pixels of a page at network size that are seen at once where a page must be whole: of any page there is."""


def find_device(wanted: str) -> torch.device:
    """`cpu`, `cuda` or `mps`; `auto` takes the fastest there is.

    Raises:
        ValueError: for a device that this machine, or this build of torch, does not have.
    """
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in have.items() if there))
    if not have.get(wanted.split(":")[0], False):
        there = ", ".join(name for name, is_there in have.items() if is_there)
        raise ValueError(f"device {wanted} is not available here; there is {there}")
    return torch.device(wanted)


class LineColorizer(PageColorizer):
    """The whole chain with networks in torch, live ones in training or loaded from a bundle.

    Args:
        networks: of one system, by the names of their training stages; its pipeline says what they take and give (see
            `registry.SYSTEMS`, `pipelines`). One network of a name that is not registered is run by
            `pipelines.OneGenerator`.
        hint_spread: one of `propagation.EXTRA_CHANNELS`, as the draft was trained.
        options: how pages are coloured.
        device: where the networks are.
        page_pixels: pixels of a page, or of a window of it, that the networks see at once.

    Attributes:
        system: of the networks.
        pipeline: runs them.
        comparisons: also run the networks that are there to be compared with.
    """

    def __init__(
        self,
        networks: dict[str, nn.Module],
        hint_spread: str,
        options: RenderingOptions,
        device: torch.device | str = "cpu",
        page_pixels: int = PAGE_PIXELS,
    ) -> None:
        self.system = _system_with(networks)
        self.pipeline = self.system.pipeline_class()(networks)
        if self.pipeline.whole_pages:
            page_pixels = WHOLE_PAGE
        super().__init__(options, self.pipeline.multiple, hint_spread, page_pixels)
        self.networks = networks
        self.device = torch.device(device)
        self.takes_hints, self.drafts, self.samples = self.system.takes_hints, self.system.drafts, self.system.samples
        self.grey_pages, self.variants = self.pipeline.grey_pages, self.pipeline.variants
        self.comparisons = False

    @classmethod
    def load(
        cls,
        bundle_or_run: str | Path | None = None,
        device: torch.device | str = "cpu",
        **changes: Any,
    ) -> "LineColorizer":
        """Load a trained system.

        Args:
            bundle_or_run: the folder of a bundle or of a run that has one; None takes the bundled weights.
            device: to colour on; `auto` takes the fastest there is.
            changes: of `RenderingOptions`, such as blend or resolution; without them, or with None, the bundle's own.
                A larger resolution shows the networks finer detail, and less of the page's meaning.

        Raises:
            FileNotFoundError: if there is no bundle.
            ValueError: if it is damaged or of another architecture, for a device that is not there, or an option that
                cannot be.
        """
        card, networks = load_bundle(find_bundle(bundle_or_run))
        options = RenderingOptions.from_mapping(card).changed(**changes)
        if isinstance(device, str):
            device = find_device(device)
        # In evaluation mode for good: pages may be coloured from several threads, and `running` leaves it as it was.
        on_device = {name: network.to(device).eval() for name, network in networks.items()}
        return cls(on_device, card["hint_spread"], options, device)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Evaluation mode without gradients; live networks go back to training after it."""
        was_training = [network.training for network in self.networks.values()]
        for network in self.networks.values():
            network.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for network, training in zip(self.networks.values(), was_training, strict=True):
                network.train(training)

    def color_window(self, page: Channels, inputs: Channels) -> NetworkOutput:
        """Run the networks; see `PageColorizer.color_window`."""
        line, half = (torch.from_numpy(np.ascontiguousarray(part))[None].to(self.device) for part in (page, inputs))
        options = WindowOptions(
            draft_only=self.draft_only,
            seed=self.seed,
            temperature=self.options.temperature,
            comparisons=self.comparisons,
        )
        colors = self.pipeline.color(line, half, options)
        extras = {title: _array(picture) for title, picture in colors.extras.items()}
        return NetworkOutput(_array(colors.color), None if colors.draft is None else _array(colors.draft), extras)


def _system_with(networks: Mapping[str, nn.Module]) -> System:
    """The system of these networks; one of an unknown name is a generator of its own, without registration."""
    try:
        return system_with(networks)
    except ValueError:
        if len(networks) > 1:
            raise
        return System("unregistered", tuple(Stage(name, type(network).__name__) for name, network in networks.items()))


def _array(picture: Tensor) -> Channels:
    return picture.float()[0].cpu().numpy()

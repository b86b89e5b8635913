"""LineColorizer: trained networks in, line art and hints in, a coloured picture of the line's own size out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from linecolor.arrays import Channels
from linecolor.rendering.blending import BlendMode
from linecolor.rendering.options import check_resolution
from linecolor.rendering.page_colorizer import PAGE_PIXELS, PageColorizer
from linecolor.rendering.result import WITHOUT_BACKGROUND, Painted
from linecolor.systems import comic
from linecolor.systems.bundle import find_bundle, load_bundle
from linecolor.systems.names import whole_multiple

WHOLE_PAGE = 1 << 26
"""Pixels of a page at network size that the comic colorizer sees at once: of any page there is."""
BACKGROUND, LOW_COLOR = "background", "low-resolution colour"
"""What the comic colorizer shows beside its result."""


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
        raise ValueError(f"device {wanted} is not to be had here; there is {there}")
    return torch.device(wanted)


class LineColorizer(PageColorizer):
    """The whole chain with networks in torch, live ones in training or loaded from a bundle.

    Args:
        networks: by the names of their training stages. `draft`: (line, hint[, spread]) -> colour, at half the
            resolution; `colorizer`: (line, draft) -> colour, without it the enlarged draft stands in its place. Or
            one network of any other name: (line, hint) -> colour at the resolution, the hint at half of it. Or those of
            the comic colorizer; see `comic.color_comic`.
        resolution: side S of a training crop in pixels.
        hint_spread: one of `hints.SPREAD_CHANNELS`, as the draft was trained.
        blend_mode: `clean`, `paper`, `none` or `luma`; see `blending.blend`.
        device: where the networks are.
        page_pixels: pixels of a page, or of a window of it, that the networks see at once.

    Attributes:
        with_plain: also colour with the comic colorizer's network that knows of no background.
    """

    def __init__(
        self,
        networks: dict[str, nn.Module],
        resolution: int,
        hint_spread: str,
        blend_mode: BlendMode = "clean",
        device: torch.device | str = "cpu",
        page_pixels: int = PAGE_PIXELS,
    ) -> None:
        super().__init__(resolution, whole_multiple(networks), hint_spread, blend_mode, page_pixels)
        self.networks = networks
        self.device = torch.device(device)
        self.samples = comic.LOW in networks
        if self.samples:
            # In windows a background would be sampled anew in each, and have a colour in each.
            self.page_pixels = WHOLE_PAGE
        self.takes_hints = not self.samples
        self.grey_pages = self.samples and getattr(networks[comic.LOW], "channels", "rgb") == "chroma"
        self.with_plain = False

    @classmethod
    def load(
        cls,
        bundle_or_run: str | Path | None = None,
        blend_mode: BlendMode | None = None,
        device: torch.device | str = "cpu",
        resolution: int | None = None,
    ) -> "LineColorizer":
        """Load a trained system.

        Args:
            bundle_or_run: the folder of a bundle or of a run that has one; None takes the weights in the box.
            blend_mode: None takes the bundle's own.
            device: to colour on; `auto` takes the fastest there is.
            resolution: short side in pixels at which the networks see a page; None takes the bundle's own. A larger
                one shows them finer detail, and less of the page's meaning.

        Raises:
            FileNotFoundError: if there is no bundle.
            ValueError: if it is damaged or of another architecture, for a device that is not there, or a resolution or
                blend mode that cannot be.
        """
        card, networks = load_bundle(find_bundle(bundle_or_run))
        check_resolution(resolution)
        if isinstance(device, str):
            device = find_device(device)
        # In evaluation mode for good: pages may be coloured from several threads, and `running` leaves it as it was.
        on_device = {name: network.to(device).eval() for name, network in networks.items()}
        side = resolution or card["resolution"]
        colorizer = cls(on_device, side, card["hint_spread"], blend_mode or card["blend"], device)
        colorizer.mirrored = card["mirrored"]
        colorizer.enforce_hints = card["enforce_hints"]
        colorizer.temperature = card["temperature"]
        return colorizer

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

    def color_window(self, page: Channels, inputs: Channels) -> Painted:
        """Run the networks; see `PageColorizer.color_window`."""
        line, half = (torch.from_numpy(np.ascontiguousarray(part))[None].to(self.device) for part in (page, inputs))
        if comic.LOW in self.networks:
            return self._color_comic(half[:, :1], half[:, 1:5])
        if "draft" not in self.networks:
            (generator,) = self.networks.values()
            return Painted(_array(generator(line, half[:, 1:])))
        draft = self.networks["draft"](half).float()
        enlarged = _doubled(draft)
        if "colorizer" in self.networks and not self.draft_only:
            enlarged = self.networks["colorizer"](line, enlarged)
        return Painted(_array(enlarged), _array(draft))

    def _color_comic(self, line: Tensor, hint: Tensor) -> Painted:
        """The comic colorizer sees a page at half of its resolution, as the draft does."""
        made = comic.color_comic(self.networks, line, self.seed, self.temperature, self.with_plain, hint)
        beside = {}
        if made.foreground is not None:
            beside[BACKGROUND] = _array(_doubled(comic.background_of(made.foreground) * 2 - 1))
        beside[LOW_COLOR] = _array(nn.functional.interpolate(made.low, scale_factor=2, mode="nearest"))
        if made.plain is not None:
            beside[WITHOUT_BACKGROUND] = _array(_doubled(made.plain))
        return Painted(_array(_doubled(made.color)), beside=beside)


def _array(picture: Tensor) -> Channels:
    return picture.float()[0].cpu().numpy()


def _doubled(picture: Tensor) -> Tensor:
    return nn.functional.interpolate(picture.float(), scale_factor=2, mode="bilinear", align_corners=False)

"""PSNR and SSIM on whole pictures and their foreground.

White paper inflates PSNR by 3-5 dB and leaves SSIM hardly any room (bare line art scores 0.95), therefore
every figure exists twice: over the whole picture, and over its foreground alone. All of them compare 8-bit
RGB.
"""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from linecolor.arrays import Mask, Picture

IDENTICAL_PSNR = 100.0
WINDOW = 7
# 32 rows keep the float64 maps of a band near the cache: 1.5 MB each on a picture 2,048 px wide.
BAND_ROWS = 32
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def psnr(image: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio of one picture, peak 255.

    Args:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W, 3) uint8 RGB.
        mask: (H, W) bool; the mean square error is taken over its True pixels only.

    Returns:
        dB, 100 for identical pictures; NaN if the mask is empty.

    Raises:
        ValueError: the pictures are not 8-bit RGB of one size, or the mask has another size.
    """
    _check_pair(image, truth, mask)
    if mask is None:
        squares, pixels = cv2.norm(image, truth, cv2.NORM_L2SQR), image.shape[0] * image.shape[1]
    else:
        squares, pixels = cv2.norm(image, truth, cv2.NORM_L2SQR, mask.view(np.uint8)), int(mask.sum())
    if pixels == 0:
        return math.nan
    return IDENTICAL_PSNR if squares == 0 else min(10 * math.log10(255**2 * 3 * pixels / squares), IDENTICAL_PSNR)


def ssim(image: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Structural similarity of one picture: 7 x 7 uniform window, sample covariance, data range 255.

    The mean over the channels of the SSIM map without its border of 3 px, which is scikit-image's default
    (Wang et al. 2004). With a mask, the mean over the mask's pixels inside that border.

    Args:
        image: (H, W, 3) uint8 RGB, H and W at least 7.
        truth: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.

    Returns:
        At most 1, which identical pictures have; NaN if the mask is empty inside the border.

    Raises:
        ValueError: the pictures are not 8-bit RGB of one size of 7 px and more, or the mask has another size.
    """
    whole, masked = whole_and_foreground_ssim(image, truth, mask)
    return whole if mask is None else masked


def whole_and_foreground_ssim(image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
    """`ssim` of the whole picture and of the mask's pixels in one pass; the second is NaN without a mask."""
    _check_pair(image, truth, mask)
    height, width = image.shape[:2]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} px, got {width} x {height}")
    cut = WINDOW // 2
    whole = masked = 0.0
    for top in range(cut, height - cut, BAND_ROWS):
        bottom = min(top + BAND_ROWS, height - cut)
        similarity = _ssim_rows(image[top - cut : bottom + cut], truth[top - cut : bottom + cut])
        whole += float(similarity.sum())
        if mask is not None:
            masked += float(similarity[mask[top:bottom, cut : width - cut]].sum())
    inside = 0 if mask is None else int(mask[cut : height - cut, cut : width - cut].sum())
    return whole / ((height - 2 * cut) * (width - 2 * cut)), masked / inside if inside else math.nan


def _ssim_rows(image: Picture, truth: Picture) -> NDArray[np.float64]:
    """(h, w, 3) rows -> (h - 6, w - 6) SSIM, mean of the channels. The window sums are exact integers."""
    count = WINDOW**2
    x, y = image.astype(np.float64), truth.astype(np.float64)
    sum_x, sum_y, sum_xy = _window_sum(x), _window_sum(y), _window_sum(x * y)
    sum_squares = _window_sum(x * x + y * y)
    product = sum_x * sum_y
    sum_x *= sum_x
    sum_y *= sum_y
    squares = np.add(sum_x, sum_y, out=sum_x)
    numerator = (2 / count**2 * product + C1) * (2 / (count - 1) * (sum_xy - product / count) + C2)
    denominator = (squares / count**2 + C1) * ((sum_squares - squares / count) / (count - 1) + C2)
    numerator /= denominator
    return numerator.mean(axis=2)


def _window_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    cut = WINDOW // 2
    sums = np.empty_like(values)
    cv2.boxFilter(values, -1, (WINDOW, WINDOW), sums, normalize=False)
    return sums[cut:-cut, cut:-cut]


def _check_pair(image: Picture, truth: Picture, mask: Mask | None) -> None:
    for name, picture in (("image", image), ("truth", truth)):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError(f"{name} should be (H, W, 3) uint8 RGB, is {picture.shape} {picture.dtype}")
    if image.shape != truth.shape:
        raise ValueError(f"image is {image.shape} and truth {truth.shape}; resize one to the other's size first")
    if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.bool_):
        raise ValueError(f"mask should be {image.shape[:2]} bool, is {mask.shape} {mask.dtype}")


class _PerPicture(Metric):
    """Collects one value a picture, for whole and foreground; never pools pixels of different pictures."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    whole: list[Tensor]
    foreground: list[Tensor]
    quantity: str

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("whole", [], dist_reduce_fx="cat")
        self.add_state("foreground", [], dist_reduce_fx="cat")

    def update(self, image: Picture | Tensor, truth: Picture | Tensor, foreground: Mask | Tensor | None = None) -> None:
        """Measure one picture or a batch.

        Args:
            image: (H, W, 3) uint8 array, or (B, 3, H, W) tensor, RGB, uint8 or float in [-1, 1] (rounded to 8
                bits).
            truth: the same for the true colours.
            foreground: (H, W) bool array, or (B, H, W) or (B, 1, H, W) bool tensor; None, or a mask without
                any True, leaves the picture out of the foreground's statistics.

        Raises:
            ValueError: shapes or types do not fit.
        """
        images, truths = _pictures(image), _pictures(truth)
        masks = [None] * len(images) if foreground is None else _masks(foreground)
        if not len(images) == len(truths) == len(masks):
            raise ValueError(f"{len(images)} images, {len(truths)} truths and {len(masks)} foregrounds do not pair up")
        values = [self._measure(*triple) for triple in zip(images, truths, masks)]
        # float32, because a rank without pictures takes part in the gathering with a float32 placeholder.
        whole, masked = torch.tensor(values, dtype=torch.float32, device=self.device).reshape(-1, 2).T
        self.whole.append(whole)
        self.foreground.append(masked)

    def compute(self) -> dict[str, float]:
        """Statistics over all pictures of all ranks; std is the population's.

        Returns:
            NAME_mean, NAME_std, NAME_median, the same for NAME_foreground, n (pictures) and n_foreground
            (pictures that have a foreground). A statistic over no pictures is NaN.
        """
        whole = _gathered(self.whole)
        masked = _gathered(self.foreground)
        masked = masked[~np.isnan(masked)]
        return {
            **_statistics(self.quantity, whole),
            **_statistics(f"{self.quantity}_foreground", masked),
            "n": whole.size,
            "n_foreground": masked.size,
        }

    def _measure(self, image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
        raise NotImplementedError


class FullSizePSNR(_PerPicture):
    """PSNR in dB per picture, whole and foreground: `psnr_mean`, `psnr_foreground_mean`, ... See `psnr`."""

    quantity = "psnr"

    def _measure(self, image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
        return psnr(image, truth), math.nan if mask is None else psnr(image, truth, mask)


class FullSizeSSIM(_PerPicture):
    """SSIM per picture, whole and foreground: `ssim_mean`, `ssim_foreground_mean`, ... See `ssim`."""

    quantity = "ssim"

    def _measure(self, image: Picture, truth: Picture, mask: Mask | None) -> tuple[float, float]:
        return whole_and_foreground_ssim(image, truth, mask)


def _pictures(pictures: Picture | Tensor) -> list[Picture]:
    if isinstance(pictures, np.ndarray):
        return [pictures]
    if pictures.ndim != 4:
        raise ValueError(f"a tensor of pictures should be (B, 3, H, W), is {tuple(pictures.shape)}")
    if pictures.is_floating_point():
        pictures = ((pictures.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return list(pictures.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _masks(foreground: Mask | Tensor) -> list[Mask | None]:
    if isinstance(foreground, np.ndarray):
        return [foreground]
    if foreground.ndim == 4 and foreground.shape[1] == 1:
        foreground = foreground[:, 0]
    return list(foreground.cpu().numpy())


def _gathered(values: list[Tensor]) -> NDArray[np.float64]:
    # Synchronised list states arrive as one tensor, unsynchronised ones as a list, empty ones as an empty
    # list.
    return dim_zero_cat(values).double().cpu().numpy() if len(values) else np.empty(0)


def _statistics(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    of: dict[str, Callable[[NDArray[np.float64]], Any]] = {
        "mean": np.mean,
        "std": np.std,
        "median": np.median,
    }
    return {f"{name}_{key}": float(function(values)) if values.size else math.nan for key, function in of.items()}

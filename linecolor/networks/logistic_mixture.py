"""The discretised logistic mixture of PixelCNN++ (Salimans et al. 2017): the likelihood of 8-bit colours, and samples.

A value x lies on one of the 256 levels k / 127.5 - 1. Each of M mixtures spreads a logistic around a mean; a level gets
what falls within half a step of it, the outermost ones the whole tail. Inside a pixel the mean of a channel moves with
the channels before it, so that one mixture is one colour and not three independent values.

The P numbers of a pixel are P / M rows of M: a logit, C means, C log-scales, C (C - 1) / 2 coefficients. Coefficients
stand in the order 1 <- 0, 2 <- 0, 2 <- 1 and go through tanh.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_LOG_SCALE = -7.0
"""A logistic of this scale has all but 3 % of its mass on a level at its mean: narrower ones gain little."""
START_LOG_SCALE = -2.0
"""Wide enough that ten logistics, 0.2 apart, overlap at the start."""
HALF_STEP = 1 / 255
"""Half the distance between two levels."""
FEW = 0.05
"""Below this log(1 - exp(-d)) is taken from its series, exact to 2e-9."""


def parameters_of(channels: int, mixtures: int) -> int:
    """How many numbers describe a pixel: 10 a mixture for three channels, 6 for two, 3 for one.

    Raises:
        ValueError: channels are not 1, 2 or 3, or there is no mixture.
    """
    if channels not in (1, 2, 3):
        raise ValueError(f"channels={channels}: a pixel has 3 (RGB), 2 (Cb, Cr) or 1")
    if mixtures < 1:
        raise ValueError(f"mixtures={mixtures}: at least one is needed, PixelCNN++ has 10")
    return mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)


def spread(channels: int, mixtures: int) -> Tensor:
    """Parameters to start a training from, (P,): equally likely mixtures, their means evenly over [-1, 1].

    Mixtures that all start at the same colour would first have to drift apart.
    """
    rows = torch.zeros(parameters_of(channels, 1), mixtures)
    rows[1 : 1 + channels] = (torch.arange(mixtures) + 0.5) * (2 / mixtures) - 1
    rows[1 + channels : 1 + 2 * channels] = START_LOG_SCALE
    return rows.flatten()


def quantise(colors: Tensor) -> Tensor:
    """The nearest of the 256 levels k / 127.5 - 1, values outside [-1, 1] brought to its ends; any shape."""
    return ((colors + 1) * 127.5).round_().clamp_(0, 255).div_(127.5).sub_(1)


def log_likelihood(parameters: Tensor, colors: Tensor) -> Tensor:
    """Log-probability of the pixels' colours, exact for values on the levels.

    Half precision is raised to float32: the logarithm of a difference of two sigmoids needs it.

    Args:
        parameters: (B, P, h, w), as laid out above; anything up to 1e30.
        colors: (B, C, h, w) in [-1, 1], on the levels of `quantise`.

    Returns:
        (B, h, w) in nats, at most 0.

    Raises:
        ValueError: P does not fit C.
    """
    batch, channels, height, width = colors.shape
    each = parameters_of(channels, 1)
    mixtures, rest = divmod(parameters.shape[1], each)
    if rest or not mixtures:
        raise ValueError(f"{parameters.shape[1]} parameters a pixel: {channels} channels need a multiple of {each}")
    precision = torch.promote_types(parameters.dtype, torch.float32)
    rows = parameters.to(precision).view(batch, -1, mixtures, height, width)
    logits, means, log_scales, coefficients = _split(rows, channels)
    x = colors.to(precision)[:, :, None]  # (B, C, 1, h, w)
    before = x.unbind(1)
    moved = [_moved(mean, coefficients, before[:channel]) for channel, mean in enumerate(means.unbind(1))]
    distance = x - torch.stack(moved, dim=1)

    inverse = torch.exp(-log_scales)
    upper, lower = (distance + HALF_STEP) * inverse, (distance - HALF_STEP) * inverse
    # sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - exp(b - a)): nothing cancels, however far out the level lies.
    below, above = F.logsigmoid(upper), F.logsigmoid(-lower)
    inside = below + above + _log_one_minus_exp(2 * HALF_STEP * inverse, math.log(2 * HALF_STEP) - log_scales)
    log_probabilities = torch.where(x < HALF_STEP - 1, below, torch.where(x > 1 - HALF_STEP, above, inside))
    return torch.logsumexp(F.log_softmax(logits[:, 0], dim=1) + log_probabilities.sum(dim=1), dim=1)


def negative_log_likelihood(parameters: Tensor, colors: Tensor) -> Tensor:
    """The mean over all values in bits per channel value ("bits/dim"), 0 or more; a uniform guess costs 8.

    Arguments as of `log_likelihood`.
    """
    return -log_likelihood(parameters, colors).mean() / (colors.shape[1] * math.log(2))


def noise(uniforms: Tensor, channels: int, temperature: float = 1.0) -> Tensor:
    """The noise of a sample (..., M + C): Gumbel for the mixtures, standard logistic for the channels.

    Args:
        uniforms: (..., M + C) in (0, 1): M choose the mixture, C the channels' values. 0 and 1 are moved inside.
        channels: C.
        temperature: what the noise is multiplied by: 1 draws from the model, 0 takes the mean of the most likely
            mixture.

    Raises:
        ValueError: the temperature is negative.
    """
    if temperature < 0:
        raise ValueError(f"temperature={temperature} is negative: use 1 to draw from the model, 0 for its best guess")
    tiny = torch.finfo(uniforms.dtype).eps
    uniforms = uniforms.clamp(tiny, 1 - tiny)
    gumbel = -torch.log(-torch.log(uniforms[..., :-channels]))
    return temperature * torch.cat([gumbel, torch.logit(uniforms[..., -channels:])], dim=-1)


def draw(parameters: Tensor, noise: Tensor, channels: int) -> Tensor:
    """Draw colours (B, C) on the levels of `quantise`: a mixture by Gumbel-max, then channel after channel.

    Each channel is rounded to its level before the mean of the next one moves with it, as `log_likelihood` models it.
    Parameters are (B, P); noise is (B, M + C) by `noise`, and the same noise gives the same colours.
    """
    mixtures = noise.shape[1] - channels
    rows = parameters.view(len(parameters), -1, mixtures)
    chosen = torch.argmax(rows[:, 0] + noise[:, :mixtures], dim=1)
    row = rows.gather(2, chosen[:, None, None].expand(-1, rows.shape[1], 1))[..., 0]
    _, means, log_scales, coefficients = _split(row, channels)
    values = torch.addcmul(means, torch.exp(log_scales), noise[:, mixtures:])
    colors: list[Tensor] = []
    for value in values.unbind(1):
        colors.append(quantise(_moved(value, coefficients, colors)))
    return torch.stack(colors, dim=1)


def _split(rows: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Rows (B, P / M, ...) -> logits (B, 1, ...), means and log-scales (B, C, ...), coefficients for `_moved`."""
    logits, means, log_scales, raw = rows.split((1, channels, channels, rows.shape[1] - 2 * channels - 1), dim=1)
    return logits, means, log_scales.clamp(min=LEAST_LOG_SCALE), torch.tanh(raw).unbind(1)


def _moved(mean: Tensor, coefficients: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
    """The mean of a channel (B, ...), given the channels before it."""
    first = len(before) * (len(before) - 1) // 2
    for coefficient, color in zip(coefficients[first:], before):
        mean = torch.addcmul(mean, coefficient, color)
    return mean


def _log_one_minus_exp(width: Tensor, log_width: Tensor) -> Tensor:
    """log(1 - exp(-d)) for d > 0, from d and log d, so that a d that underflows still has a gradient."""
    exact = torch.log(-torch.expm1(-width.clamp(min=FEW)))
    series = log_width - width / 2 + width.square() / 24
    return torch.where(width > FEW, exact, series)

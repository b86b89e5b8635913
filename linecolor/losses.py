"""The losses of Lee & Lee 2020, section 3.5, and those of its baselines. They compute and never step."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Equation 2 for D: -log D(c) - log(1 - D(G)), means over the batch; logits (B, 1), D = sigmoid."""
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return adversarial_loss(real_logits) + fake


def critic_loss(real_scores: Tensor, fake_scores: Tensor, drift: float) -> Tensor:
    """The Wasserstein critic's loss, to be minimised: E D(fake) - E D(real) + drift * (E D(real))^2 (Ci et al. 2018).

    Scores are (B, 1); `drift` is the weight that keeps them near 0, 1e-3 as published.
    """
    real = real_scores.mean()
    return fake_scores.mean() - real + drift * real**2


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor, over: str
) -> Tensor:
    """How far the critic's slope between true and generated pictures is from 1: mean of (|grad| - 1)^2.

    Over a `picture` the norm is that of Gulrajani et al. 2017. Ci et al.'s text has the same, their code takes it over
    the channels of each `pixel`: a critic may then be steeper by the square root of the number of pixels, and its
    weight of 1e-4 belongs to that.

    Args:
        critic: pictures (B, 3, S, S) -> scores (B, 1).
        real: (B, 3, S, S).
        fake: (B, 3, S, S), without gradient.
        share: (B, 1, 1, 1) in [0, 1], the true picture's share of each mixture.
        over: `picture` or `pixel`.

    Raises:
        ValueError: for another `over`.
    """
    if over not in ("picture", "pixel"):
        raise ValueError(f"the gradient penalty is taken over a picture or a pixel, not over {over!r}")
    mixed = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    # The root's own slope is infinite at 0.
    flat = slope.float().flatten(1) if over == "picture" else slope.float()
    norm = (flat.square().sum(1) + 1e-12).sqrt()
    return (norm - 1).square().mean()


def adversarial_loss(fake_logits: Tensor) -> Tensor:
    """Equation 2 for G in its non-saturating form, -log D(G): the authors' code and Goodfellow's advice."""
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def reconstruction_loss(color: Tensor, truth: Tensor) -> Tensor:
    """Equations 3 and 5: the mean absolute difference; both (B, 3, H, W) in [-1, 1]."""
    return F.l1_loss(color, truth)


class ContentLoss(nn.Module):
    """Equation 4: mean squared difference of the features of the fourth convolution of VGG16.

    Args:
        features: maps (B, 3, H, W) in [-1, 1] to features; frozen, but gradients pass through it to the generator.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        # In a tuple the frozen network stays out of state_dict() and parameters(): it is no part of a checkpoint
        # and nothing for DDP to wait for.
        self._features = (features,)

    def forward(self, color: Tensor, truth: Tensor) -> Tensor:
        """Both (B, 3, H, W) RGB in [-1, 1] -> a scalar; no gradient flows to `truth`."""
        features = self._features[0]
        with torch.no_grad():
            wanted = features(truth)
        return F.mse_loss(features(color), wanted)

    def _apply(self, fn, recurse: bool = True):  # type: ignore[no-untyped-def]  # torch's own signature
        """Follow `.to(device)` although hidden from the module tree."""
        self._features[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

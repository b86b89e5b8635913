import math

import pytest
import torch
from torch import nn

from linecolor import losses
from linecolor.networks.features import VGG16Relu22


def test_adversarial_losses_on_fixed_logits():
    real, fake = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.0], [3.0]])

    def minus_log_sigmoid(x: float) -> float:
        return math.log1p(math.exp(-x))

    for_real = (minus_log_sigmoid(2) + minus_log_sigmoid(-1)) / 2
    for_fake = (minus_log_sigmoid(-0.0) + minus_log_sigmoid(-3)) / 2
    assert losses.discriminator_loss(real, fake).item() == pytest.approx(for_real + for_fake, rel=1e-6)
    generator = (minus_log_sigmoid(0) + minus_log_sigmoid(3)) / 2
    assert losses.adversarial_loss(fake).item() == pytest.approx(generator, rel=1e-6)


def test_reconstruction_is_the_mean_absolute_difference():
    color, truth = torch.tensor([[[[0.5, -1.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    assert losses.reconstruction_loss(color, truth).item() == pytest.approx(1.25)


def test_content_loss_value_on_a_fixed_picture():
    ramp = torch.linspace(-1, 1, 16)
    color = torch.stack([ramp.expand(16, 16), ramp.expand(16, 16).T, -ramp.expand(16, 16)])[None]
    content = losses.ContentLoss(VGG16Relu22())
    assert content(color, color).item() == 0
    assert content(color, torch.ones_like(color)).item() == pytest.approx(11.23746, rel=1e-4)


def test_the_gradient_of_the_content_loss_reaches_the_generator_alone():
    generator, content = nn.Conv2d(3, 3, 1), losses.ContentLoss(VGG16Relu22())
    truth = torch.rand(1, 3, 16, 16).requires_grad_()
    content(generator(truth.detach() * 2 - 1), truth).backward()
    assert generator.weight.grad is not None
    assert generator.weight.grad.abs().sum() > 0
    assert truth.grad is None
    assert not list(content.parameters())
    assert not content.state_dict(), "the content network would be saved"


def test_the_critics_loss_on_fixed_scores():
    real, fake = torch.tensor([[2.0], [4.0]]), torch.tensor([[-1.0], [0.0]])
    assert losses.critic_loss(real, fake, drift=0.001).item() == pytest.approx(-0.5 - 3 + 0.001 * 9)


def test_the_gradient_penalty_of_a_linear_critic_is_the_closed_form():
    weights = torch.randn(3 * 4 * 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    real, fake = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)
    share = torch.rand(5, 1, 1, 1)
    penalty = losses.gradient_penalty(lambda x: x.flatten(1) @ weights[:, None], real, fake, share, "picture")
    assert penalty.item() == pytest.approx((weights.norm().item() - 1) ** 2, rel=1e-5)
    penalty.backward()
    expected = 2 * (weights.norm() - 1) * weights / weights.norm()
    torch.testing.assert_close(weights.grad, expected.detach(), rtol=1e-4, atol=1e-5)


def test_the_gradient_penalty_is_taken_between_the_two_pictures():
    """Of a critic x^2 / 2 the slope is the picture itself."""
    real, fake = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 1.0)
    share = torch.full((1, 1, 1, 1), 0.25)
    penalty = losses.gradient_penalty(lambda x: x.flatten(1) ** 2 / 2, real, fake, share, "picture")
    assert penalty.item() == pytest.approx((0.25 * 3 + 0.75 * 1 - 1) ** 2, rel=1e-5)


def test_the_penalty_of_a_pixel_is_taken_over_its_channels_alone():
    """Of a critic with the same slope (3, 0, 4) everywhere, each pixel's is 5, however large the picture."""
    slope = torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1)
    real, fake, share = torch.rand(2, 3, 8, 6), torch.rand(2, 3, 8, 6), torch.rand(2, 1, 1, 1)
    penalty = losses.gradient_penalty(lambda x: (x * slope).sum((1, 2, 3))[:, None], real, fake, share, "pixel")
    assert penalty.item() == pytest.approx(16.0, rel=1e-5)
    with pytest.raises(ValueError, match="over a picture or a pixel, not over 'page'"):
        losses.gradient_penalty(lambda x: x.flatten(1).sum(1, keepdim=True), real, fake, share, "page")

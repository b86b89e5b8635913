"""What the comic colorizer computes between its networks, on fixed tensors."""

import pytest
import torch
from torch import Tensor, nn

from linecolor.systems import comic


def page(*rows: list[float]) -> Tensor:
    """A grey page (1, 3, H, W) of these rows."""
    return torch.tensor(rows).expand(1, 3, -1, -1)


def mask(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)[None, None]


@pytest.mark.parametrize(
    ("color", "area", "expected"),
    [
        (page([1.0, -1.0], [0.5, 0.0]), mask([1.0, 0.0], [1.0, 0.0]), [0.75]),
        (page([1.0, 0.0]), mask([0.5, 1.0]), [1 / 3]),  # half belonging counts half
        (torch.cat([page([1.0, 1.0]), page([-1.0, -1.0])]), torch.ones(2, 1, 1, 2), [1.0, -1.0]),
    ],
)
def test_the_mean_is_taken_over_the_area_of_each_page_alone(color, area, expected):
    wanted = torch.tensor(expected).view(-1, 1, 1, 1).expand(-1, 3, -1, -1)
    torch.testing.assert_close(comic.mean_color(color, area), wanted, atol=2e-3, rtol=0)


def test_no_area_has_the_mean_of_the_page_and_a_finite_gradient():
    area = torch.zeros(1, 1, 1, 2, requires_grad=True)
    mean = comic.mean_color(page([1.0, 0.0]), area)
    mean.sum().backward()
    torch.testing.assert_close(mean.flatten(), torch.full((3,), 0.5))
    assert torch.isfinite(area.grad).all()


# A figure on the left, whose colour is predicted to within 0.1, before an even background, whose colour is not.
TRUTH = page([0.8, -0.4], [0.8, -0.4])
SAMPLED = page([0.7, 0.6], [0.7, 0.2])
RIGHT = mask([1.0, 0.0], [1.0, 0.0])


def test_the_loss_is_least_where_the_background_is_found():
    found = comic.background_loss(SAMPLED, RIGHT, TRUTH)
    torch.testing.assert_close(found, torch.tensor(0.05), atol=1e-3, rtol=0)  # the figure's 0.1 over half of the page
    everything = comic.background_loss(SAMPLED, torch.zeros_like(RIGHT), TRUTH)
    torch.testing.assert_close(everything, torch.tensor(0.6), atol=1e-3, rtol=0)  # everywhere 0.6 from the mean of 0.2
    nothing = comic.background_loss(SAMPLED, torch.ones_like(RIGHT), TRUTH)
    torch.testing.assert_close(nothing, torch.tensor((0.1 + 1.0 + 0.1 + 0.6) / 4), atol=1e-3, rtol=0)


def test_the_truth_is_not_evened():
    """Else a page that is all background would always be the best answer."""
    striped = page([1.0, -1.0], [1.0, -1.0])
    assert comic.background_loss(striped, torch.zeros_like(RIGHT), striped) == 1
    assert comic.background_loss(striped, torch.ones_like(RIGHT), striped) == 0


def test_the_gradient_leads_from_doubt_to_the_background():
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    comic.background_loss(SAMPLED, logits.sigmoid(), TRUTH).backward()
    figure, background = logits.grad[..., 0], logits.grad[..., 1]
    assert (figure < 0).all()
    assert (background > 0).all()


def test_ink_counts_little_in_the_polish_unless_it_is_told_to():
    line = mask([1.0, -1.0])  # paper, ink
    polished, truth = page([0.2, 0.9]), page([0.0, -0.1])
    torch.testing.assert_close(comic.polishing_loss(polished, truth, line, 1.0), torch.tensor(0.6))
    torch.testing.assert_close(comic.polishing_loss(polished, truth, line, 0.0), torch.tensor(0.2))
    torch.testing.assert_close(comic.polishing_loss(polished, truth, line, 0.25), torch.tensor((0.2 + 0.25) / 1.25))


def test_the_ten_channels():
    line = mask([1.0, -1.0], [1.0, 1.0])
    low = page([0.2, 0.4], [0.6, 0.8])
    foreground = mask([0.9, 0.1], [0.9, 0.1])
    covered = mask([0.0, 1.0], [0.0, 1.0])
    mean = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    channels = comic.polishing_input(line, low, foreground, covered, mean)
    assert channels.shape == (1, 10, 2, 2)
    assert torch.equal(channels[:, :1], line)
    torch.testing.assert_close(channels[:, 1], torch.tensor([[[0.2, 0.6], [0.6, 0.6]]]), atol=1e-3, rtol=0)
    assert torch.equal(channels[:, 4:5], foreground)
    assert torch.equal(channels[:, 5:6], 1 - foreground)
    assert torch.equal(channels[:, 6:7], covered)
    torch.testing.assert_close(channels[0, 7:, 1, 1], mean.flatten())


def test_random_masks_cover_nothing_to_nearly_everything_and_are_the_streams_own():
    torch.manual_seed(3)
    masks = comic.random_masks(400, (24, 16), torch.device("cpu"))
    share = masks.mean((1, 2, 3))
    assert masks.shape == (400, 1, 24, 16)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert 0.1 < (share == 0).float().mean() < 0.3
    assert share.max() > 0.8
    assert 0.3 < share.mean() < 0.5
    torch.manual_seed(3)
    assert torch.equal(masks, comic.random_masks(400, (24, 16), torch.device("cpu")))


class Cells(nn.Module):
    """Paints noise in cells of four pixels."""

    def cells(self, height: int, width: int) -> tuple[int, int]:
        return height // 4, width // 4

    def draw_uniforms(self, batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        return torch.rand(batch, 3, height, width, generator=generator)

    def sample(self, line: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        return (uniforms * 2 - 1) * temperature


class LeftHalf(nn.Module):
    """Sees background on the left."""

    def forward(self, line: Tensor) -> Tensor:
        foreground = torch.full_like(line, 0.9)
        foreground[..., : line.shape[-1] // 2] = 0.2
        return foreground


class Filled(nn.Module):
    """Paints what the low-resolution channels say."""

    def forward(self, channels: Tensor) -> Tensor:
        return channels[:, 1:4]


LINE = torch.ones(1, 1, 16, 32)


def test_the_background_found_is_painted_in_its_mean():
    networks = {comic.LOW: Cells(), comic.DETECTOR: LeftHalf(), comic.POLISHING: Filled(), comic.PLAIN: Filled()}
    made = comic.color_comic(networks, LINE, 0, 1.0, with_plain=True)
    left = made.color[..., :16]
    assert left.var((2, 3)).max() < 1e-9
    torch.testing.assert_close(
        left[0, :, 0, 0],
        comic.enlarge(Cells().sample(LINE, uniforms(), 1.0), (16, 32))[..., :16].mean((0, 2, 3)),
        atol=1e-4,
        rtol=0,
    )
    assert made.color[..., 16:].var() > 0.01
    assert made.extras[comic.WITHOUT_BACKGROUND][..., :16].var() > 0.01


def uniforms() -> Tensor:
    return Cells().draw_uniforms(1, 4, 8, torch.Generator().manual_seed(0))


def test_a_hint_on_the_background_gives_it_its_colour_and_one_elsewhere_does_not():
    networks = {comic.LOW: Cells(), comic.DETECTOR: LeftHalf(), comic.POLISHING: Filled()}
    wanted = torch.tensor([0.5, -0.25, 0.75]).view(1, 3, 1, 1)
    hint = torch.zeros(1, 4, 16, 32)
    hint[:, :, 3:5, 20:22] = torch.tensor([-1.0, -1.0, -1.0, 1.0]).view(1, 4, 1, 1)
    free = comic.color_comic(networks, LINE, 0, 1.0, False)
    assert torch.equal(comic.color_comic(networks, LINE, 0, 1.0, False, hint).color, free.color)
    hint[:, :3, 3:5, 4:6], hint[:, 3:, 3:5, 4:6] = wanted, 1
    made = comic.color_comic(networks, LINE, 0, 1.0, False, hint)
    torch.testing.assert_close(made.color[..., :16], wanted.expand(-1, -1, 16, 16), atol=2e-3, rtol=0)
    assert torch.equal(made.color[..., 16:], free.color[..., 16:])


def test_without_a_polishing_network_the_plain_one_is_the_last():
    networks = {comic.LOW: Cells(), comic.DETECTOR: LeftHalf(), comic.PLAIN: Filled()}
    made = comic.color_comic(networks, LINE, 0, 1.0, with_plain=False)
    assert torch.equal(made.color, comic.enlarge(Cells().sample(LINE, uniforms(), 1.0), (16, 32)))
    assert comic.WITHOUT_BACKGROUND not in made.extras


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_networks_colour_as_far_as_they_go(count):
    networks = dict([(comic.LOW, Cells()), (comic.DETECTOR, LeftHalf()), (comic.POLISHING, Filled())][:count])
    made = comic.color_comic(networks, LINE, 0, 1.0, with_plain=True)
    assert made.color.shape == (1, 3, 16, 32)
    assert comic.WITHOUT_BACKGROUND not in made.extras
    assert (comic.BACKGROUND in made.extras) == (count > 1)


def test_a_seed_is_a_candidate_and_the_same_again():
    networks = {comic.LOW: Cells()}
    first, again, other = (
        comic.color_comic(networks, LINE, seed, 1.0, False).extras[comic.LOW_COLOR] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)

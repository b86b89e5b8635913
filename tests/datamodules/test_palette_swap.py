import numpy as np
import torch

from datamodules.palette_swap import swap_palette
from datamodules.recipe import PALETTE_SIZE

RED, BLUE, GREEN = (220.0, 60.0, 50.0), (60.0, 110.0, 220.0), (40.0, 180.0, 90.0)


def drawing() -> tuple[torch.Tensor, torch.Tensor]:
    """Red on the left, blue on the right, a black line between them with soft edges, white paper round it."""
    color = torch.full((1, 3, 20, 40), 255.0)
    color[0, :, 2:18, 2:20] = torch.tensor(RED)[:, None, None]
    color[0, :, 2:18, 20:38] = torch.tensor(BLUE)[:, None, None]
    color[0, :, 2:18, 19] *= 0.5
    color[0, :, 2:18, 20] = 0
    alpha = torch.zeros(1, 1, 20, 40, dtype=torch.uint8)
    alpha[0, 0, 2:18, 2:38] = 255
    return color.round().to(torch.uint8), alpha


def choices(others: list[tuple], exchange: bool, order: list[int] | None = None) -> tuple[torch.Tensor, ...]:
    palette = torch.zeros(1, PALETTE_SIZE, 3)
    palette[0, : len(others)] = torch.tensor(others).view(-1, 3)
    kept = torch.zeros(1, PALETTE_SIZE, dtype=torch.bool)
    return palette, kept, torch.tensor([order or list(range(PALETTE_SIZE))]), torch.tensor([exchange])


def test_palette_change_places():
    color, alpha = drawing()
    found = swap_palette(color, alpha, *choices([], True, [1, 0, 2, 3, 4, 5]))
    # Of equal size: which of the two is the first does not matter.
    np.testing.assert_allclose(found[0, :, 10, 5], BLUE, atol=3)
    np.testing.assert_allclose(found[0, :, 10, 30], RED, atol=3)


def test_others_come_in_a_shade_stays_a_shade_and_paper_and_ink_stay():
    color, alpha = drawing()
    found = swap_palette(color, alpha, *choices([GREEN, GREEN], False))
    np.testing.assert_allclose(found[0, :, 10, 5], GREEN, atol=3)
    fringe = found[0, :, 10, 19].numpy().astype(float)
    assert np.abs(fringe - np.array(GREEN) / 2).max() < np.abs(fringe - np.array(RED) / 2).max()
    assert (found[:, :, :2] == 255).all()
    assert (found[0, :, 2:18, 20] < 5).all()


def test_kept_palette_and_empty_pages_stay_as_they_are():
    color, alpha = drawing()
    others, kept, order, exchange = choices([GREEN, GREEN], False)
    assert (swap_palette(color, alpha, others, ~kept, order, exchange) == color).all()
    assert (swap_palette(color, alpha * 0, others, kept, order, exchange) == color).all()

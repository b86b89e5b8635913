"""Line, hint and colour from a batch of colour crops and their recipes, on the device."""

from dataclasses import fields

import kornia
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datamodules.pair_settings import PairSettings
from datamodules.palette_swap import swap_palette
from linecolor.artifacts import ArtifactRecipe
from linecolor.hints import propagation, torch_hints
from linecolor.lineart import lines, torch_lines
from linecolor.lineart.methods import METHODS, REAL_CODE, LineMethod
from linecolor.samples import LineArtBatch


class PairSynthesizer:
    """Executes recipes. It draws nothing at random: the same batch gives the same pairs, on any device.

    `pairs` are the settings the recipes were drawn with; `hint_spread` is one of `propagation.EXTRA_CHANNELS`, `none`
    in the paper.
    """

    def __init__(self, pairs: PairSettings, hint_spread: str) -> None:
        propagation.draft_channels(hint_spread)  # refuses an unknown one
        self.pairs = pairs
        self.hint_spread = hint_spread

    @torch.no_grad()
    def __call__(self, batch: dict) -> LineArtBatch:
        """A collated batch of `Illustrations` -> pairs, on the device the batch is on."""
        recipe = batch["recipe"]
        color, alpha, line = self._geometry(batch)
        color = self._photometry(_swapped(color, alpha, recipe), recipe)
        # A sample that asks for a real line that is not there gets its fallback.
        unavailable = (recipe["line_method"] == REAL_CODE) & ~batch["has_line"]
        method = torch.where(unavailable, recipe["line_fallback"], recipe["line_method"])
        line = line.clone()
        self._draw_lines(line, color, method, recipe, of_lines=True)
        color = self._background(color, alpha, recipe)
        # After the paper and without jitter: in a grey picture luma and colour must fit each other.
        grey = self._draw_lines(line, color, method, recipe, of_lines=False)
        draft_color = F.avg_pool2d(color.float(), 2).round().to(torch.uint8)
        draft_line = self._reduced(line, grey)
        choices = (recipe[f"hint_{name}"] for name in ("positions", "points", "sides", "count"))
        hint = torch_hints.paint(draft_line, draft_color, *choices)
        jitter = recipe["jitter"].masked_fill(grey, 1).view(-1, 1, 1, 1)
        return LineArtBatch(
            line=_jittered(line, jitter),
            color=_signed(color),
            draft_line=_jittered(draft_line, jitter),
            draft_color=_signed(draft_color),
            hint=torch_hints.to_network(hint),
            propagated_hints=self._propagated(hint, draft_line),
            artifacts=ArtifactRecipe(**{f.name: recipe[f.name] for f in fields(ArtifactRecipe)}),
            sample_id=batch["sample_id"],
        )

    def _geometry(self, batch: dict) -> tuple[Tensor, Tensor, Tensor]:
        """Flip, turn and zoom colour, alpha and line alike; they stay uint8."""
        recipe = batch["recipe"]
        # One stack, one interpolation: what is moved together stays together to the sub-pixel. Inverted, so that
        # the zeros that come in from outside are white paper and no line.
        paper = torch.cat([255 - batch["color"], batch["alpha"], 255 - batch["line"]], dim=1)
        flip = recipe["flip"]
        if flip.any():
            paper[flip] = paper[flip].flip(-1)
        turned = (recipe["angle"] != 0) | (recipe["zoom"] != 1)
        if turned.any():
            side = paper.shape[-1]
            centre = torch.full((int(turned.sum()), 2), (side - 1) / 2, device=paper.device)
            zoom = recipe["zoom"][turned, None].expand(-1, 2)
            matrix = kornia.geometry.get_rotation_matrix2d(centre, recipe["angle"][turned], zoom)
            moved = kornia.geometry.warp_affine(paper[turned].float(), matrix, (side, side), align_corners=True)
            paper[turned] = moved.round_().clamp_(0, 255).to(torch.uint8)
        return 255 - paper[:, :3], paper[:, 3:4], 255 - paper[:, 4:]

    def _photometry(self, color: Tensor, recipe: dict[str, Tensor]) -> Tensor:
        """Hue, saturation and gamma of the re-coloured samples: white paper and black ink stay what they are."""
        chosen = (recipe["hue"] != 0) | (recipe["saturation"] != 1) | (recipe["gamma"] != 1)
        if not chosen.any():
            return color
        shades = color[chosen].float().flatten(2) / 255
        mixed = torch.bmm(_hue_and_saturation(recipe["hue"][chosen], recipe["saturation"][chosen]), shades)
        mixed = mixed.clamp_(0, 1).view(-1, *color.shape[1:])
        mixed = kornia.enhance.adjust_gamma(mixed, recipe["gamma"][chosen])
        result = color.clone()
        result[chosen] = mixed.mul_(255).round_().clamp_(0, 255).to(torch.uint8)
        return result

    def _draw_lines(
        self, line: Tensor, color: Tensor, method: Tensor, recipe: dict[str, Tensor], of_lines: bool
    ) -> Tensor:
        """Draw the samples whose method makes lines, or makes none, into `line` (B, 1, S, S); which they are, (B,)."""
        drawn = torch.zeros_like(method, dtype=torch.bool)
        for row in METHODS.values():
            if row.is_line == of_lines:
                chosen = method == row.code
                drawn |= chosen
                if not row.parameter:
                    _draw(line, color, chosen, row)
                for index, value in enumerate(self.pairs.line.parameters.get(row.parameter, ())):
                    _draw(line, color, chosen & (recipe[f"line_{row.parameter}"] == index), row, value)
        return drawn

    def _background(self, color: Tensor, alpha: Tensor, recipe: dict[str, Tensor]) -> Tensor:
        """Another paper under the drawing: with alpha a, white shows (1 - a) and is exchanged for the new colour."""
        on = recipe["background_on"]
        if not on.any():
            return color
        share = 1 - alpha[on].float() / 255
        paper = _areas({name: choice[on] for name, choice in recipe.items() if name.startswith("background")}, color)
        result = color.clone()
        result[on] = (color[on].float() - share * (255 - paper)).round_().clamp_(0, 255).to(torch.uint8)
        return result

    def _reduced(self, line: Tensor, grey: Tensor) -> Tensor:
        """Half the size; a grey picture by its mean, a line so that it stays one."""
        if line.device.type != "cpu":
            smaller = torch_lines.reduce(line, 2)
        else:
            half = (line.shape[-2] // 2, line.shape[-1] // 2)
            pages = [torch.from_numpy(lines.reduce(page.numpy(), half)) for page in line[:, 0]]
            smaller = torch.stack(pages)[:, None]
        # Rounded half up, as OpenCV does in use.
        smaller[grey] = (F.avg_pool2d(line[grey].float(), 2) + 0.5).floor().to(torch.uint8)
        return smaller

    def _propagated(self, hint: Tensor, draft_line: Tensor) -> Tensor:
        if self.hint_spread == "none":
            return hint.new_zeros((len(hint), 0, *hint.shape[-2:]), dtype=torch.float32)
        grids, pages = hint.permute(0, 2, 3, 1).cpu().numpy(), draft_line[:, 0].cpu().numpy()
        fills = [propagation.propagate_hints(grid, page, self.hint_spread) for grid, page in zip(grids, pages)]
        return torch.from_numpy(np.stack(fills)).to(hint.device)


def _draw(line: Tensor, color: Tensor, which: Tensor, method: LineMethod, *parameters: float) -> None:
    """Write the lines of the samples `which` (B,) bool into `line` (B, 1, S, S)."""
    samples = which.nonzero().flatten()
    if not len(samples):
        return
    if method.batch and color.device.type != "cpu":
        line[samples] = method.draw_batch(color[samples], *parameters)
        return
    # Picture by picture: on the CPU OpenCV is two orders of magnitude faster than unfolding in torch.
    for sample in samples.tolist():
        picture = np.ascontiguousarray(color[sample].permute(1, 2, 0).cpu().numpy())
        line[sample, 0] = torch.from_numpy(method.draw(picture, *parameters))


def _swapped(color: Tensor, alpha: Tensor, recipe: dict[str, Tensor]) -> Tensor:
    """Another palette for the samples that get one."""
    on = recipe["palette_swap_on"]
    if not on.any():
        return color
    result = color.clone()
    choices = (recipe[f"palette_{name}"][on] for name in ("others", "kept", "order", "exchange"))
    result[on] = swap_palette(color[on], alpha[on], *choices)
    return result


def _areas(recipe: dict[str, Tensor], color: Tensor) -> Tensor:
    """Papers (n, 3, H, W) or (n, 3, 1, 1): one colour, or areas of several, each what is nearest a centre.

    No line lies between them: only hints tell where they are. A network that has seen none takes a second colour of
    hints on open paper for an error and disbelieves it.
    """
    if (recipe["background_areas"] == 1).all():
        return recipe["background"].view(-1, 3, 1, 1)
    height, width = color.shape[-2:]
    ys = (torch.arange(height, device=color.device) + 0.5) / height
    xs = (torch.arange(width, device=color.device) + 0.5) / width
    y, x = recipe["background_centres"][..., 0, None, None], recipe["background_centres"][..., 1, None, None]
    away = (ys[:, None] - y) ** 2 + (xs - x) ** 2
    unused = torch.arange(away.shape[1], device=color.device) >= recipe["background_areas"][:, None]
    nearest = away.masked_fill(unused[..., None, None], torch.inf).argmin(1)
    colors = recipe["background_others"].clone()
    colors[:, 0] = recipe["background"]
    return torch.stack([one[area] for one, area in zip(colors, nearest, strict=True)]).permute(0, 3, 1, 2)


def _hue_and_saturation(turn: Tensor, saturation: Tensor) -> Tensor:
    """Matrices (n, 3, 3) that turn the hue by `turn` of a circle and scale the saturation; greys stay as they are.

    One product a pixel, where a way through HSV costs three times as much as the rest of the photometry.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=turn.device)
    grey = weights.expand(3, 3)
    # A turn about the grey axis (Rodrigues), which leaves the sum of the channels; then the luma is put back.
    cosine, sine = (f(2 * torch.pi * turn).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=turn.device) / 3**0.5
    identity = torch.eye(3, device=turn.device)
    turned = cosine * identity + (1 - cosine) / 3 + sine * across
    chroma = turned @ (identity - grey)
    chroma = chroma - grey @ chroma
    return grey + saturation.view(-1, 1, 1) * chroma


def _signed(levels: Tensor) -> Tensor:
    return levels.float().div_(127.5).sub_(1)


def _jittered(line: Tensor, jitter: Tensor) -> Tensor:
    """Lines of varying strength (AlacGAN, PaintsTorch): in [-1, 1], x * r + (1 - r); paper stays 1."""
    return _signed(line).mul_(jitter).add_(1 - jitter)

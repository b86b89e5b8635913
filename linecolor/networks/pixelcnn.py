"""The gated PixelCNN (van den Oord et al. 2016b), conditioned on maps, with PixelCNN++'s mixture as its output.

Pixels come in reading order. The vertical stack sees all rows above, the horizontal stack the pixels to the left and
what the vertical stack made of the rows above; together they leave no blind spot. Masked kernels are cut to the part
that the mask leaves, so no weight is ever multiplied by zero.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from linecolor.networks import logistic_mixture

FIRST_REACH = 3
"""The first convolution is 7x7 with mask A: three pixels up, left and right."""


class GatedLayer(nn.Module):
    """One layer of both stacks: tanh(a) * sigmoid(b), the condition added within, a residual in the horizontal stack.

    Args:
        width: channels of either stack.
        condition_channels: channels of the condition.
        kernel: k; the vertical stack sees (k + 1) / 2 rows of k, the horizontal one (k + 1) / 2 pixels (mask B).
        last: whether no further layer follows; the vertical stack then needs no output.
    """

    def __init__(self, width: int, condition_channels: int, kernel: int, last: bool) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.last = last
        self.vertical = nn.Conv2d(width, 2 * width, (self.reach + 1, kernel))
        self.horizontal = nn.Conv2d(width, 2 * width, (1, self.reach + 1))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        # The next gate has a bias.
        self.residual = nn.Conv2d(width, width, 1, bias=False)
        self.condition = nn.Conv2d(condition_channels, (2 if last else 4) * width, 1, bias=False)

    def forward(self, vertical: Tensor, horizontal: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Both stacks (B, width, h, w) and the condition (B, c, h, w) -> both stacks."""
        reach = self.reach
        above = self.vertical(F.pad(vertical, (reach, reach, reach, 0)))
        to_horizontal, to_vertical = self.conditions(condition)
        left = self.horizontal(F.pad(horizontal, (reach, 0, 0, 0)))
        horizontal = horizontal + self.residual(gate(left + self.across(above) + to_horizontal))
        return vertical if to_vertical is None else gate(above + to_vertical), horizontal

    def conditions(self, condition: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the condition (B, c, h, w) adds in the gates, horizontal and vertical, (B, 2 * width, h, w) each."""
        added = self.condition(condition)
        return (added, None) if self.last else added.chunk(2, dim=1)


class PixelCNN(nn.Module):
    """Seven by seven of mask A, gated layers of mask B, then twice ReLU and 1x1 (PixColor's colorization network).

    Args:
        channels: 3 (RGB), 2 (Cb, Cr) or 1.
        condition_channels: channels of the condition.
        width: channels of either stack; 64 in PixColor.
        layers: gated layers; 10 in PixColor.
        kernel: their kernel, odd; 5 in PixColor.
        mixtures: logistics a pixel; 10 in PixelCNN++.

    Raises:
        ValueError: an even kernel, no layers, or what `logistic_mixture.parameters_of` refuses.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        width: int = 64,
        layers: int = 10,
        kernel: int = 5,
        mixtures: int = 10,
    ) -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel={kernel}: the gated layers need an odd kernel of at least 3; PixColor has 5")
        if layers < 1:
            raise ValueError(f"layers={layers}: at least one gated layer is needed; PixColor has 10")
        self.channels, self.mixtures = channels, mixtures
        numbers = logistic_mixture.parameters_of(channels, mixtures)
        self.above = nn.Conv2d(channels, width, (FIRST_REACH, 2 * FIRST_REACH + 1))
        self.left = nn.Conv2d(channels, width, (1, FIRST_REACH))
        self.layers = nn.ModuleList(
            GatedLayer(width, condition_channels, kernel, last=number == layers - 1) for number in range(layers)
        )
        self.penultimate = nn.Conv2d(width, width, 1)
        self.to_parameters = nn.Conv2d(width, numbers, 1)
        self.to_parameters.bias = nn.Parameter(logistic_mixture.spread(channels, mixtures))

    def forward(self, colors: Tensor, condition: Tensor) -> Tensor:
        """The mixture (B, P, h, w) of every pixel for `logistic_mixture`, given the pixels before it.

        Colours are (B, C, h, w) in [-1, 1], the condition (B, c, h, w); the mixture is float32 under autocast too.
        """
        reach = FIRST_REACH
        # The last row and column look at pixels below and right of the picture.
        vertical = self.above(F.pad(colors, (reach, reach, reach, 0)))[:, :, :-1]
        horizontal = self.left(F.pad(colors, (reach, 0, 0, 0)))[..., :-1]
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal, condition)
        x = F.relu(self.penultimate(F.relu(horizontal)))
        precision = self.to_parameters.weight.dtype
        if x.dtype == precision:
            return self.to_parameters(x)
        # Autocast: in bfloat16 a mean near 1 could only move by half a level.
        with torch.autocast(x.device.type, enabled=False):
            return self.to_parameters(x.to(precision))

    @torch.no_grad()
    def sample(self, condition: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw pictures pixel by pixel, each activation computed once.

        Args:
            condition: (B, c, h, w).
            uniforms: (B, M + C, h, w) in (0, 1); the same ones give the same picture.
            temperature: see `logistic_mixture.noise`.

        Returns:
            (B, C, h, w) in [-1, 1], on 8-bit levels.

        Raises:
            ValueError: the uniforms do not fit the condition, or the temperature is negative.
        """
        batch, _, height, width = condition.shape
        expected = (batch, self.mixtures + self.channels, height, width)
        if uniforms.shape != expected:
            raise ValueError(f"uniforms are {tuple(uniforms.shape)}; this condition and network need {expected}")
        noise = logistic_mixture.noise(uniforms.permute(2, 3, 0, 1), self.channels, temperature)  # (h, w, B, M + C)
        with torch.autocast(condition.device.type, enabled=False):
            cache = ActivationCache(self, condition)
            for y in range(height):
                cache.enter_row(y)
                for x in range(width):
                    cache.put(x, logistic_mixture.draw(cache.parameters(x), noise[y, x], self.channels))
        return cache.colors


class ActivationCache:
    """The activations while a picture is sampled: the vertical stack by rows, the horizontal one by pixels.

    Call `enter_row` for each row, then `parameters` and `put` for each pixel from left to right; under `no_grad` and
    without autocast.

    Channels come last, so that the taps of a convolution lie next to each other and a layer is one matrix product.

    Args:
        network: its weights are taken as they are now.
        condition: (B, c, h, w).
    """

    def __init__(self, network: PixelCNN, condition: Tensor) -> None:
        layers: list[GatedLayer] = list(network.layers)  # type: ignore[arg-type]
        weight = network.penultimate.weight
        batch, _, height, width = condition.shape
        self._features, self._reach = features, reach = len(weight), layers[0].reach

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=weight.dtype, device=weight.device)

        # Maps and rows carry the padding of the convolution that reads them.
        self._colors = zeros(batch, FIRST_REACH + height, FIRST_REACH + width + FIRST_REACH, network.channels)
        self._vertical = [zeros(batch, reach + height, reach + width + reach, features) for _ in layers]
        horizontal = [zeros(batch, reach + width, features) for _ in layers]
        self._across = [zeros(width * batch, 2 * features) for _ in layers]
        self._gates = zeros(batch, 2 * features)
        self._last = zeros(batch, features)
        self._y = 0

        self._above, self._left = _unpacked(network.above), _unpacked(network.left)
        self._row_weights = [(_unpacked(layer.vertical), _unpacked(layer.across)[0]) for layer in layers]
        self._pixel_weights = [(_unpacked(layer.horizontal)[0], _unpacked(layer.residual)[0]) for layer in layers]
        self._ends = [_unpacked(network.penultimate), _unpacked(network.to_parameters)]
        self._conditions = [_row_conditions(layer, condition.to(weight.dtype)) for layer in layers]
        # Making views costs as much as the arithmetic of a pixel; all rows share these.
        self._seen = [
            [
                (row[:, x : x + reach + 1].flatten(1), row[:, x + reach], across[x * batch : (x + 1) * batch])
                for row, across in zip(horizontal, self._across)
            ]
            for x in range(width)
        ]

    @property
    def colors(self) -> Tensor:
        """(B, C, h, w): the pixels so far, 0 elsewhere."""
        return self._colors[:, FIRST_REACH:, FIRST_REACH:-FIRST_REACH].permute(0, 3, 1, 2).contiguous()

    def enter_row(self, y: int) -> None:
        """Compute what row y needs of the rows above it, all of which must be there."""
        self._y, reach = y, self._reach
        batch, _, padded, _ = self._vertical[0].shape
        weight, bias = self._above
        vertical = torch.addmm(bias, _taps(self._colors[:, y : y + FIRST_REACH], 2 * FIRST_REACH + 1), weight)
        for number, ((weight, bias), across) in enumerate(self._row_weights):
            rows = self._vertical[number]
            rows[:, reach + y, reach : padded - reach] = vertical.view(-1, batch, self._features).transpose(0, 1)
            above = torch.addmm(bias, _taps(rows[:, y : y + reach + 1], 2 * reach + 1), weight)
            to_horizontal, to_vertical = self._conditions[number]
            torch.addmm(to_horizontal[y], above, across, out=self._across[number])
            if to_vertical is not None:
                vertical = gate(above + to_vertical[y])

    def parameters(self, x: int) -> Tensor:
        """The mixture of pixel x of this row, (B, P); the pixels to its left must be there."""
        a, b = self._gates[:, : self._features], self._gates[:, self._features :]
        seen = self._seen[x]
        weight, bias = self._left
        left = self._colors[:, FIRST_REACH + self._y, x : x + FIRST_REACH].flatten(1)
        torch.addmm(bias, left, weight, out=seen[0][1])
        after = [here for _, here, _ in seen[1:]] + [self._last]
        for (taps, here, across), (weight, residual), output in zip(seen, self._pixel_weights, after):
            torch.addmm(across, taps, weight, out=self._gates)
            torch.addmm(here, a.tanh_().mul_(b.sigmoid_()), residual, out=output)
        result = self._last
        for weight, bias in self._ends:
            result = torch.addmm(bias, result.relu_(), weight)
        return result

    def put(self, x: int, colors: Tensor) -> None:
        """Set pixel x of this row to colors (B, C)."""
        self._colors[:, FIRST_REACH + self._y, FIRST_REACH + x] = colors


def gate(x: Tensor) -> Tensor:
    """(B, 2 * F, ...) -> tanh of the first half times the sigmoid of the second, (B, F, ...)."""
    a, b = x.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


def _unpacked(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """A convolution as a matrix (taps * in, out), taps in reading order, and its bias (out,), 0 if it has none."""
    weight = convolution.weight.detach()
    return weight.permute(2, 3, 1, 0).flatten(0, 2).contiguous(), _bias(convolution)


def _bias(convolution: nn.Conv2d) -> Tensor:
    return convolution.weight.new_zeros(convolution.out_channels) if convolution.bias is None else convolution.bias


def _taps(rows: Tensor, kernel: int) -> Tensor:
    """Rows (B, R, w + kernel - 1, F) -> what a convolution sees at each place of them, (w * B, R * kernel * F)."""
    return rows.unfold(2, kernel, 1).permute(2, 0, 1, 4, 3).flatten(2).flatten(0, 1)


def _row_conditions(layer: GatedLayer, condition: Tensor) -> tuple[Tensor, Tensor | None]:
    """`layer.conditions` row by row, (h, w * B, 2 * width) each; the horizontal gate's biases are in its own."""

    def by_row(part: Tensor) -> Tensor:
        return part.permute(2, 3, 0, 1).flatten(1, 2).contiguous()

    to_horizontal, to_vertical = layer.conditions(condition)
    biases = _bias(layer.horizontal) + _bias(layer.across)
    return by_row(to_horizontal) + biases, None if to_vertical is None else by_row(to_vertical)

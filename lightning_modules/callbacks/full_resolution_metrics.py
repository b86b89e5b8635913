"""Quality at full size during training: the whole chain on held-out drawings."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L

from lightning_modules.stages.training_stage import TrainingStage
from linecolor.evaluation.full_size import FullSizeEvaluation
from linecolor.evaluation.methods import TrainedMethod
from linecolor.networks.distance_features import ExtractorName, make_feature_extractor
from linecolor.rendering.options import RenderingOptions
from linecolor.samples import FullDrawing
from linecolor.systems.line_colorizer import LineColorizer

Rendering = RenderingOptions | Mapping[str, Any]


class FullResolutionMetrics(L.Callback):
    """Colours held-out drawings with the live networks and records every metric, FID and KID with their n.

    The metrics live here and not in the module, where their feature network would end up in its checkpoints and
    among its parameters.

    Args:
        hints: numbers of hints to colour with, by the protocol.
        features: extractor of FID and KID; see `make_feature_extractor`.
        rendering: how pages are coloured: `RenderingOptions`, or a mapping of them as in a configuration.

    Attributes:
        values: of the last validation, by name.
    """

    def __init__(
        self,
        hints: Sequence[int] = (0, 32),
        features: ExtractorName = "efficientnet-lite0",
        rendering: Rendering | None = None,
    ) -> None:
        self.evaluation = FullSizeEvaluation(hints, make_feature_extractor(features))
        self.rendering = rendering or {}
        self.values: dict[str, float] = {}

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget the last validation."""
        self.evaluation.reset()

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: FullDrawing, *_: Any
    ) -> None:
        """Colour one drawing with each number of hints."""
        method = TrainedMethod(live_colorizer(trainer, pl_module, self.rendering))
        self.evaluation.to(pl_module.device).add(method, batch)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Gather over the devices and record."""
        assert isinstance(pl_module, TrainingStage)
        self.values = self.evaluation.compute()
        pl_module.record({f"full_size/{name}": value for name, value in self.values.items()})


def live_colorizer(trainer: L.Trainer, module: L.LightningModule, rendering: Rendering) -> LineColorizer:
    """The whole chain around the networks that are in training, as the evaluation of the run colours with them."""
    assert isinstance(module, TrainingStage)
    data = trainer.datamodule  # type: ignore[attr-defined]  # Lightning sets it in fit()
    if not isinstance(rendering, RenderingOptions):
        rendering = RenderingOptions.from_mapping(rendering, data.resolution)
    return LineColorizer(module.inference_networks, data.synthesizer.hint_spread, rendering, module.device)

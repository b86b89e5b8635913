"""One fixed sheet of samples through the whole run: what a user opens first."""

from pathlib import Path

import lightning as L

from lightning_modules.callbacks.full_resolution_metrics import Rendering, live_colorizer
from lightning_modules.stages.training_stage import TrainingStage
from linecolor.evaluation.methods import color_by_protocol
from linecolor.images import write_png
from linecolor.images.contact_sheet import sheet
from linecolor.reports.figure_row import figure_row


class SampleSheet(L.Callback):
    """Writes samples/IMAGES.png at each validation: the same drawings and hints, one row a drawing.

    Columns: line, hints, draft, colorized, full size, truth. Whoever tracks the run takes the sheets from there.

    Args:
        folder: where the sheets go.
        drawings: how many held-out drawings.
        hints: number of hints, by the protocol.
        rendering: how pages are coloured: `RenderingOptions`, or a mapping of them as in a configuration.
        side: pixels of a picture on the sheet.
    """

    def __init__(
        self, folder: str, drawings: int = 4, hints: int = 32, rendering: Rendering | None = None, side: int = 256
    ) -> None:
        self.folder = Path(folder)
        self.drawings = drawings
        self.hints = hints
        self.rendering = rendering or {}
        self.side = side

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Colour the fixed drawings and write the sheet."""
        assert isinstance(pl_module, TrainingStage)
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]  # Lightning sets it in fit()
        colorizer = live_colorizer(trainer, pl_module, self.rendering)
        rows = []
        for drawing in data.sample_drawings(self.drawings):
            coloring = color_by_protocol(colorizer, drawing, self.hints)
            rows.append(list(figure_row(drawing, coloring).values()))
        write_png(self.folder / f"{pl_module.images_seen:09d}.png", sheet(rows, self.side))

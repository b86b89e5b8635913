"""The figures of one coloured picture. A metric is a file here that defines `METRIC`, and its name in the list below.

White paper inflates PSNR by 3-5 dB and leaves SSIM hardly any room (bare line art scores 0.95), therefore every metric
is taken twice: over the whole picture, and over its foreground alone. All of them compare 8-bit RGB.
"""

from importlib import import_module

from linecolor.evaluation.metrics.metric import Metric

METRICS: tuple[Metric, ...] = tuple(import_module(f"{__name__}.{name}").METRIC for name in ("psnr", "ssim"))
"""In the order of tables. Each stands in evaluation.json, measured.json, rows.parquet, metrics.jsonl and reports."""

__all__ = ["METRICS", "Metric"]

"""The tables of methods side by side: the paper's Table 2, all figures, differences, claims, cost."""

from collections.abc import Mapping, Sequence

import numpy as np

from linecolor.evaluation.claims import CLAIMS
from linecolor.evaluation.hint_levels import WITHOUT, level_name
from linecolor.evaluation.results import Measured, MeasuredMethod
from linecolor.evaluation.statistics import LEAST_SEEDS, Interval, over_seeds, paired_difference
from linecolor.html import Cell, Table
from linecolor.reports import quality
from linecolor.reports.quality import Row, column, distance_title

PAPER: dict[str, dict[str, tuple[float, float]]] = {
    "Base": {"fid": (51.64, 1.36), "psnr": (13.01, 5.14), "ssim": (0.73, 0.21)},
    "Pix2Pix": {"fid": (57.47, 3.93), "psnr": (13.55, 2.71), "ssim": (0.79, 0.11)},
    "Ours": {"fid": (47.87, 2.71), "psnr": (20.77, 3.62), "ssim": (0.86, 0.09)},
}
"""Table 2 of Lee & Lee 2020: mean and std, on their own pictures and Inception features."""


def all_tables(measured: Measured, named_after: Mapping[str, str], subject: str) -> list[Table]:
    """Every table of a report, in its order."""
    return [
        *table_2(measured, named_after),
        *quality_tables(measured),
        *difference_tables(measured, subject),
        claims_table(measured),
        cost_table(measured),
    ]


def warnings(measured: Measured) -> list[str]:
    """What keeps the figures from being compared with others'."""
    n = len(measured.drawings)
    warnings = quality.distance_warnings(n, _figures(measured))
    trained = [name for name in measured.names if measured.seeds(name)[0].kind == "trained"]
    if any(len(measured.seeds(name)) < LEAST_SEEDS for name in trained):
        warnings.append(
            f"Fewer than {LEAST_SEEDS} training seeds: what stands after ± in the table below is missing, and a "
            "difference between methods may be one between seeds."
        )
    small = measured.facts.get("small_pictures", 0)
    if small:
        least = "the least of the paper's evaluation"
        warnings.append(f"{small} of {n} drawings have a short side below 1,500 px, {least}.")
    for name in measured.names:
        notes = dict.fromkeys(method.notes for method in measured.seeds(name) if method.notes)
        warnings += [f"{name}: {note}." for note in notes]
        if _least_n(measured, name) < n:
            warnings.append(f"{name}: has no result for some drawings; it is left out of the order and of the best.")
    skipped = measured.facts.get("skipped", [])
    if skipped:
        names = ", ".join(skipped[:5])
        warnings.append(f"{len(skipped)} drawings could not be measured and count for no method: {names}.")
    for name, count in measured.facts.get("in_training", {}).items():
        warnings.append(f"{name} was trained on {count} of these drawings: its figures tell nothing.")
    return warnings


def table_2(measured: Measured, named_after: Mapping[str, str]) -> list[Table]:
    """The paper's Table 2 with measured rows, the order they give, and the paper's own figures beside it.

    Args:
        measured: the figures.
        named_after: the methods of the paper's Table 2 by their names in it; empty for a study of others.
    """
    fewest, most = measured.levels[0], measured.levels[-1]
    distance = next((name for name in _figures(measured) if name.split("_")[0] == "fid"), "")
    columns = [(fewest, column(f"{distance_title(distance or 'fid')}, {level_name(fewest)}", distance))]
    for level in dict.fromkeys((fewest, most)):
        for metric in ("psnr", "ssim"):
            columns.append((level, column(f"{metric.upper()}, {level_name(level)}", f"{metric}_mean")))
    rows: list[list[Cell]] = []
    for name in measured.names:
        seeds = measured.seeds(name)
        if seeds[0].kind in ("reference", "oracle"):
            continue
        figures = [_over_seeds(seeds, level, of.figure) for level, of in columns]
        rows.append([name, _least_n(measured, name), *_aside(measured, name, figures)])
    tables = [
        Table(
            "Table 2, measured" if named_after else "The methods",
            "Mean over the drawings at full size; ± is the standard deviation over training seeds, given from "
            f"{LEAST_SEEDS} seeds on. " + _order(measured, named_after, fewest, distance),
            ["method", "n", *(of.title for _, of in columns)],
            rows,
            quality.highlight(of for _, of in columns),
        )
    ]
    if named_after:
        printed: list[list[Cell]] = [
            [name, *(f"{of[key][0]:.2f} ± {of[key][1]:.2f}" for key in ("fid", "psnr", "ssim"))]
            for name, of in PAPER.items()
        ]
        tables.append(
            Table(
                "Table 2 of the paper",
                "Lee & Lee 2020, on their own 140,000 and 530 pictures and Inception features: no figure of it can be "
                "compared with one above; the order of the methods can. What stands after ± there is called std, and "
                "the paper does not say over what; 5 dB of PSNR are what pictures differ by, not training seeds.",
                ["method", "FID", "PSNR", "SSIM"],
                printed,
                {"FID": "min", "PSNR": "max", "SSIM": "max"},
            )
        )
    return tables


def _order(measured: Measured, named_after: Mapping[str, str], level: str, distance: str) -> str:
    """The methods from best to worst by each figure, as measured, and whether the paper has them in that order."""
    orders = []
    most = measured.levels[-1]
    for title, key, at, figure, sign in (
        ("FID", "fid", level, distance, 1),
        ("PSNR", "psnr", most, "psnr_mean", -1),
        ("SSIM", "ssim", most, "ssim_mean", -1),
    ):
        values = {}
        for name in measured.names:
            mean = _mean_of(measured.seeds(name), at, figure)
            if mean is not None and _is_ranked(measured, name) and measured.seeds(name)[0].kind != "reference":
                values[name] = mean
        if len(values) < 2:
            continue
        order = sorted(values, key=lambda name: sign * values[name])
        ours = [named_after[name] for name in order if name in named_after]
        theirs = sorted(ours, key=lambda name: sign * PAPER[name][key][0])
        agrees = ", as in the paper" if ours == theirs else "; the paper has " + ", ".join(theirs)
        agrees = agrees if len(ours) > 1 else ""
        orders.append(f"{title} ({level_name(at)}): {', '.join(order)}{agrees}")
    return "The order as measured, best first. " + ". ".join(orders) + "." if orders else ""


def quality_tables(measured: Measured) -> list[Table]:
    """A table for each level of hints: methods and references, whole and foreground, mean, std, median, distances."""
    columns = [*quality.metric_columns(("mean", "std", "median")), *quality.distance_columns(_figures(measured))]
    tables = []
    for level in reversed(measured.levels):
        rows: list[Row] = []
        for name in measured.names:
            seeds = measured.seeds(name)
            at = measured.level_of(name, level)
            if at in seeds[0].levels:
                n = min(int(seed.figure(at, "n") or 0) for seed in seeds)
                figures = _aside(measured, name, [_mean_of(seeds, at, of.figure) for of in columns])
                rows.append(([name, n], dict(zip((of.figure for of in columns), figures, strict=True))))
        title = f"Everything with {level_name(level)}" if level != "000" else "Everything without hints"
        note = (
            f"Over {len(measured.drawings)} drawings, means of the training seeds. PSNR ends at 100 dB, which "
            "identical pictures have: a single one moves a mean, look at the median. Foreground leaves out the white "
            "paper, which flatters everybody. In parentheses, and out of the running: oracles, which take the mean "
            "colour or the mean paint from the truth itself, and methods without a result for some drawings."
        )
        tables.append(quality.figure_table(title, note, ["method", "n"], columns, rows))
    return tables


def difference_tables(measured: Measured, subject: str) -> list[Table]:
    """By how much the subject is better than each of the others, drawing by drawing, with bootstrap intervals."""
    if subject not in measured.names:
        return []
    rows: list[list[Cell]] = []
    for name in measured.names:
        if name == subject or not measured.seeds(name)[0].levels:
            continue
        cells: list[Cell] = []
        for level in measured.levels:
            at = measured.level_of(name, level)
            ours = measured.per_drawing(subject, level, "psnr_foreground")
            difference = paired_difference(ours, measured.per_drawing(name, at, "psnr_foreground"))
            cells.append(None if difference is None else _with_interval(difference))
        rows.append([name, *cells])
    return [
        Table(
            f"{subject} against the others",
            f"Foreground PSNR of {subject} minus the other's, in dB, drawing by drawing; in brackets the 95 % "
            "bootstrap interval over the drawings (BCa, 2,000 resamples). It says nothing about other training seeds.",
            ["against", *(level_name(level) for level in measured.levels)],
            rows,
        )
    ]


def _with_interval(mean: Interval) -> str:
    interval = f" [{mean.low:+.2f}, {mean.high:+.2f}]" if mean.n > 1 else ""
    return f"{mean.mean:+.2f}{interval}".replace("-", "−")


def claims_table(measured: Measured) -> Table:
    """The paper's claims as numbers, with the most hints, for the colour must be comparable."""
    level = measured.levels[-1]
    rows: list[list[Cell]] = []
    for name in measured.names:
        seeds = measured.seeds(name)
        at = measured.level_of(name, level)
        if at in seeds[0].levels:
            rows.append([name, *(_mean_of(seeds, at, f"{claim.name}_mean") for claim in CLAIMS)])
    return Table(
        "The paper's claims as numbers",
        f"With {level_name(level)}. Chroma ratio: CIELAB chroma of the foreground against the truth's; 1 is right, "
        "below is washed out. Bleeding: the neighbour's colour beside region edges, 0 to 1. Checkerboard: coherent "
        "period-2 amplitude in levels of 255, on the picture as the network left it. Lost detail: the share of the "
        "truth's fine luminance detail around the lines that is missing or wrong; 1 is all of it.",
        ["method", *(claim.title for claim in CLAIMS)],
        rows,
    )


def cost_table(measured: Measured) -> Table:
    """Parameters, operations, seconds and memory."""
    rows: list[list[Cell]] = []
    level = measured.levels[-1]
    for name in measured.names:
        method = measured.seeds(name)[0]
        at = measured.level_of(name, level)
        units = {"parameters": 1e6, "flops": 1e9, "memory": 2**20}
        cost = {of: value / units.get(of, 1) for of, value in method.cost.items() if value is not None}
        training = [cost.get(of) and int(cost[of]) for of in ("resolution", "images")]
        seconds = method.figure(at, "seconds_median")
        rows.append([name, *training, cost.get("parameters"), cost.get("flops"), seconds, cost.get("memory")])
    machine = measured.facts.get("machine", "this machine")
    return Table(
        "Cost",
        f"Of one drawing at full size, on {machine}: GFLOP (2 a multiply-add) of the networks at their own resolution "
        "on a square picture; seconds: median with the most hints, all of the chain; memory: what colouring one "
        "drawing adds at its peak to a process of its own (on a GPU: what torch took).",
        ["method", "trained at, px", "images seen", "million parameters", "GFLOP", "seconds a picture", "memory, MiB"],
        rows,
    )


def _over_seeds(seeds: Sequence[MeasuredMethod], level: str, figure: str) -> Cell:
    values = _known(seeds, level, figure)
    if not values:
        return None
    mean, deviation = over_seeds(values)
    return mean if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _aside(measured: Measured, name: str, figures: Sequence[Cell]) -> list[Cell]:
    """The figures of a method; in parentheses, which no table compares, where it is out of the running."""
    if _is_ranked(measured, name):
        return list(figures)
    texts = [f"{figure:.3g}" if isinstance(figure, float) else figure for figure in figures]
    return [None if text is None else f"({text})" for text in texts]


def _is_ranked(measured: Measured, name: str) -> bool:
    """Whether a method is compared with the others: no oracle, and with a result for every drawing at every level."""
    return measured.seeds(name)[0].kind != "oracle" and _least_n(measured, name) == len(measured.drawings)


def _least_n(measured: Measured, name: str) -> int:
    """For how many drawings a method has results, at the level where it has the fewest."""
    numbers = []
    for method in measured.seeds(name):
        levels = [WITHOUT] if WITHOUT in method.levels else measured.levels
        numbers += [int(method.figure(level, "n") or 0) for level in levels]
    return min(numbers, default=0)


def _mean_of(seeds: Sequence[MeasuredMethod], level: str, figure: str) -> float | None:
    values = _known(seeds, level, figure)
    return float(np.mean(values)) if values else None


def _known(seeds: Sequence[MeasuredMethod], level: str, figure: str) -> list[float]:
    return [value for seed in seeds if (value := seed.figure(level, figure)) is not None]


def _figures(measured: Measured) -> list[str]:
    """The names of all figures there are, each once."""
    names = (name for method in measured.methods for figures in method.levels.values() for name in figures)
    return list(dict.fromkeys(names))

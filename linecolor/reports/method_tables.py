"""The tables of a measurement: the paper's Table 2, all figures, differences, claims, cost."""

from collections.abc import Mapping, Sequence

import numpy as np

from linecolor.evaluation.claims import CLAIMS
from linecolor.evaluation.hint_levels import WITHOUT, level_name
from linecolor.evaluation.results import Measured, MeasuredMethod
from linecolor.evaluation.statistics import LEAST_SEEDS, Interval, over_seeds, paired_difference
from linecolor.html import Cell, Table

PAPER: dict[str, dict[str, tuple[float, float]]] = {
    "Base": {"fid": (51.64, 1.36), "psnr": (13.01, 5.14), "ssim": (0.73, 0.21)},
    "Pix2Pix": {"fid": (57.47, 3.93), "psnr": (13.55, 2.71), "ssim": (0.79, 0.11)},
    "Ours": {"fid": (47.87, 2.71), "psnr": (20.77, 3.62), "ssim": (0.86, 0.09)},
}
"""Table 2 of Lee & Lee 2020: mean and std, on their own pictures and Inception features."""


def warnings(measured: Measured) -> list[str]:
    """What keeps the figures from being compared with others'."""
    n = len(measured.drawings)
    found = []
    if n < 2048:
        found.append(
            f"FID is biased upwards for few pictures: with n = {n} compare it only with figures of the very same n and "
            "drawings, and rather look at KID."
        )
    if any("efficientnet" in name for system in measured.methods for level in system.levels.values() for name in level):
        found.append("FID and KID use EfficientNet-Lite0 features; they are no match for figures on Inception.")
    trained = [name for name in measured.names if measured.seeds(name)[0].kind == "trained"]
    if any(len(measured.seeds(name)) < LEAST_SEEDS for name in trained):
        found.append(
            f"Fewer than {LEAST_SEEDS} training seeds: what stands after ± in the table below is missing, and a "
            "difference between systems may be one between seeds."
        )
    small = measured.facts.get("small_pictures", 0)
    if small:
        found.append(f"{small} of {n} drawings have a short side below 1,500 px, the least of the paper's evaluation.")
    for name in measured.names:
        notes = dict.fromkeys(system.notes for system in measured.seeds(name) if system.notes)
        found += [f"{name}: {note}." for note in notes]
        if not is_complete(measured, name):
            found.append(f"{name}: has no result for some drawings; it is left out of the order and of the best.")
    skipped = measured.facts.get("skipped", [])
    if skipped:
        found.append(f"{len(skipped)} drawings could not be measured and count for nobody: {', '.join(skipped[:5])}.")
    for name, count in measured.facts.get("in_training", {}).items():
        found.append(f"{name} was trained on {count} of these drawings: its figures tell nothing.")
    return found


def is_complete(measured: Measured, name: str) -> bool:
    """Whether a system has a result for every drawing at every level of hints."""
    return _least_n(measured, name) == len(measured.drawings)


def _least_n(measured: Measured, name: str) -> int:
    """For how many drawings a system has results, at the level where it has the fewest."""
    found = []
    for system in measured.seeds(name):
        wanted = [WITHOUT] if WITHOUT in system.levels else measured.levels
        found += [int(system.figure(level, "n") or 0) for level in wanted]
    return min(found, default=0)


def table_2(measured: Measured, named_after: Mapping[str, str]) -> list[Table]:
    """The paper's Table 2 with measured rows, the order they give, and the paper's own figures beside it.

    Args:
        measured: the figures.
        named_after: the systems of the paper's Table 2 by their names in it; empty for a study of other systems.
    """
    fewest, most = measured.levels[0], measured.levels[-1]
    distance = _distance_name(measured, "fid")
    columns = ["system", "n", f"FID{_suffix(distance)}, {level_name(fewest)}"]
    wanted = [(fewest, distance, "min")]
    for level in dict.fromkeys((fewest, most)):
        for quantity in ("psnr", "ssim"):
            columns.append(f"{quantity.upper()}, {level_name(level)}")
            wanted.append((level, f"{quantity}_mean", "max"))
    rows: list[list[Cell]] = []
    for name in measured.names:
        members = measured.seeds(name)
        if members[0].kind in ("reference", "oracle"):
            continue
        figures = [_over_members(members, level, figure) for level, figure, _ in wanted]
        rows.append([name, _least_n(measured, name), *_aside(measured, name, figures)])
    highlight = {column: best for column, (_, _, best) in zip(columns[2:], wanted)}
    tables = [
        Table(
            "Table 2, measured" if named_after else "The systems",
            "Mean over the drawings at full size; ± is the standard deviation over training seeds, given from "
            f"{LEAST_SEEDS} seeds on. " + _order(measured, named_after, fewest, distance),
            columns,
            rows,
            highlight,
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
                "compared with one above; the order of the systems can. What stands after ± there is called std, and "
                "the paper does not say over what; 5 dB of PSNR are what pictures differ by, not training seeds.",
                ["system", "FID", "PSNR", "SSIM"],
                printed,
                {"FID": "min", "PSNR": "max", "SSIM": "max"},
            )
        )
    return tables


def _order(measured: Measured, named_after: Mapping[str, str], level: str, distance: str) -> str:
    """The systems from best to worst by each figure, as measured, and whether the paper has them in that order."""
    told = []
    most = measured.levels[-1]
    for title, key, at, figure, sign in (
        ("FID", "fid", level, distance, 1),
        ("PSNR", "psnr", most, "psnr_mean", -1),
        ("SSIM", "ssim", most, "ssim_mean", -1),
    ):
        values = {}
        for name in measured.names:
            found = [system.figure(at, figure) for system in measured.seeds(name)]
            known = [value for value in found if value is not None]
            if known and measured.seeds(name)[0].kind in ("trained", "foreign") and is_complete(measured, name):
                values[name] = float(np.mean(known))
        if len(values) < 2:
            continue
        order = sorted(values, key=lambda name: sign * values[name])
        ours = [named_after[name] for name in order if name in named_after]
        theirs = sorted(ours, key=lambda name: sign * PAPER[name][key][0])
        agrees = ", as in the paper" if ours == theirs else "; the paper has " + ", ".join(theirs)
        agrees = agrees if len(ours) > 1 else ""
        told.append(f"{title} ({level_name(at)}): {', '.join(order)}{agrees}")
    return "The order as measured, best first. " + ". ".join(told) + "." if told else ""


def quality_tables(measured: Measured) -> list[Table]:
    """A table for each level of hints: systems and references, whole and foreground, mean, std, median, distances."""
    distances = [_distance_name(measured, kind) for kind in ("fid", "kid")]
    found = []
    for level in reversed(measured.levels):
        columns = ["system", "n"]
        wanted: list[tuple[str, str | None]] = []
        for quantity in ("psnr", "psnr_foreground", "ssim", "ssim_foreground"):
            title = quantity.replace("psnr", "PSNR").replace("ssim", "SSIM").replace("_", " ")
            for statistic in ("mean", "std", "median"):
                columns.append(title if statistic == "mean" else f"{title} {statistic}")
                wanted.append((f"{quantity}_{statistic}", "max" if statistic != "std" else None))
        for distance in distances:
            if distance:
                columns.append(f"{distance[:3].upper()}{_suffix(distance)}")
                wanted.append((distance, "min"))
        rows: list[list[Cell]] = []
        for name in measured.names:
            members = measured.seeds(name)
            at = measured.level_of(name, level)
            if at in members[0].levels:
                n = min(int(system.figure(at, "n") or 0) for system in members)
                rows.append([name, n, *_aside(measured, name, [_mean_of(members, at, figure) for figure, _ in wanted])])
        highlight = {column: best for column, (_, best) in zip(columns[2:], wanted) if best}
        title = level_name(level)
        found.append(
            Table(
                f"Everything with {title}" if level != "000" else "Everything without hints",
                f"Over {len(measured.drawings)} drawings, means of the training seeds. PSNR ends at 100 dB, which "
                "identical pictures have: a single one moves a mean, look at the median. Foreground leaves out the "
                "white paper, which flatters everybody. In parentheses, and out of the running: oracles, which take "
                "the mean colour or the mean paint from the truth itself, and systems without a result for some "
                "drawings.",
                columns,
                rows,
                highlight,
            )
        )
    return found


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
            found = paired_difference(
                measured.per_drawing(subject, level, "psnr_foreground"),
                measured.per_drawing(name, at, "psnr_foreground"),
            )
            cells.append(None if found is None else _told(found))
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


def _told(found: Interval) -> str:
    interval = f" [{found.low:+.2f}, {found.high:+.2f}]" if found.n > 1 else ""
    return f"{found.mean:+.2f}{interval}".replace("-", "−")


def claims_table(measured: Measured) -> Table:
    """The paper's claims as numbers, with the most hints, for the colour must be comparable."""
    level = measured.levels[-1]
    rows: list[list[Cell]] = []
    for name in measured.names:
        members = measured.seeds(name)
        at = measured.level_of(name, level)
        if at in members[0].levels:
            rows.append([name, *(_mean_of(members, at, f"{claim}_mean") for claim in CLAIMS)])
    return Table(
        "The paper's claims as numbers",
        f"With {level_name(level)}. Chroma ratio: CIELAB chroma of the foreground against the truth's; 1 is right, "
        "below is washed out. Bleeding: the neighbour's colour beside region edges, 0 to 1. Checkerboard: coherent "
        "period-2 amplitude in levels of 255, on the picture as the network left it. Lost detail: the share of the "
        "truth's fine luminance detail around the lines that is missing or wrong; 1 is all of it.",
        ["system", *CLAIMS.values()],
        rows,
    )


def cost_table(measured: Measured) -> Table:
    """Parameters, operations, seconds and memory."""
    rows: list[list[Cell]] = []
    level = measured.levels[-1]
    for name in measured.names:
        system = measured.seeds(name)[0]
        at = measured.level_of(name, level)
        cost = system.cost
        rows.append(
            [
                name,
                cost.get("resolution") and int(cost["resolution"]),
                cost.get("images") and int(cost["images"]),
                _scaled(cost.get("parameters"), 1e6),
                _scaled(cost.get("flops"), 1e9),
                system.figure(at, "seconds_median"),
                _scaled(cost.get("memory"), 2**20),
            ]
        )
    machine = measured.facts.get("machine", "this machine")
    return Table(
        "Cost",
        f"Of one drawing at full size, on {machine}: GFLOP (2 a multiply-add) of the networks at their own resolution "
        "on a square picture; seconds: median with the most hints, all of the chain; memory: what colouring one "
        "drawing adds at its peak to a process of its own (on a GPU: what torch took).",
        [
            "system",
            "trained at, px",
            "images seen",
            "million parameters",
            "GFLOP",
            "seconds a picture",
            "memory, MiB",
        ],
        rows,
    )


def _over_members(members: Sequence[MeasuredMethod], level: str, figure: str) -> Cell:
    values = [value for system in members if (value := system.figure(level, figure)) is not None]
    if not values:
        return None
    mean, deviation = over_seeds(values)
    return mean if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _aside(measured: Measured, name: str, figures: Sequence[Cell]) -> list[Cell]:
    """The figures of a system; in parentheses, which no table compares, where it is out of the running."""
    if measured.seeds(name)[0].kind != "oracle" and is_complete(measured, name):
        return list(figures)
    told = [f"{figure:.3g}" if isinstance(figure, float) else figure for figure in figures]
    return [None if figure is None else f"({figure})" for figure in told]


def _mean_of(members: Sequence[MeasuredMethod], level: str, figure: str) -> float | None:
    values = [value for system in members if (value := system.figure(level, figure)) is not None]
    return float(np.mean(values)) if values else None


def _distance_name(measured: Measured, kind: str) -> str:
    names = (name for system in measured.methods for level in system.levels.values() for name in level)
    return next((name for name in names if name == kind or name.startswith(f"{kind}_")), "")


def _suffix(distance: str) -> str:
    return f" ({distance[4:].replace('_', '-')})" if len(distance) > 3 else ""


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit

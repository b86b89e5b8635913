"""The preflight's figures as text."""

from typing import Any

from linecolor.experiment.preflight.plan import FITS_SHARE, in_words

GB = 2**30


def table(figures: dict[str, Any]) -> str:
    """What was measured, a column a stage; what follows from it; and its limits."""
    machine = figures["machine"]
    gpu = machine["gpu"]
    where = f"{gpu} ({_gb(machine['gpu_bytes'])})" if gpu else f"{machine['cores']} cores, no GPU"
    lines = [
        f"Preflight of {figures['name']}: {figures['data']['training']} training drawings, "
        f"{figures['data']['held_out']} held out; {where}, precision {machine['precision']}",
        "",
        *_stages(figures, "peak memory of the card" if gpu else "peak memory of the process"),
        "",
        *_evaluation(figures["evaluation"]),
        f"In all: {in_words(figures['seconds'])}; peak memory {_gb(figures['peak_bytes'])}",
        "",
        *_fit(figures),
        "",
        *(f"* {remark}" for remark in _remarks(figures)),
    ]
    return "\n".join(lines).rstrip()


def _stages(figures: dict[str, Any], memory: str) -> list[str]:
    stages = figures["stages"]
    workers = figures["machine"]["workers"]
    rows: list[tuple[str, list[str]]] = [("", list(stages))]

    def row(title: str, cell: Any) -> None:
        rows.append((title, [cell(stage) for stage in stages.values()]))

    row("images a step", lambda s: f"{s['images']} in {_parts(s['parts'])}")
    row(memory, lambda s: _gb(s["training_peak_bytes"]))
    row("  with a validation", lambda s: _gb(s["peak_bytes"]))
    if not figures["machine"]["gpu"]:
        row("  of it Python and its libraries", lambda s: _gb(s["before_bytes"]))
    row("images a second: training alone", lambda s: _number(s["images"] / s["work_seconds"]))
    processes = f"{workers} process{'es' if workers > 1 else ''}" if workers else "in turns with training"
    row(f"images a second: loader alone ({processes})", lambda s: _number(s["images"] / s["loading_seconds"]))
    row("images a second: together", lambda s: _number(s["images"] / s["step_seconds"]))
    row("steps a second", lambda s: _number(1 / s["step_seconds"]))
    row("steps", lambda s: f"{s['steps']:,}")
    row("time to finish", lambda s: in_words(s["seconds"]))
    row("  of it validation", lambda s: in_words(s["validation_seconds"]))
    width = max(len(title) for title, _ in rows)
    columns = [max(len(cells[i]) for _, cells in rows) for i in range(len(stages))]
    return [
        f"{title:<{width}}  " + "  ".join(f"{cell:>{size}}" for cell, size in zip(cells, columns, strict=True))
        for title, cells in rows
    ]


def _evaluation(figures: dict[str, Any] | None) -> list[str]:
    if figures is None:
        return []
    height, width = figures["size"]
    hints = ", ".join(map(str, figures["hints"]))
    return [
        f"Evaluation: {in_words(figures['drawing_seconds'])} a drawing of {width} x {height} px, the largest of "
        f"{figures['drawings']}, with {hints} hints; {in_words(figures['seconds'])} for all; "
        f"peak memory {_gb(figures['peak_bytes'])}"
    ]


def _fit(figures: dict[str, Any]) -> list[str]:
    card = f"a card of {figures['memory_gb']:g} GB"
    limit = figures["memory_gb"] * FITS_SHARE
    measured = "needs" if figures["machine"]["gpu"] else "would need about"
    lines, overrides = [], []
    for name, stage in figures["stages"].items():
        need = _gb(stage["need_bytes"])
        if stage["fits"] and stage["parts"] == stage["asked_parts"]:
            lines.append(f"{name} fits {card}: {measured} {need} of {_gb(limit * GB)}")
            continue
        cause = (
            "runs out of memory"
            if stage["parts"] != stage["asked_parts"]
            else f"does not fit {card}: {measured} {need}"
        )
        parts = stage["suggested_parts"]
        if parts is None:
            lines.append(
                f"{name} {cause}, and no number of micro-batches makes it fit: lower model.resolution, "
                "or trainer.precision=16-mixed"
            )
        else:
            lines.append(f"{name} {cause} with a batch of {stage['images']} in {_parts(stage['asked_parts'])}")
            overrides.append(f"stage.{name}.micro_batches={parts}")
    evaluation = figures["evaluation"]
    if evaluation and evaluation["need_bytes"] > limit * GB:
        need = _gb(evaluation["need_bytes"])
        lines.append(
            f"the evaluation does not fit {card}: {measured} {need}; lower model.resolution, or hold out smaller"
        )
    if overrides:
        lines.append(f"to make it fit, with the same result, add:  {' '.join(overrides)}")
    return lines


def _remarks(figures: dict[str, Any]) -> list[str]:
    stages = figures["stages"]
    remarks = []
    for name, stage in stages.items():
        if stage["shortened"]:
            times = "once" if stage["measured_steps"] == 1 else f"{stage['measured_steps']} times"
            remarks.append(
                f"{name}: a whole step takes too long here; one of its {stage['parts']} micro-batches was measured "
                f"({times}), with the whole batch in memory, and its time multiplied"
            )
        if len(stage["compared_bytes"]) > 1:
            peaks = ", ".join(f"{_gb(peak)} in {_parts(int(parts))}" for parts, peak in stage["compared_bytes"].items())
            remarks.append(
                f"{name}: measured {peaks}; other numbers by the line through them (memory = fixed + per image x "
                "images of a micro-batch)"
            )
        if stage["loading_seconds"] > stage["work_seconds"] and figures["machine"]["workers"]:
            remarks.append(
                f"{name}: training waits for the loader; raise data.workers (now {figures['machine']['workers']})"
            )
    if figures["machine"]["workers"] > figures["machine"]["cores"]:
        workers, cores = figures["machine"]["workers"], figures["machine"]["cores"]
        remarks.append(f"data.workers={workers} on {cores} cores: they wait for each other; use data.workers={cores}")
    if figures["machine"]["devices"] > 1:
        remarks.append(f"one of {figures['machine']['devices']} devices was measured, with its share of the batch")
    if not figures["machine"]["gpu"]:
        remarks.append(
            "measured without a GPU: this cannot say how fast a card would be, nor exactly what it would hold. The "
            "need above is what the process took beyond Python and its libraries, plus 0.5 GB for the card's own "
            "context; cuDNN's workspaces come on top, half precision takes less. Run this again on the card"
        )
    remarks.append(f"a card is full at {FITS_SHARE:.0%} of its size; {_gb(GB)} = 2^30 bytes")
    return remarks


def _gb(size: float) -> str:
    return f"{size / GB:.2f} GB" if size < 10 * GB else f"{size / GB:.1f} GB"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _parts(count: int) -> str:
    return "1 micro-batch" if count == 1 else f"{count} micro-batches"

"""`linecolor-colorize`: line art in, coloured pictures of its own size out."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from linecolor.cli.parser import CommandParser, check_least
from linecolor.experiment.errors import USER_ERRORS, exit_code

if TYPE_CHECKING:
    from linecolor.arrays import Picture
    from linecolor.cli.pages import PageJob
    from linecolor.hints.layers import Point
    from linecolor.rendering.page_colorizer import PageColorizer

    Hints = Picture | Sequence[Point] | None

DESCRIPTION = """Colour line art at its own size. Hints are painted on a transparent layer of the page's shape, saved as
NAME.hints.png next to NAME.png, or given as points. Without hints the network chooses."""

EXAMPLES = """examples:
  linecolor-colorize page.png
      page.color.png, with the hints of page.hints.png if there is one
  linecolor-colorize page.png --hint 420,310,#f2c9a0 --hint 500,90,#3b2a20 -o colored.png
      two hints: skin at (420, 310), hair at (500, 90), in pixels of the page
  linecolor-colorize chapter/ -o colored/ --layers
      every page of a folder; next to each picture an .ora with line, colour and hints as layers for Krita and GIMP
  linecolor-colorize 'chapter/*.png' --bundle runs/mine --blend paper
      with your own trained run, blended by the paper's rule
  linecolor-colorize page.png --onnx model/linecolor.onnx
      without torch (linecolor-export makes the file)
  scan | linecolor-colorize - > colored.png
      - as a page is the standard input, -o - the standard output
  linecolor-colorize panel.png --bundle runs/comic --candidates 4
      four colourings by the comic colorizer, panel.1.color.png to panel.4.color.png

exit code: 0; 1 if some pages could not be coloured, which are named; 2 for a mistake in the request
"""

FAILED = 1
MAX_CANDIDATES = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name with characters that the terminal's encoding lacks must not stop a chapter.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(_with_negative_points(sys.argv[1:] if arguments is None else arguments))
    return exit_code(lambda: run(options), "linecolor-colorize", "stopped; finished pages are whole", USER_ERRORS)


def run(options: argparse.Namespace) -> int:
    """Colour the pages that the command line names."""
    from linecolor.cli.pages import plan
    from linecolor.rendering.blends import BLENDS

    points = [parse_point(text) for text in options.hint]
    check_least(1, jobs=options.jobs)
    if not 1 <= options.candidates <= MAX_CANDIDATES:
        raise ValueError(f"--candidates {options.candidates} must be from 1 to {MAX_CANDIDATES}")
    if not 0 <= options.seed < 2**62:
        raise ValueError(f"--seed {options.seed} must be a whole number from 0")
    planned = plan(options)
    jobs = planned.jobs
    if points and (options.hints or jobs[0].hints):
        layer = f"--hints {options.hints}" if options.hints else f"{jobs[0].hints}, which is next to the page"
        raise ValueError(
            f"hints are given as points and as a layer ({layer}); leave --hint out, or move the layer away"
        )
    for note in planned.notes:
        _print_safely(f"linecolor-colorize: {note}", sys.stderr)
    colorizer = _colorizer(options)
    blend = BLENDS[colorizer.options.blend]
    if options.layers is not None and not blend.as_layers:
        instead = " or ".join(row.name for row in BLENDS.values() if row.as_layers)
        raise ValueError(
            f"--layers with --blend {blend.name}: programs multiply line and colour, as the {instead} blend does; "
            f"add --blend {instead}"
        )
    if options.color_only and blend.for_grey_pages:
        raise ValueError(f"--color-only: the {blend.name} blend does not keep page and colour apart; leave it out")
    failed = 0
    with ThreadPoolExecutor(min(options.jobs, len(jobs))) as pool:
        running = [(job, pool.submit(_color_page, job, colorizer, points, options)) for job in jobs]
        try:
            for job, future in _with_progress(running):
                try:
                    message = future.result()
                except Exception as error:  # torch, OpenCV and onnxruntime raise any kind; the other pages go on
                    failed += 1
                    if os.environ.get("LINECOLOR_TRACEBACK"):
                        traceback.print_exception(error)
                    reason = _reason(error)
                    text = reason if str(job.page) in reason else f"{job.page}: {reason}"
                    print(f"linecolor-colorize: {text}", file=sys.stderr)
                else:
                    _print_safely(message, sys.stderr if job.out is None else sys.stdout)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        print(f"linecolor-colorize: {failed} of {len(jobs)} pages could not be coloured", file=sys.stderr)
    return FAILED if failed else 0


def _print_safely(line: str, stream: TextIO) -> None:
    """Print a line; if its reader has gone, the pages are coloured all the same."""
    from linecolor.images.sources import printable

    try:
        print(printable(line), file=stream, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _reason(error: Exception) -> str:
    """What went wrong with a page, on one line, without the number that a system's message starts with."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be written ({error.strerror})"
    return " ".join(str(error).split()) or type(error).__name__


def _with_negative_points(arguments: Sequence[str]) -> list[str]:
    """`--hint -5,3,#ff0000` in one word: argparse takes a word with a minus for an option."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] == "--hint" and re.match(r"-[\d.]", word):
            words[-1] = f"--hint={word}"
        else:
            words.append(word)
    return words


def parse_point(text: str) -> Point:
    """`X,Y,#RRGGBB` as a hint; ValueError for anything else."""
    from linecolor.hints.layers import parse_color

    parts = text.split(",")
    try:
        x, y = float(parts[0]), float(parts[1])
        (color,) = parts[2:]
        return x, y, parse_color(color.strip())
    except (ValueError, IndexError):
        raise ValueError(f"--hint {text}: a hint is X,Y,#RRGGBB, as in --hint 420,310,#f2c9a0") from None


def _color_page(job: PageJob, colorizer: PageColorizer, points: Sequence[Point], options: argparse.Namespace) -> str:
    from linecolor import images
    from linecolor.images.encoding import encode_png
    from linecolor.images.metadata import read_metadata
    from linecolor.rendering import blending, openraster

    started = time.perf_counter()
    job.check_names(options.layers)
    line, _ = images.read_color(job.page)
    layer = images.read_hint_layer(job.hints) if job.hints else None
    hints: Hints = (points or None) if layer is None else layer
    coloring = colorizer.candidate(job.seed).colorize_with_steps(line, hints)
    layers = job.layers(options.layers)
    notes = read_metadata(job.page)
    height, width = coloring.full.shape[:2]
    picture = coloring.full
    if layers or options.color_only:
        color = blending.color_layer(coloring.ink, coloring.colorized, coloring.guide)
        if layers:
            stack = openraster.drawing_layers(coloring.ink, color, _layer_of(hints, (height, width)))
            openraster.write_openraster(layers, stack, openraster.flattened(coloring.ink, color), notes)
        if options.color_only:
            picture = color
    data = encode_png(picture, notes, signed=True)
    if job.out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        images.write_atomically(job.out, data)
    second = f" and {layers}" if layers else ""
    size = f"({width} x {height}, {time.perf_counter() - started:.1f} s)"
    done = "".join(f"; {note}" for note in coloring.notes)
    return f"{job.page} -> {job.out or 'standard output'}{second}{_with_hints(job, layer, points)} {size}{done}"


def _with_hints(job: PageJob, layer: Picture | None, points: Sequence[Point]) -> str:
    """Of how many hints a picture was made, for the line that names it."""
    from linecolor.hints.layers import count_painted

    count = len(points) if layer is None else count_painted(layer)
    if layer is not None and count == 0:
        return f", no hint is painted in {job.hints}"
    hints = f" with {count:,} hint{'' if count == 1 else 's'}" if count else ""
    return f"{hints} from {job.hints}" if job.hints else hints


def _layer_of(hints: Hints, shape: tuple[int, int]) -> Picture | None:
    """The hints as a layer of the page's size."""
    import cv2
    import numpy as np

    from linecolor.hints.layers import place_points

    if hints is None:
        return None
    if not isinstance(hints, np.ndarray):
        return place_points(hints, shape, shape)
    # Nearest: no mixture of two colours comes in.
    return np.asarray(cv2.resize(hints, shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _colorizer(options: argparse.Namespace) -> PageColorizer:
    from linecolor.lineart.page import PagePreparation

    if options.no_blend and options.blend not in (None, "none"):
        raise ValueError(f"--no-blend and --blend {options.blend} contradict each other; give one of them")
    blend = "none" if options.no_blend else options.blend
    changes = {"blend": blend, "resolution": options.resolution, "temperature": options.temperature}
    if options.onnx is not None:
        if options.bundle is not None:
            raise ValueError("--bundle and --onnx are two ways to name the networks; give one of them")
        if options.device not in ("auto", "cpu"):
            raise ValueError(f"--onnx runs on the CPU, not on {options.device}; leave --device out")
        from linecolor.onnx.onnx_colorizer import OnnxColorizer

        colorizer: PageColorizer = OnnxColorizer.load(options.onnx, **changes)
    else:
        from linecolor.systems.line_colorizer import LineColorizer

        colorizer = LineColorizer.load(options.bundle, options.device, **changes)
    colorizer.draft_only = options.draft
    colorizer.preparation = PagePreparation(paper=options.paper, invert=options.invert)
    _check_sampling(colorizer, options)
    return colorizer


def _check_sampling(colorizer: PageColorizer, options: argparse.Namespace) -> None:
    """Refuse options of sampling for a system that does not sample, and the draft of one that makes none."""
    requested = {"--candidates": options.candidates > 1, "--seed": options.seed > 0}
    requested["--temperature"] = options.temperature is not None
    if any(requested.values()) and not colorizer.samples:
        option = next(name for name, is_set in requested.items() if is_set)
        raise ValueError(
            f"{option} is for networks that sample their colours, as the comic colorizer's do; these colour a page in "
            "one way: leave it out, or give --bundle runs/comic"
        )
    if options.draft and not colorizer.drafts:
        raise ValueError("--draft: this system makes no draft to stop at; leave it out")
    if options.candidates > 1 and colorizer.options.temperature == 0:
        raise ValueError(
            f"--candidates {options.candidates}: at temperature 0 the likeliest colours are taken, whatever the seed; "
            "give --temperature 0.5 or more"
        )


def _with_progress(running: list) -> Iterator:
    """A bar on a terminal, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(running)
    return iter(tqdm(running, "colouring", unit="page", disable=None if len(running) > 1 else True))


def _parser() -> argparse.ArgumentParser:
    from linecolor.lineart.page_modes import INVERT_MODES, PAPER_MODES
    from linecolor.rendering.blends import BLENDS

    parser = CommandParser(prog="linecolor-colorize", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("pages", nargs="+", metavar="PAGE", help="line art: files, folders, patterns in quotes, or -")
    parser.add_argument("-o", "--out", metavar="OUT", help="a file for one page or -, a folder for several")
    parser.add_argument("--hints", type=Path, metavar="PNG", help="painted hint layer, or a folder of them")
    parser.add_argument("--hint", action="append", default=[], metavar="X,Y,#RRGGBB", help="a hint; may be repeated")
    parser.add_argument(
        "--layers",
        nargs="?",
        const="",
        metavar="ORA",
        help="also write line, colour and hints as OpenRaster layers (of the clean blend); stands after the pages",
    )
    parser.add_argument("--color-only", action="store_true", help="write the colour without the lines")
    parser.add_argument("--draft", action="store_true", help="stop after the first of the two stages")
    blends = "; ".join(f"{blend.name}: {blend.summary}" for blend in BLENDS.values())
    parser.add_argument("--blend", choices=BLENDS, help=f"how colour and line are joined (the bundle's way); {blends}")
    parser.add_argument("--no-blend", action="store_true", help="the networks' colour alone: --blend none")
    papers = "; ".join(f"{name}: {summary}" for name, summary in PAPER_MODES.items())
    parser.add_argument("--paper", choices=PAPER_MODES, default="auto", help=f"(%(default)s); {papers}")
    inversions = "; ".join(f"{name}: {summary}" for name, summary in INVERT_MODES.items())
    parser.add_argument("--invert", choices=INVERT_MODES, default="auto", help=f"(%(default)s); {inversions}")
    parser.add_argument("--bundle", metavar="DIR", help="a run or a bundle (the bundled weights)")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="an exported system, run without torch")
    parser.add_argument(
        "--resolution", type=int, metavar="N", help="short side at which the networks see a page: more, finer detail"
    )
    parser.add_argument(
        "--candidates", type=int, default=1, metavar="N", help="pictures a page, of what is sampled (1)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first of them (%(default)s)")
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="of sampled colours: 1 as learned, 0 the likeliest (the bundle's)",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="(%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace pictures that linecolor did not make")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="pages in flight (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

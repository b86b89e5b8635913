"""`linecolor-export`: a bundle as ONNX files, which colour without torch."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from linecolor.cli.parser import CommandParser, user_path
from linecolor.experiment.errors import USER_ERRORS, exit_code

if TYPE_CHECKING:
    from linecolor.onnx.export import ExportedNetwork

DESCRIPTION = """Write a trained system as ONNX: linecolor.onnx for all of it, and for two stages also draft.onnx and
colorizer.onnx with one network each. Height, width and batch are variable. Each file is compared with PyTorch at
several sizes before it is written, and refused if it differs."""

EXAMPLES = """The sides of a page must be multiples of linecolor.multiple in the metadata of the files, which has all
else that a program must know. linecolor-colorize --onnx needs numpy, OpenCV, Pillow and onnxruntime alone.

examples:
  linecolor-export -o model
      the bundled weights
  linecolor-export runs/mine -o model --half
      a trained run, computing in float16: half the size, for GPUs
  linecolor-colorize page.png --onnx model/linecolor.onnx

exit code: 0; 2 for a mistake in the request, or a file that differs from PyTorch
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = CommandParser(prog="linecolor-export", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE_OR_RUN", help="a bundle or a run (the bundled weights)")
    parser.add_argument("-o", "--out", type=user_path, required=True, metavar="FOLDER", help="folder of the files")
    parser.add_argument(
        "--half",
        action="store_true",
        help="compute in float16 where it is not visible; inputs and outputs stay float32",
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    options = parser.parse_args(arguments)
    return exit_code(lambda: run(options), "linecolor-export", "stopped", USER_ERRORS)


def run(options: argparse.Namespace) -> None:
    """Export, and print what was written."""
    from linecolor.systems.bundle import find_bundle, read_card

    read_card(find_bundle(options.bundle))  # a wrong one is reported before the wait
    print("linecolor-export: tracing and comparing, about a minute ...", file=sys.stderr, flush=True)

    from linecolor.onnx.export import export_bundle

    print(table(export_bundle(options.bundle, options.out, options.half, options.force)))
    words = ["linecolor-colorize", "page.png", "--onnx", str(options.out / "linecolor.onnx")]
    print(f"try next  {shlex.join(words)}")


def table(written: Sequence["ExportedNetwork"]) -> str:
    """The files as lines of text: name, size, largest difference from PyTorch in float32."""
    width = max(len("file"), *(len(str(file.path)) for file in written))
    lines = [f"{'file':<{width}}  {'size':>10}  worst difference"]
    lines += [f"{file.path!s:<{width}}  {file.size / 1e6:>7.2f} MB  {file.difference:.1e}" for file in written]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

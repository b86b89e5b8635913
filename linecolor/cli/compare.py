"""`linecolor-compare`: runs side by side: where they differ, their figures, the same drawings."""

import sys
from collections.abc import Sequence
from pathlib import Path

from linecolor.cli.parser import CommandParser, user_path
from linecolor.experiment.errors import USER_ERRORS, exit_code

_EXAMPLES = """examples:
  linecolor-compare runs/demo runs/mine
  linecolor-compare runs/seed0 runs/seed1 runs/seed2 -o seeds.html
  linecolor-compare runs/demo-sweep/* --drawings 4
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 2 for a mistake in the request, 130 when interrupted."""
    parser = CommandParser(prog="linecolor-compare", description=__doc__, epilog=_EXAMPLES)
    parser.add_argument("runs", nargs="+", type=user_path, metavar="RUN", help="folder of a run, such as runs/demo")
    page = Path("comparison.html")
    parser.add_argument("-o", "--out", type=user_path, default=page, help="the page (%(default)s)")
    parser.add_argument("--drawings", type=int, default=8, metavar="N", help="drawings shown, at most (8)")
    options = parser.parse_args(arguments)

    def run() -> None:
        from linecolor.experiment.comparison import compare

        compare(options.runs, options.out, options.drawings)

    return exit_code(run, "linecolor-compare", "stopped", USER_ERRORS)


if __name__ == "__main__":
    sys.exit(main())

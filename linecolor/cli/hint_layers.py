"""linecolor-data hints: the protocol's hint layers as pictures, to measure any program on the same ones."""

from __future__ import annotations

import argparse

from linecolor.cli.parser import check_least, user_path

DESCRIPTION = "Write line, truth and hint layers of held-out drawings as pictures."

EXAMPLES = """writes OUT/line/NAME.png, OUT/truth/NAME.png and OUT/hints/008/NAME.png (a layer of 8 hints).
Let the other program write its pictures to RESULTS/008/NAME.png; then
  linecolor-evaluate 'systems={Ours: runs/demo, Theirs: RESULTS}' data.root=data/openmoji

examples:
  linecolor-data hints data/openmoji --out protocol
  linecolor-data hints data/openmoji --out protocol --hints 0,8,32 --drawings 20
  linecolor-data hints my/illustrations --test-share 1.0 --out protocol
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "source", type=user_path, metavar="SRC", help="a prepared data set, or a folder of illustrations"
    )
    parser.add_argument("--out", type=user_path, required=True, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--lines", type=user_path, metavar="DIR", help="a parallel folder of real lines, as data.lines")
    parser.add_argument("--hints", metavar="N,N", help="numbers of hints (the protocol's: 0 and powers of 2 to 128)")
    parser.add_argument("--drawings", type=int, metavar="N", help="held-out drawings (the protocol's 60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the hints; 0 for published tables")
    parser.add_argument(
        "--test-share", type=float, metavar="P", help="held out of a loose folder (as in training: data.test_share)"
    )
    parser.add_argument(
        "--line-method", default="real", metavar="HOW", help="real lines where there are any, or xdog for all (real)"
    )


def run(options: argparse.Namespace) -> None:
    """Write the pictures.

    Raises:
        ValueError, OSError: see `write_hint_layers`.
    """
    from linecolor.evaluation.hint_levels import ProtocolHints
    from linecolor.experiment.config import default_data, default_protocol
    from linecolor.experiment.hint_layers import write_hint_layers

    protocol = default_protocol()
    counts = protocol["hints"] if options.hints is None else _counts(options.hints)
    count = protocol["drawings"] if options.drawings is None else options.drawings
    check_least(1, drawings=count)
    check_least(0, seed=options.seed)
    lines = None if options.lines is None else str(options.lines)
    data = default_data(root=str(options.source), lines=lines, test_share=options.test_share)
    hints = ProtocolHints(counts, options.seed)
    drawings = write_hint_layers(data, options.out, hints, count, options.line_method)
    print(f"drawings    {drawings}, each with {', '.join(map(str, counts))} hints")
    print(f"written to  {options.out}/line, {options.out}/truth, {options.out}/hints/{hints.levels[-1]}")


def _counts(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdigit() and int(word) < 1000 for word in words):
        raise ValueError(f"--hints {text} must be numbers from 0 to 999 with commas, such as 0,8,32")
    return sorted({int(word) for word in words})

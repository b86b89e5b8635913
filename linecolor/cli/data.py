"""`linecolor-data`: prepare data sets, look at what training will see, sort, pack, and write hint layers."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from linecolor.cli.parser import CommandParser, check_least, user_path
from linecolor.experiment.errors import USER_ERRORS, exit_code

if TYPE_CHECKING:
    from datamodules.prepare.rendering import DrawingSet

_EXAMPLES = """examples:
  linecolor-data prepare openmoji --out data/openmoji --size 512 --limit 600
  linecolor-data prepare characters --out data/characters --count 5000 --styles adventurer
  linecolor-data prepare panels --out data/panels --count 800 --test-count 100
  linecolor-data preview -o preview.png experiment=demo data.root=data/openmoji
  linecolor-data shard my/illustrations --out shards
  linecolor-data curate my/illustrations --out curated
  linecolor-data hints data/openmoji --out protocol
"""

_PREPARE_EXAMPLES = """A stopped run goes on where it stopped. Other options need another folder, or --force.

examples:
  linecolor-data prepare openmoji --out data/openmoji
  linecolor-data prepare openmoji --out data/small --size 256 --test-size 1024 --limit 300 --test-limit 20
  linecolor-data prepare characters --out data/characters --count 5000 --seed 1
  linecolor-data prepare panels --out data/panels --count 800 --test-count 100
"""

_PANELS_EXAMPLE = """example:
  linecolor-data prepare panels --out data/panels --count 800 --test-count 100
"""

_PREVIEW_EXAMPLES = """examples:
  linecolor-data preview -o preview.png experiment=demo data.root=data/openmoji
  linecolor-data preview -o preview.png --count 32 experiment=paper data.root=my/illustrations
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 2 for a mistake in the request, 130 when interrupted."""
    parser = _parser()
    options, overrides = parser.parse_known_args(arguments)
    unknown = [word for word in overrides if word.startswith("-")]
    if unknown or (overrides and options.run is not _preview):
        parser.error(f"unrecognized arguments: {' '.join(unknown or overrides)}")
    options.overrides = [*getattr(options, "overrides", []), *overrides]
    run: Callable[[argparse.Namespace], None] = options.run
    return exit_code(lambda: run(options), "linecolor-data", "stopped; the same command goes on from here", USER_ERRORS)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog="linecolor-data", description=__doc__, epilog=_EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    prepare = commands.add_parser(
        "prepare",
        help="render a data set of colour and line pairs",
        description="Render a data set of colour and line pairs.",
        epilog=_PREPARE_EXAMPLES,
    )
    sources = prepare.add_subparsers(required=True, metavar="SOURCE")
    openmoji = sources.add_parser(
        "openmoji",
        help="OpenMoji drawings with their designers' line art (CC BY-SA 4.0)",
        description="OpenMoji: about 1,590 training pairs and the 60 test pairs of the hint protocol.",
    )
    _add_rendering_options(openmoji)
    openmoji.add_argument(
        "--limit", type=int, metavar="N", help="training pairs, plain ones before skin-tone variants (all)"
    )
    openmoji.add_argument("--test-limit", type=int, metavar="N", help="test pairs (all 60)")
    openmoji.set_defaults(run=_prepare_openmoji)

    characters = sources.add_parser(
        "characters",
        help="seeded cartoon characters, as many as wanted (CC BY 4.0, CC0)",
        description="DiceBear characters, 5 % of them for the test split.",
    )
    _add_rendering_options(characters)
    characters.add_argument("--count", type=int, default=2000, metavar="N", help="pairs in all (%(default)s)")
    characters.add_argument(
        "--styles", default="adventurer,micah,open-peeps", metavar="A,B", help="styles, dealt in turn (%(default)s)"
    )
    characters.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other people (0)")
    characters.set_defaults(run=_prepare_characters)

    panels = sources.add_parser(
        "panels",
        help="comic panels: both of the above before one background, with balloons (CC BY-SA 4.0)",
        description="Comic panels composed of OpenMoji drawings and DiceBear characters, with speech balloons and "
        "frames. Test panels share no figure and no object with training panels, and have a mask of their background.",
        epilog=_PANELS_EXAMPLE,
    )
    _add_rendering_options(panels)
    panels.add_argument("--count", type=int, default=800, metavar="N", help="training panels (%(default)s)")
    panels.add_argument("--test-count", type=int, default=100, metavar="N", help="test panels (%(default)s)")
    panels.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other panels (0)")
    panels.set_defaults(run=_prepare_panels, test_size=1024)

    preview = commands.add_parser(
        "preview",
        help="write a sheet of what training will see",
        description="Write a sheet of samples just as training will see them: colour, line, hints.",
        epilog=_PREVIEW_EXAMPLES,
    )
    preview.add_argument("-o", "--output", type=user_path, required=True, metavar="PNG", help="the sheet to write")
    preview.add_argument("--count", type=int, default=16, metavar="N", help="samples (%(default)s)")
    preview.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings, as for linecolor-train")
    preview.set_defaults(run=_preview)

    from linecolor.cli import curate, hint_layers, shard

    for name, module, summary in (
        ("shard", shard, "write a big data set as tars, read from a disk, HTTP or S3"),
        ("hints", hint_layers, "write the protocol's hint layers, to measure any other program on the very same ones"),
        ("curate", curate, "find which pictures of a folder are fit to learn from"),
    ):
        command = commands.add_parser(name, help=summary, description=module.DESCRIPTION, epilog=module.EXAMPLES)
        module.add_options(command)
        command.set_defaults(run=module.run)
    return parser


def _add_rendering_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=user_path, required=True, metavar="DIR", help="folder of the data set")
    parser.add_argument("--size", type=int, default=512, metavar="PX", help="side of training pictures (%(default)s)")
    parser.add_argument("--test-size", type=int, default=1536, metavar="PX", help="side of test pictures (%(default)s)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (one for each core)")
    parser.add_argument("--force", action="store_true", help="drop what --out holds of this data set first")


def _prepare_openmoji(options: argparse.Namespace) -> None:
    from datamodules.prepare.openmoji import openmoji_set

    _render(options, openmoji_set(options.limit, options.test_limit))


def _prepare_characters(options: argparse.Namespace) -> None:
    from datamodules.prepare.characters import character_set

    styles = [style.strip() for style in options.styles.split(",") if style.strip()]
    _render(options, character_set(styles, options.count, options.seed))


def _prepare_panels(options: argparse.Namespace) -> None:
    from datamodules.prepare.panels.compose import panel_set

    _render(options, panel_set(options.count, options.test_count, options.seed), "comic")


def _render(options: argparse.Namespace, drawings: DrawingSet, experiment: str = "demo") -> None:
    from datamodules.prepare.rendering import render_set

    done = render_set(options.out, drawings, options.size, options.test_size, options.jobs, options.force)
    reused = f" ({done.reused} of them were there already)" if done.reused else ""
    print(f"data set    {done.root}")
    print(f"pairs       {', '.join(f'{count} {split}' for split, count in done.pairs.items())}{reused}")
    print(f"licence     {done.licence.name}  {done.licence.url}")
    print(f"credit      {done.licence.attribution}")
    words = ["linecolor-train", f"experiment={experiment}", f"data.root={done.root}"]
    print(f"try next    {shlex.join(words)}")


def _preview(options: argparse.Namespace) -> None:
    check_least(1, count=options.count)
    from linecolor.experiment.preview import write_preview

    write_preview(options.output, options.overrides, options.count)


if __name__ == "__main__":
    sys.exit(main())

"""What the commands share: their parser, and the check of numbers."""

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """A parser whose description and examples keep their line breaks; its subcommands are of the same kind."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **settings})


def check_least(least: int, **values: int) -> None:
    """ValueError for an option, named as its attribute is, whose value is below the least one."""
    for name, value in values.items():
        if value < least:
            raise ValueError(f"--{name} {value} must be {least} or more")


def user_path(text: str) -> Path:
    """A path as a user writes it: a shell leaves the `~` of `--out=~/pictures` to us. Of nobody's home it is a name."""
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)

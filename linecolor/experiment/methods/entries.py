"""Systems as a user names them: runs, bundles, folders of another program's results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Entry:
    """A system to measure, as the user names it.

    Attributes:
        name: in tables; entries of one name are the seeds of one system.
        path: of a run, a bundle, or a folder of a foreign program's results.
        member: tells the seeds of a system apart.
        blend: how its pictures are blended; None for its own way.
    """

    name: str
    path: Path
    member: str = ""
    blend: str | None = None

    @property
    def kind(self) -> Literal["run", "bundle", "foreign"]:
        """What lies there.

        Raises:
            FileNotFoundError: if there is nothing.
        """
        if (self.path / "config.yaml").is_file():
            return "run"
        if (self.path / "bundle.yaml").is_file():
            return "bundle"
        if self.path.is_dir():
            return "foreign"
        raise FileNotFoundError(f"{self.path}: there is no run, no bundle and no folder of pictures")

    @property
    def bundle(self) -> Path:
        """Where the networks lie, of a run or a bundle."""
        return self.path / "bundle" if self.kind == "run" else self.path


def named_entries(systems: Any, blend: str | None) -> list[Entry]:
    """The entries of a configuration: a list of paths, or a mapping of names to a path or a list of them (seeds).

    Raises:
        ValueError: for anything else, for names that cannot be told apart or that mean something else.
    """
    if isinstance(systems, list) and systems and all(isinstance(path, str) for path in systems):
        paths = [Path(path).expanduser() for path in systems]
        named = {name: [path] for name, path in zip(_short_names(paths), paths)}
    elif isinstance(systems, dict) and systems:
        named = {}
        for name, of in systems.items():
            several = of if isinstance(of, list) else [of]
            if not several or not all(isinstance(path, str) for path in several):
                raise ValueError(f"systems.{name}={of} is no folder: give a run, a bundle or a folder of results")
            named[str(name)] = [Path(path).expanduser() for path in several]
    else:
        raise ValueError(f"systems={systems}: give folders, [runs/a,runs/b], or names, {{Ours: [runs/a, runs/b]}}")
    entries = []
    for name, paths in named.items():
        members = _short_names(paths) if len(paths) > 1 else [""]
        entries += [Entry(name, path, member, blend) for path, member in zip(paths, members)]
    check_names([entry.name for entry in entries])
    folders = [picture_folder(entry.name, entry.member) for entry in entries]
    if len(set(folders)) < len(folders):
        raise ValueError(f"systems: {', '.join(folders)}: their pictures would land in one folder; use other names")
    return entries


def check_names(names: Sequence[str]) -> None:
    """Refuse names that mean something else in a table or on a page.

    Raises:
        ValueError: naming them.
    """
    from linecolor.evaluation.references import REFERENCES

    taken = {"line", "hints", "truth", *(reference.name for reference in REFERENCES)}
    for name in names:
        if name in taken or not name.strip():
            raise ValueError(f"a system cannot be called {name!r}: give it another name, {{Name: FOLDER}}")


def picture_folder(name: str, member: str) -> str:
    """The folder of a system's pictures: its name without what a file system or a shell would take amiss."""
    plain = re.sub(r"[^\w.,+()-]+", "_", f"{name}-{member}" if member else name)
    return plain if plain.strip(".") else f"_{plain}"


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names; of a run's bundle the run's; where two are alike, the whole paths."""
    short = [path.parent.name if path.name == "bundle" and path.parent.name else path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]

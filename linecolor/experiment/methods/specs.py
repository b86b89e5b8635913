"""Methods as a user names them: runs, bundles, folders of another program's results, references."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from linecolor.evaluation.methods import ExternalMethod, ReferenceMethod, TrainedMethod
from linecolor.evaluation.references import REFERENCES, available, unavailable
from linecolor.systems.line_colorizer import LineColorizer


@dataclass(frozen=True)
class MethodSpec:
    """A method to measure, as the user names it.

    Attributes:
        name: in tables; specs of one name are the seeds of one method.
        path: of a run, a bundle, or a folder of another program's results.
        seed: tells the seeds of a method apart.
        blend: how its pictures are blended; None for its own way.
    """

    name: str
    path: Path
    seed: str = ""
    blend: str | None = None

    @property
    def kind(self) -> Literal["run", "bundle", "results"]:
        """What lies there; a FileNotFoundError says that there is nothing."""
        if (self.path / "config.yaml").is_file():
            return "run"
        if (self.path / "bundle.yaml").is_file():
            return "bundle"
        if self.path.is_dir():
            return "results"
        raise FileNotFoundError(f"{self.path}: there is no run, no bundle and no folder of pictures")

    @property
    def bundle(self) -> Path:
        """Where the networks lie, of a run or a bundle."""
        return self.path / "bundle" if self.kind == "run" else self.path

    def load(self, device: str) -> TrainedMethod | ExternalMethod:
        """The method, with its networks on this device.

        Raises:
            FileNotFoundError: if it is not there.
            ValueError: if its bundle is damaged.
        """
        if self.kind == "results":
            return ExternalMethod(self.name, self.path, self.seed)
        return TrainedMethod(LineColorizer.load(self.bundle, device, blend=self.blend), self.name, self.seed)


def method_specs(methods: Any, blend: str | None) -> list[MethodSpec]:
    """The methods of a configuration: a list of paths, or a mapping of names to a path or a list of them (seeds).

    Raises:
        ValueError: for anything else, for names that cannot be told apart or that mean something else.
    """
    if isinstance(methods, list) and methods and all(isinstance(path, str) for path in methods):
        paths = [Path(path).expanduser() for path in methods]
        named = {name: [path] for name, path in zip(_short_names(paths), paths)}
    elif isinstance(methods, dict) and methods:
        named = {}
        for name, folders in methods.items():
            seeds = folders if isinstance(folders, list) else [folders]
            if not seeds or not all(isinstance(path, str) for path in seeds):
                raise ValueError(f"systems.{name}={folders} is no folder: give a run, a bundle or a folder of results")
            named[str(name)] = [Path(path).expanduser() for path in seeds]
    else:
        raise ValueError(f"systems={methods}: give folders, [runs/a,runs/b], or names, {{Ours: [runs/a, runs/b]}}")
    specs = []
    for name, paths in named.items():
        seeds = _short_names(paths) if len(paths) > 1 else [""]
        specs += [MethodSpec(name, path, seed, blend) for path, seed in zip(paths, seeds)]
    check_names([spec.name for spec in specs])
    folders = [picture_folder(spec.name, spec.seed) for spec in specs]
    if len(set(folders)) < len(folders):
        raise ValueError(f"systems: {', '.join(folders)}: their pictures would land in one folder; use other names")
    return specs


def check_names(names: Sequence[str]) -> None:
    """Refuse names that mean something else in a table or on a page, by a ValueError that names them."""
    taken = {"line", "hints", "truth", *(reference.name for reference in REFERENCES)}
    for name in names:
        if name in taken or not name.strip():
            raise ValueError(f"a method cannot be called {name!r}: give it another name, {{Name: FOLDER}}")


def chosen_references(names: Sequence[str] | None) -> list[ReferenceMethod]:
    """The references by these names; None for all that run here.

    Raises:
        ValueError: for one that is unknown or does not run here, with the reason.
    """
    known = {reference.name: reference for reference in REFERENCES}
    here = [reference.name for reference in available()]
    wanted = here if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise ValueError(f"references: {name!r} is unknown: use {', '.join(known)}, or [] for none")
        if name not in here:
            raise ValueError(f"references: {name}: {unavailable()[name]}")
    if names is None:
        for name, why in unavailable().items():
            print(f"not measured: {name}: {why}")
    return [ReferenceMethod(known[name]) for name in wanted]


def picture_folder(name: str, seed: str) -> str:
    """The folder of a method's pictures: its name without what a file system or a shell would take amiss."""
    plain = re.sub(r"[^\w.,+()-]+", "_", f"{name}-{seed}" if seed else name)
    return plain if plain.strip(".") else f"_{plain}"


def _short_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names; of a run's bundle the run's; where two are alike, the whole paths."""
    short = [path.parent.name if path.name == "bundle" and path.parent.name else path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]

#!/usr/bin/env python3
"""Installs the GIMP 3 plug-in: its small environment, the model, and the plug-in itself. Standard library only."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FILES = ("linecolor.py", "coloring.py", "guard.py", "layer_choice.py")
INSTALLATION = "installation.json"
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "onnxruntime")
FLATPAK = "org.gimp.GIMP"
OURS = ".made-by-linecolor"
"""Marks the environment: a folder without it is never replaced nor removed."""

DESCRIPTION = """Install linecolor into GIMP 3: Filters > Line art > Colorize. Makes a small Python environment of its
own (numpy, OpenCV, Pillow, onnxruntime; about 300 MB) and touches no other."""

EXAMPLES = """examples:
  python3 gimp/install.py
      into every GIMP 3 of yours, with the model that linecolor-export makes
  python3 gimp/install.py --model downloads/linecolor.onnx
      with a model you have
  python3 gimp/install.py --dry-run
      only print what would be done
  python3 gimp/install.py --uninstall
"""


class InstallError(Exception):
    """It cannot be installed; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 1 after a line that says what to do."""
    options = _parser().parse_args(arguments)
    try:
        if options.uninstall:
            uninstall(options)
        else:
            install(options)
    except (InstallError, OSError) as error:
        print(f"install.py: error: {error}", file=sys.stderr)
        return 1
    return 0


def install(options: argparse.Namespace) -> None:
    """Environment, model, plug-in, in this order: whatever fails leaves no half plug-in behind."""
    folders = _folders(options)
    for folder in folders:
        _check_target(folder / "linecolor")
    home = data_folder(Path.home(), os.environ, sys.platform)
    if options.environment is None:
        environment = home / "gimp-environment"
        _make_environment(environment, _python(options), options.dry_run)
    else:
        environment = options.environment.expanduser().resolve()
        _check_environment(environment)
        print(f"Environment: {environment} (yours, as it is)")
    model = _take_model(options.model, home, options.dry_run)
    for folder in folders:
        print(f"Plug-in:     {folder / 'linecolor'}")
        if not options.dry_run:
            _copy_plug_in(folder / "linecolor", environment, model)
    if options.dry_run:
        print("Nothing was changed.")
    else:
        print("Done. Start GIMP again: Filters > Line art > Colorize.")


def uninstall(options: argparse.Namespace) -> None:
    """Remove what `install` made, and nothing else."""
    for folder in _folders(options):
        _remove_plug_in(folder / "linecolor", options.dry_run)
    home = data_folder(Path.home(), os.environ, sys.platform)
    environment, model = home / "gimp-environment", home / "linecolor.onnx"
    if (environment / OURS).is_file() and not environment.is_symlink():
        print(f"Removing {environment}")
        if not options.dry_run:
            shutil.rmtree(environment)
    if model.is_file():
        print(f"Removing {model}")
        if not options.dry_run:
            model.unlink()
    if not options.dry_run and home.is_dir() and not any(home.iterdir()):
        home.rmdir()
    print("Nothing was changed." if options.dry_run else "Done.")


def plug_in_folders(home: Path, variables: Mapping[str, str], platform: str) -> list[Path]:
    """Where the GIMP 3 of this user looks for plug-ins: one folder for each 3.x that was started once.

    Args:
        home: the user's home folder.
        variables: environment variables.
        platform: as of `sys.platform`.

    Returns:
        Folders `plug-ins`, which need not exist yet; the Flatpak reads those of ~/.config too.
    """
    if variables.get("GIMP3_DIRECTORY"):
        return [Path(variables["GIMP3_DIRECTORY"]) / "plug-ins"]
    if platform == "win32":
        roots = [_base(variables, "APPDATA", home / "AppData" / "Roaming")]
    elif platform == "darwin":
        roots = [home / "Library" / "Application Support"]
    else:
        roots = [_base(variables, "XDG_CONFIG_HOME", home / ".config"), home / ".var" / "app" / FLATPAK / "config"]
    versions = {
        version.resolve(): None
        for root in roots
        for version in sorted((root / "GIMP").glob("3.*"))
        if version.is_dir() and re.fullmatch(r"3\.\d+", version.name)
    }
    return [version / "plug-ins" for version in versions]


def data_folder(home: Path, variables: Mapping[str, str], platform: str) -> Path:
    """Where environment and model live; arguments as of `plug_in_folders`."""
    if platform == "win32":
        return _base(variables, "LOCALAPPDATA", home / "AppData" / "Local") / "linecolor"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "linecolor"
    return _base(variables, "XDG_DATA_HOME", home / ".local" / "share") / "linecolor"


def _base(variables: Mapping[str, str], name: str, default: Path) -> Path:
    # A relative one is to be ignored, says the XDG Base Directory specification.
    path = Path(variables.get(name) or default)
    return path if path.is_absolute() else default


def _folders(options: argparse.Namespace) -> list[Path]:
    if options.plug_ins is not None:
        folder = options.plug_ins.expanduser().resolve()
        if not folder.is_dir():
            raise InstallError(
                f"--plug-ins {options.plug_ins}: there is no such folder. GIMP lists its own under Edit > Preferences "
                "> Folders > Plug-ins."
            )
        return [folder]
    folders = plug_in_folders(Path.home(), os.environ, sys.platform)
    if not folders and not options.uninstall:
        raise InstallError(
            "no GIMP 3 was found. Start GIMP 3 once, so that it makes its folders, and try again; or name the folder "
            "that GIMP lists under Edit > Preferences > Folders > Plug-ins: --plug-ins FOLDER"
        )
    return folders


def _check_target(target: Path) -> None:
    known = {*FILES, INSTALLATION, "__pycache__"}
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InstallError(f"{target} is not a folder of its own. Move it away and try again.")
    if target.is_dir() and any(target.iterdir()) and not (target / INSTALLATION).is_file():
        strange = sorted({path.name for path in target.iterdir()} - known)
        if strange:
            raise InstallError(f"{target} holds something else ({strange[0]}). Move it away and try again.")


def _copy_plug_in(target: Path, environment: Path, model: Path) -> None:
    for name in FILES:
        content = (PROJECT / "gimp" / "linecolor" / name).read_bytes()
        _replace(target / name, content, 0o755 if name == FILES[0] else 0o644)
    installation = json.dumps({"environment": str(environment), "model": str(model)}, indent=2, ensure_ascii=False)
    _replace(target / INSTALLATION, installation.encode())


def _replace(file: Path, content: bytes, mode: int = 0o644) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".linecolor-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove_plug_in(target: Path, dry_run: bool) -> None:
    if target.is_symlink() or not (target / INSTALLATION).is_file():
        return
    print(f"Removing {target}")
    if dry_run:
        return
    for name in (*FILES, INSTALLATION):
        (target / name).unlink(missing_ok=True)
    shutil.rmtree(target / "__pycache__", ignore_errors=True)
    if any(target.iterdir()):
        print(f"  {target} holds other files, which stay")
    else:
        target.rmdir()


def _python(options: argparse.Namespace) -> list[str]:
    """The Python that makes the environment: this one, or for a GIMP in a Flatpak the one in there."""
    sandbox = options.flatpak
    if sandbox is None:
        there = (Path.home() / ".var" / "app" / FLATPAK).is_dir() and shutil.which("flatpak") is not None
        sandbox = there and shutil.which("gimp") is None and shutil.which("gimp-3.0") is None
    if sandbox:
        # Programs of the machine do not run inside the Flatpak: its own Python has to make the environment.
        return ["flatpak", "run", "--share=network", "--filesystem=host", "--command=python3", FLATPAK]
    if sys.version_info < (3, 11):  # noqa: UP036, run by whatever Python there is
        raise InstallError(f"linecolor needs Python 3.11 or newer, this is {sys.version.split()[0]}: use a newer one")
    return [sys.executable]


def _make_environment(environment: Path, python: list[str], dry_run: bool) -> None:
    print(f"Environment: {environment} (numpy, OpenCV, Pillow, onnxruntime; a minute or two)")
    if environment.is_symlink() or (environment.exists() and not (environment / OURS).is_file()):
        raise InstallError(f"{environment} was not made by this program. Move it away and try again.")
    if dry_run:
        return
    new = not environment.exists()
    environment.mkdir(parents=True, exist_ok=True)
    (environment / OURS).touch()
    inside = str(_executable(environment, "python"))
    own = [f"--command={inside}" if part.startswith("--command=") else part for part in python]
    pip = [*(own if len(python) > 1 else [inside]), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        _run([*python, "-m", "venv", str(environment)], "On Debian and Ubuntu: sudo apt install python3-venv")
        locked = ["--constraint", str(PROJECT / "constraints.txt"), "--only-binary", ":all:"]
        _run([*pip, *locked, *PACKAGES], "Is there a network?")
        _run([*pip, "--no-deps", str(PROJECT)], "Is there a network?")
        _check_environment(environment)
    except BaseException:
        if new:
            shutil.rmtree(environment, ignore_errors=True)
        raise


def _check_environment(environment: Path) -> None:
    for program in (_executable(environment, name) for name in ("python", "linecolor-colorize")):
        if not program.is_file():
            raise InstallError(f"{environment} is no environment with linecolor: {program} is missing")


def _executable(environment: Path, name: str) -> Path:
    return environment / "Scripts" / f"{name}.exe" if os.name == "nt" else environment / "bin" / name


def _take_model(source: Path | None, home: Path, dry_run: bool) -> Path:
    kept, exporter = home / "linecolor.onnx", _executable(PROJECT / ".venv", "linecolor-export")
    if source is not None:
        model = source.expanduser().resolve()
        if model.suffix != ".onnx" or not model.is_file() or not model.stat().st_size:
            raise InstallError(f"--model {source} is no model: give a linecolor.onnx as linecolor-export makes it")
        print(f"Model:       {kept}, from {model}")
        if not dry_run and model != kept:
            _replace(kept, model.read_bytes())
    elif exporter.is_file():
        print(f"Model:       {kept}, exported from the bundled weights")
        if not dry_run:
            with tempfile.TemporaryDirectory() as folder:
                _run([str(exporter), "-o", folder], "Or give a model you have: --model linecolor.onnx")
                _replace(kept, (Path(folder) / "linecolor.onnx").read_bytes())
    elif kept.is_file():
        print(f"Model:       {kept}, as it was")
    else:
        raise InstallError(
            f"there is no model. Make one in {PROJECT} with “make install” and try again, or give one you have: "
            "--model linecolor.onnx"
        )
    return kept


def _run(command: list[str], advice: str) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise InstallError(f"{command[0]} does not start ({error}). {advice}") from None
    if done.returncode:
        last = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-12:])
        raise InstallError(f"this failed: {' '.join(command)}\n{last}\n{advice}")


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="install.py", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--model", type=Path, metavar="FILE", help="a linecolor.onnx (that of linecolor-export)")
    parser.add_argument("--plug-ins", type=Path, metavar="DIR", help="GIMP's plug-ins folder (found)")
    parser.add_argument("--environment", type=Path, metavar="DIR", help="use this virtual environment with linecolor")
    parser.add_argument(
        "--flatpak", action=argparse.BooleanOptionalAction, help="GIMP runs as a Flatpak (if it is the only one)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done and change nothing")
    parser.add_argument("--uninstall", action="store_true", help="remove plug-in, environment and model")
    return parser


if __name__ == "__main__":
    sys.exit(main())

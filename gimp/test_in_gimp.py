#!/usr/bin/env python3
"""Tries the plug-in in a real GIMP 3: a small Debian trixie of its own, made by debootstrap in a cache folder.

Needs root (it makes a chroot with private mounts), Linux, and a Debian mirror; about 1.3 GB and three minutes the
first time. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# GIMP and what its Python plug-ins need; for the checks; for the one with a screen.
PACKAGES = ["gimp", "gir1.2-gimp-3.0", "python3", "python3-gi", "python3-venv", "ca-certificates"]
PACKAGES += ["python3-numpy", "python3-pil"]
PACKAGES += ["xvfb", "xauth", "xdotool", "imagemagick", "openbox", "adwaita-icon-theme", "fonts-dejavu-core"]
NEEDED = ("gimp", "linecolor", "lightning_modules", "datamodules", "conf", "pyproject.toml", "constraints.txt")
NEEDED += ("README.md", "LICENSE")
TIME_LIMIT = 240
"""Seconds for GIMP to run the checks: it takes thirty."""

STAND_IN = '''#!/usr/bin/python3
"""Obeys linecolor-colorize's command line, and gives every pixel the colour of the nearest hint."""
import argparse, io, zipfile
import numpy as np
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("page")
parser.add_argument("--color-only", action="store_true")
for name in ("--hints", "--onnx", "-o", "--layers", "--resolution"):
    parser.add_argument(name)
options = parser.parse_args()
page = Image.open(options.page).convert("RGBA")
white = Image.new("RGBA", page.size, "white")
line = np.asarray(Image.alpha_composite(white, page).convert("L")).astype(int)
color = np.full((*line.shape, 3), 220, np.uint8)
if options.hints:
    hints = np.asarray(Image.open(options.hints).convert("RGBA"))
    ys, xs = (at[::16] for at in np.nonzero(hints[..., 3] > 32))
    rows, columns = np.mgrid[: line.shape[0], : line.shape[1]]
    nearest = np.argmin([(rows - y) ** 2 + (columns - x) ** 2 for y, x in zip(ys, xs)], axis=0)
    color = hints[ys, xs, :3][nearest]
layer = Image.fromarray(color)
picture = Image.fromarray((color * (line[..., None] / 255)).astype(np.uint8))
(layer if options.color_only else picture).save(options.o)
if options.layers:
    data = io.BytesIO()
    layer.save(data, "PNG")
    with zipfile.ZipFile(options.layers, "w") as archive:
        archive.writestr("stack.xml", '<image><stack><layer name="color" src="data/1.png"/></stack></image>')
        archive.writestr("data/1.png", data.getvalue())
'''


class CannotTest(Exception):
    """GIMP cannot be had here; the message says why."""


def main() -> int:
    """Run the command; exit code 0 if every check holds, 1 if one does not, 2 if GIMP cannot be had here."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linecolor"
    parser = argparse.ArgumentParser(prog="test_in_gimp.py", description=__doc__.splitlines()[0])
    parser.add_argument("--chroot", type=Path, default=cache / "gimp-trixie", help="(%(default)s)")
    parser.add_argument("--mirror", help="Debian mirror (debootstrap's own)")
    parser.add_argument("--model", type=Path, help="a linecolor.onnx (that of .venv/bin/linecolor-export)")
    parser.add_argument("--stand-in", action="store_true", help="no network: the nearest hint's colour everywhere")
    parser.add_argument("--out", type=Path, help="folder for the pictures (results/ in the chroot)")
    options = parser.parse_args()
    try:
        chroot = options.chroot.expanduser().absolute()
        make_chroot(chroot, options.mirror)
        plug_in = install(chroot, options.model, options.stand_in)
        results = {**run_checks(chroot, plug_in, screen=False), **run_checks(chroot, plug_in, screen=True)}
    except CannotTest as error:
        print(f"test_in_gimp.py: error: {error}", file=sys.stderr)
        return 2
    pictures = chroot / "results"
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        for picture in pictures.glob("*.png"):
            shutil.copy(picture, options.out)
        pictures = options.out
    for name, wrong in results.items():
        print(f"{'FAILED' if wrong else 'ok    '} {name.removeprefix('check_').replace('_', ' ')}")
        if wrong:
            print(wrong)
    print(f"Pictures: {pictures}")
    return 1 if any(results.values()) else 0


def make_chroot(chroot: Path, mirror: str | None) -> None:
    """A Debian trixie with GIMP 3, made once; CannotTest if this machine cannot."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotTest("a chroot needs Linux and root: run it as root (sudo make test-gimp)")
    done = chroot / "var" / "lib" / "linecolor-packages"
    if done.is_file() and done.read_text().split() == PACKAGES:
        return
    if not (chroot / "usr" / "bin" / "apt-get").exists():
        print(f"Making a Debian trixie in {chroot} ...", flush=True)
        chroot.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            program, variables = _debootstrap(Path(folder))
            _run(
                [program, "--variant=minbase", "trixie", str(chroot), *([mirror] if mirror else [])],
                {**os.environ, **variables},
            )
    # No service starts in there.
    policy = chroot / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    print("Installing GIMP 3 there ...", flush=True)
    for command in ("update", "install -y --no-install-recommends " + " ".join(PACKAGES)):
        _run(inside(chroot, {"DEBIAN_FRONTEND": "noninteractive"}, ["apt-get", "-q", *command.split()]))
    done.write_text("\n".join(PACKAGES))


def install(chroot: Path, model: Path | None, stand_in: bool) -> Path:
    """Install the plug-in by install.py for a fresh user of the chroot; returns the plug-in's folder, as seen there."""
    home = chroot / "home" / "artist"
    settings = home / ".config" / "GIMP" / "3.0"
    shutil.rmtree(settings, ignore_errors=True)
    (settings / "plug-ins").mkdir(parents=True)
    (settings / "gimprc").write_text("(show-welcome-dialog no)\n")
    project = chroot / "opt" / "linecolor"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir(parents=True)
    for name in NEEDED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        else:
            shutil.copy(source, project / name)
    (project / "linecolor" / "weights").mkdir(exist_ok=True)
    command = ["python3", "/opt/linecolor/gimp/install.py"]
    with tempfile.TemporaryDirectory() as folder:
        if not stand_in:
            model = model or _export(Path(folder))
        if stand_in or model is None:
            print("A stand-in for the network: every place takes its nearest hint's colour.", flush=True)
            command += ["--environment", _stand_in(chroot)]
            (chroot / "opt" / "model.onnx").write_bytes(b"stand-in")
        else:
            if not model.is_file():
                raise CannotTest(f"--model {model}: there is no such file")
            shutil.copy(model, chroot / "opt" / "model.onnx")
            _trust_what_this_machine_trusts(chroot)
            print("Making the plug-in's small environment ...", flush=True)
    of_pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    _run(inside(chroot, {**of_pip, "HOME": "/home/artist"}, [*command, "--model", "/opt/model.onnx"]))
    return Path("/home/artist/.config/GIMP/3.0/plug-ins/linecolor")


def run_checks(chroot: Path, plug_in: Path, screen: bool) -> dict[str, str | None]:
    """Run checks_in_gimp.py in GIMP without a screen, or with a virtual one: check -> what went wrong, or None."""
    results = chroot / "results"
    results.mkdir(exist_ok=True)
    (results / "results.json").unlink(missing_ok=True)
    script = "exec(compile(open('/opt/linecolor/gimp/checks_in_gimp.py').read(), 'checks_in_gimp.py', 'exec'))"
    gimp = ["--no-data", "--batch-interpreter=python-fu-eval", "-b", script, "--quit"]
    if screen:
        command = ["xvfb-run", "-a", "-s", "-screen 0 1100x720x24", "gimp-3.0", "-n", "--no-splash", *gimp[1:]]
    else:
        command = ["gimp-console-3.0", "-i", *gimp]
    variables = {"HOME": "/home/artist", "LINECOLOR_CHECKS": "/results", "LINECOLOR_PLUG_IN": str(plug_in)}
    print("Running GIMP", "with a virtual screen ..." if screen else "without a screen ...", flush=True)
    try:
        done = subprocess.run(
            inside(chroot, variables, command), capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT
        )
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired as error:
        said = f"GIMP did not end within {TIME_LIMIT} s\n{(error.stdout or b'').decode('utf-8', 'replace')}"
    (results / f"gimp-{'screen' if screen else 'console'}.log").write_text(said)
    try:
        return dict(json.loads((results / "results.json").read_text()))
    except (OSError, ValueError):
        return {"GIMP runs the checks": said[-4000:]}


def inside(chroot: Path, variables: dict[str, str], command: list[str]) -> list[str]:
    """The command line that runs a command in the chroot, with mounts that end with it, and a clean environment."""
    # The shell stays, as process 1: a program in its place would get no signals (xvfb-run waits for one).
    mounts = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && chroot "$0" "$@"; exit $?'
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    clean = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", **variables}
    named = [f"{name}={value}" for name, value in clean.items()]
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, str(chroot)]
    return [*own, "env", "-i", *named, *command]


def _debootstrap(folder: Path) -> tuple[str, dict[str, str]]:
    """The program and the variables it needs; where it is not installed, unpacked from its package into a folder."""
    found = shutil.which("debootstrap")
    if found:
        return found, {}
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise CannotTest("debootstrap is missing: install it (apt-get install debootstrap)")
    folder.chmod(0o755)
    _run(["apt-get", "download", "-q", "debootstrap"], cwd=folder)
    (package,) = folder.glob("debootstrap_*.deb")
    _run(["dpkg", "-x", str(package), str(folder)])
    return str(folder / "usr/sbin/debootstrap"), {"DEBOOTSTRAP_DIR": str(folder / "usr/share/debootstrap")}


def _export(folder: Path) -> Path | None:
    exporter = PROJECT / ".venv" / "bin" / "linecolor-export"
    if not exporter.is_file():
        return None
    print("Exporting the bundled weights ...", flush=True)
    _run([str(exporter), "-o", str(folder)])
    return folder / "linecolor.onnx"


def _stand_in(chroot: Path) -> str:
    programs = chroot / "opt" / "stand-in" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "python").unlink(missing_ok=True)
    (programs / "python").symlink_to("/usr/bin/python3")
    (programs / "linecolor-colorize").write_text(STAND_IN)
    (programs / "linecolor-colorize").chmod(0o755)
    return "/opt/stand-in"


def _trust_what_this_machine_trusts(chroot: Path) -> None:
    """A machine behind a proxy of its own has the proxy's certificate in its bundle: pip in there needs it too."""
    bundle = Path("etc/ssl/certs/ca-certificates.crt")
    if ("/" / bundle).is_file():
        shutil.copy("/" / bundle, chroot / bundle)


def _run(command: list[str], variables: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise CannotTest(f"{command[0]} does not start: {error}") from None
    if done.returncode:
        last = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-15:])
        raise CannotTest(f"this failed: {' '.join(command)}\n{last}\nIs there a Debian mirror and a network?")


if __name__ == "__main__":
    sys.exit(main())

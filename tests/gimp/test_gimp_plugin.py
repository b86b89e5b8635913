"""The GIMP plug-in as far as it needs no GIMP: command line, running, cancelling, errors, and its installer."""

import importlib.util
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linecolor.cli import colorize
from linecolor.images import read_color
from linecolor.rendering import openraster

GIMP = Path(__file__).resolve().parents[2] / "gimp"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in programs are shell scripts")


def _module(path):
    specification = importlib.util.spec_from_file_location(f"gimp_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


coloring = _module(GIMP / "linecolor" / "coloring.py")
layer_choice = _module(GIMP / "linecolor" / "layer_choice.py")
installer = _module(GIMP / "install.py")


def make_environment(folder, script="exit 0"):
    """A virtual environment's folder whose linecolor-colorize is a shell script."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    program = folder / "bin" / "linecolor-colorize"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def make_installation(folder, script="exit 0"):
    model = folder / "linecolor.onnx"
    model.write_bytes(b"model")
    return coloring.Installation(make_environment(folder / "environment", script), model)


@pytest.fixture
def folder(tmp_path):
    """A temporary folder of the plug-in, with a line."""
    made = tmp_path / "mit Leerzeichen und Umläuten; $(touch pwned)"
    made.mkdir()
    (made / coloring.LINE).write_bytes(b"line")
    return made


def wait_until(true, seconds=5.0):
    latest = time.monotonic() + seconds
    while not true() and time.monotonic() < latest:
        time.sleep(0.01)
    return true()


def is_alive(process):
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text() if Path("/proc").exists() else ") R"
    except (ProcessLookupError, FileNotFoundError):  # it may end between the two
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


# The command line

NOTE_ARGUMENTS = """for argument in "$@"; do printf '%s\\n' "$argument" >> "$(dirname "$1")/arguments.txt"; done
printf picture > "$(dirname "$1")/color.png" """


def test_arguments_reach_the_program_as_they_are_whatever_the_path(tmp_path, folder):
    home = tmp_path / "Künstler & Co"
    home.mkdir()
    installation = make_installation(home, NOTE_ARGUMENTS)
    results = coloring.color(installation, folder, hints=True, output="color", resolution=512)
    assert results == {coloring.COLOR: folder / "color.png"}
    expected = [str(folder / "line.png"), "--onnx", str(installation.model), "--hints", str(folder / "hints.png")]
    expected += ["--resolution", "512", "--color-only", "-o", str(folder / "color.png")]
    assert (folder / "arguments.txt").read_text(encoding="utf-8").splitlines() == expected
    assert not list(tmp_path.rglob("pwned"))
    assert not Path("pwned").exists()


@pytest.mark.parametrize("output", coloring.OUTPUTS)
@pytest.mark.parametrize(("hints", "resolution"), [(True, 256), (False, 0)])
def test_the_command_line_is_one_that_linecolor_colorize_understands(tmp_path, output, hints, resolution):
    installation = coloring.Installation(tmp_path, tmp_path / "linecolor.onnx")
    line = coloring.command(installation, tmp_path, hints, output, resolution)
    options = colorize._parser().parse_args(line[1:])
    assert options.pages == [str(tmp_path / "line.png")]
    assert options.onnx == installation.model
    assert options.hints == (tmp_path / "hints.png" if hints else None)
    assert options.resolution == (resolution or None)
    assert options.color_only == (output == "color")
    assert (options.layers is not None) == (output == "both")


@pytest.mark.parametrize(("output", "resolution"), [("--bundle", 0), ("color", 3), ("color", 10**9), ("color", -1)])
def test_what_cannot_be_asked_for_is_reported(tmp_path, output, resolution):
    with pytest.raises(coloring.ColoringError, match="choose"):
        coloring.command(coloring.Installation(tmp_path, tmp_path), tmp_path, False, output, resolution)


def test_variables_of_an_appimage_do_not_reach_the_environments_python():
    given_variables = {"PATH": "/bin", "PYTHONHOME": "/gimp", "PYTHONPATH": "/gimp", "LD_LIBRARY_PATH": "/gimp/lib"}
    assert coloring.own_environment(given_variables) == {"PATH": "/bin"}


# Running, cancelling

NOTE_AND_SLEEP = 'echo $$ > "$(dirname "$0")/process"; exec sleep 60'


def process_of(installation):
    file = installation.environment / "bin" / "process"
    assert wait_until(lambda: file.is_file() and file.read_text().strip())
    return int(file.read_text())


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_program_that_is_cancelled_or_takes_too_long_is_killed(tmp_path, folder, cancelled):
    installation = make_installation(tmp_path, NOTE_AND_SLEEP)
    limits = {"go_on": lambda: not process_of(installation)} if cancelled else {"time_limit": 0.5}
    error = coloring.Cancelled if cancelled else coloring.ColoringError
    with pytest.raises(error, match=None if cancelled else r"stopped after 0\.5 seconds"):
        coloring.color(installation, folder, hints=False, output="color", **limits)
    assert not is_alive(process_of(installation))


def test_a_plug_in_killed_by_gimp_leaves_neither_program_nor_folder(tmp_path, folder):
    installation = make_installation(tmp_path, NOTE_AND_SLEEP)
    plug_in = (
        "import sys; sys.path.insert(0, sys.argv[1]); import coloring; from pathlib import Path\n"
        "environment, model, folder = map(Path, sys.argv[2:])\n"
        "coloring.color(coloring.Installation(environment, model), folder, False, 'color')"
    )
    paths = map(str, (GIMP / "linecolor", installation.environment, installation.model, folder))
    running = subprocess.Popen([sys.executable, "-c", plug_in, *paths], start_new_session=True)
    program = process_of(installation)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert wait_until(lambda: not is_alive(program))
    assert wait_until(lambda: not folder.exists())


# Errors


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'linecolor-colorize: error: the ink ran out' >&2; exit 2", "drawing: the ink ran out$"),
        ('echo "linecolor-colorize: $1: truncated" >&2; exit 1', "drawing: the line layer: truncated$"),
        (
            "echo 'linecolor-colorize: too large' >&2; "
            "echo 'linecolor-colorize: 1 of 1 pages could not be coloured' >&2; exit 1",
            "drawing: too large$",
        ),
        ("echo Traceback >&2; echo 'ImportError: no numpy' >&2; exit 1", "ImportError: no numpy$"),
        ("exit 3", "code 3 and said nothing"),
        ("kill -9 $$", "memory is short"),
        ("echo 'linecolor-colorize: MemoryError' >&2; exit 1", "memory is short"),
        ("exit 0", "without a picture"),
    ],
)
def test_a_failing_programs_message_is_reported(tmp_path, folder, script, message):
    installation = make_installation(tmp_path, script)
    with pytest.raises(coloring.ColoringError, match=message):
        coloring.color(installation, folder, hints=False, output="color")


def test_a_message_is_short_and_has_no_control_characters(tmp_path, folder):
    script = r"printf 'linecolor-colorize: \033[31mred\007' >&2; head -c 3000000 /dev/zero | tr '\0' x >&2; exit 1"
    with pytest.raises(coloring.ColoringError) as caught:
        coloring.color(make_installation(tmp_path, script), folder, hints=False, output="color")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_program_that_does_not_start_is_reported(tmp_path, folder):
    installation = make_installation(tmp_path)
    for break_it in (lambda: installation.program.chmod(0o644), installation.python.unlink):
        break_it()
        with pytest.raises(coloring.ColoringError, match=r"does not start.*install\.py"):
            coloring.color(installation, folder, hints=False, output="color")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ("", "damaged"),
        ("[]", "damaged"),
        ('{"environment": 3, "model": ""}', "damaged"),
        ('{"environment": "bin", "model": "x.onnx"}', "absolute"),
        ('{"environment": "/nowhere", "model": "/nowhere.onnx"}', "/nowhere/bin/python"),
    ],
)
def test_a_damaged_installation_says_what_to_do(tmp_path, content, message):
    if content is not None:
        (tmp_path / coloring.INSTALLATION).write_text(content)
    with pytest.raises(coloring.ColoringError, match=rf"(?s){message}.*install\.py"):
        coloring.read_installation(tmp_path)


# The colour layer of an OpenRaster file


def test_both_takes_the_colour_layer_out_of_what_linecolor_writes(tmp_path):
    color = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    line = np.full((12, 9), 255, np.uint8)
    hints = np.zeros((12, 9, 4), np.uint8)
    layers = openraster.drawing_layers(line, color, hints)
    openraster.write_openraster(tmp_path / "picture.ora", layers, openraster.flattened(line, color), None)
    coloring._take_color(tmp_path / "picture.ora", tmp_path / "color.png")
    assert np.array_equal(read_color(tmp_path / "color.png")[0], color)


def test_an_openraster_file_without_colour_is_reported(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("stack.xml", '<image><stack><layer name="line" src="../../etc/passwd"/></stack></image>')
    for written in (b"", b"no zip", content.getvalue()):
        (tmp_path / "picture.ora").write_bytes(written)
        with pytest.raises(coloring.ColoringError, match="wrote no colour layer"):
            coloring._take_color(tmp_path / "picture.ora", tmp_path / "color.png")


# Which layer is which


@pytest.mark.parametrize(
    ("names", "selected", "expected"),
    [
        (["Hints", "Line", "Paper"], 0, (1, 0)),
        (["Farbhinweise", "Tusche", "Papier"], None, (1, 0)),
        (["Background"], 0, (0, None)),
        (["Layer 1", "Background"], 1, (1, None)),
        (["colour dots", "Background"], 0, (1, 0)),
        (["Inks 2", "Inks 1"], 1, (1, None)),
        (["hints"], 0, (0, None)),
        (["Paper", "Line art"], 0, (1, None)),
    ],
)
def test_layers_are_suggested_by_name_and_selection(names, selected, expected):
    assert layer_choice.suggest_layers(names, selected) == expected


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8), st.data())
def test_a_suggestion_is_never_one_layer_for_both(names, data):
    selected = data.draw(st.none() | st.integers(0, len(names) - 1))
    line, hints = layer_choice.suggest_layers(names, selected)
    assert 0 <= line < len(names)
    assert hints is None or (0 <= hints < len(names) and hints != line)


# The installer


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A user with a home of their own, a GIMP 3 that was started once, an environment and a model."""
    home = tmp_path / "Zoë"
    (home / ".config" / "GIMP" / "3.0").mkdir(parents=True)
    for name in ("GIMP3_DIRECTORY", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "platform", "linux")
    make_environment(tmp_path / "environment")
    (tmp_path / "given.onnx").write_bytes(b"model")
    return home


def tree(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def run_installer(tmp_path, *arguments):
    given_ones = ["--environment", str(tmp_path / "environment"), "--model", str(tmp_path / "given.onnx")]
    return installer.main([*given_ones, *arguments])


def test_a_dry_run_changes_nothing(tmp_path, user, capsys):
    before = tree(tmp_path)
    assert run_installer(tmp_path, "--dry-run") == 0
    assert installer.main(["--model", str(tmp_path / "given.onnx"), "--no-flatpak", "--dry-run"]) == 0
    assert tree(tmp_path) == before
    message = capsys.readouterr().out
    assert str(user / ".config/GIMP/3.0/plug-ins/linecolor") in message
    assert str(user / ".local/share/linecolor/gimp-environment") in message
    assert "Nothing was changed" in message


def test_what_is_installed_is_what_the_plug_in_finds(tmp_path, user):
    assert run_installer(tmp_path) == 0
    plug_in = user / ".config/GIMP/3.0/plug-ins/linecolor"
    assert os.access(plug_in / "linecolor.py", os.X_OK)
    found = coloring.read_installation(plug_in)
    assert found.environment == tmp_path / "environment"
    assert found.model.read_bytes() == b"model"
    assert found.model == user / ".local/share/linecolor/linecolor.onnx"
    assert run_installer(tmp_path) == 0


def test_every_file_the_plug_in_imports_is_installed():
    assert {path.name for path in (GIMP / "linecolor").glob("*.py")} == set(installer.FILES)


def test_uninstalling_leaves_what_it_did_not_make(tmp_path, user):
    before = tree(tmp_path)
    other = user / ".config/GIMP/3.0/plug-ins/other/other.py"
    assert run_installer(tmp_path) == 0
    other.parent.mkdir()
    other.write_text("other")
    foreign = user / ".local/share/linecolor/gimp-environment/precious"
    foreign.parent.mkdir()
    foreign.write_text("not ours: no mark")
    assert installer.main(["--uninstall"]) == 0
    assert other.is_file()
    assert foreign.is_file()
    left = set(tree(tmp_path)) - set(before)
    assert not any(path.name in (*installer.FILES, "linecolor.onnx", "installation.json") for path in left)


@pytest.mark.parametrize("strange", ["a folder of somebody else", "a link", "a file"])
def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(tmp_path, user, strange, capsys):
    target = user / ".config/GIMP/3.0/plug-ins/linecolor"
    target.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    if strange == "a link":
        target.symlink_to(tmp_path / "elsewhere")
    elif strange == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.py").write_text("mine")
    before = tree(tmp_path)
    assert run_installer(tmp_path) == 1
    assert "Move it away" in capsys.readouterr().err
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plug-ins", "/nowhere/plug-ins"], "no such folder"),
        (["--environment", "/nowhere"], "no environment with linecolor"),
        (["--model", "/etc/passwd"], "no model"),
    ],
)
def test_a_path_that_cannot_be_is_refused_before_anything_is_written(tmp_path, user, arguments, message, capsys):
    before = tree(tmp_path)
    assert run_installer(tmp_path, *arguments) == 1
    assert message in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_without_gimp_3_it_says_what_to_do(tmp_path, user, capsys):
    (user / ".config/GIMP/3.0").rename(user / ".config/GIMP/2.10")
    assert run_installer(tmp_path) == 1
    assert "Start GIMP 3 once" in capsys.readouterr().err


def test_a_failing_pip_leaves_no_half_environment_and_no_plug_in(tmp_path, user, monkeypatch, capsys):
    def fail(command, advice):
        raise installer.InstallError(f"this failed: {command[1:3]} {advice}")

    monkeypatch.setattr(installer, "_run", fail)
    assert installer.main(["--model", str(tmp_path / "given.onnx"), "--no-flatpak"]) == 1
    assert "python3-venv" in capsys.readouterr().err
    assert not (user / ".local/share/linecolor/gimp-environment").exists()
    assert not (user / ".config/GIMP/3.0/plug-ins").exists()


@pytest.mark.parametrize(
    ("platform", "variables", "made", "expected"),
    [
        ("linux", {}, ".config/GIMP/3.0", ".config/GIMP/3.0/plug-ins"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config/GIMP/3.2", ".config/GIMP/3.2/plug-ins"),
        ("linux", {}, ".var/app/org.gimp.GIMP/config/GIMP/3.0", ".var/app/org.gimp.GIMP/config/GIMP/3.0/plug-ins"),
        ("darwin", {}, "Library/Application Support/GIMP/3.0", "Library/Application Support/GIMP/3.0/plug-ins"),
        ("win32", {}, "AppData/Roaming/GIMP/3.0", "AppData/Roaming/GIMP/3.0/plug-ins"),
    ],
)
def test_gimps_folder_is_found_on_every_system(tmp_path, platform, variables, made, expected):
    (tmp_path / made).mkdir(parents=True)
    (tmp_path / made).with_name("2.10").mkdir()
    (tmp_path / made).with_name("3.0-backup").mkdir()
    assert installer.plug_in_folders(tmp_path, variables, platform) == [tmp_path / expected]


@settings(max_examples=30)
@given(st.sampled_from(["linux", "darwin", "win32"]), st.text(st.characters(exclude_characters="\0"), max_size=20))
def test_the_data_folder_is_absolute_whatever_the_variables_say(platform, value):
    variables = {"XDG_DATA_HOME": value, "LOCALAPPDATA": value}
    folder = installer.data_folder(Path("/home/zoë"), variables, platform)
    assert folder.is_absolute()
    assert folder.name == "linecolor"

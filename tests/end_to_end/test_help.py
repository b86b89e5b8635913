"""--help of every command: at once, with examples, and without what only the work itself needs."""

import subprocess
import sys
import time

import pytest

CODE = """
import contextlib, sys
from linecolor.cli.{} import main
sys.argv = {}
with contextlib.suppress(SystemExit):
    main()
heavy = ["torch", "cv2", "PIL", "numpy", "onnx", "onnxruntime", "starlette", "uvicorn", "datamodules.sources"]
heavy += [] if sys.argv[0] in ("train", "evaluate") else ["hydra"]
print([name for name in heavy if name in sys.modules])
"""


def help_of(module: str, *words: str) -> str:
    code = CODE.format(module, [module, *words, "--help"])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("module", "example"),
    [
        ("app", "linecolor-app runs/mine --port 8080"),
        ("colorize", "linecolor-colorize page.png --hint"),
        ("compare", "examples:\n  linecolor-compare runs/demo runs/mine"),
        ("doctor", "linecolor-doctor --json"),
        ("evaluate", "Examples\n  linecolor-"),
        ("export", "linecolor-export runs/mine -o model --half"),
        ("train", "Examples\n  linecolor-"),
    ],
)
def test_help_has_examples_and_loads_nothing_heavy(module, example):
    shown = help_of(module)
    assert example in shown
    assert shown.rstrip().endswith("[]")


@pytest.mark.parametrize(("words", "seconds"), [(["doctor"], 0.5), (["data", "prepare", "openmoji"], 2)])
def test_help_without_hydra_is_instant(words, seconds):
    help_of(*words)
    started = time.perf_counter()
    assert help_of(*words).rstrip().endswith("[]")
    assert time.perf_counter() - started < seconds  # 0.03 s alone; the machine may be busy

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
    ("words", "example", "seconds"),
    [
        ("app", "linecolor-app runs/mine --port 8080", None),
        ("colorize", "linecolor-colorize page.png --hint", None),
        ("compare", "examples:\n  linecolor-compare runs/demo runs/mine", None),
        ("doctor", "linecolor-doctor --json", 0.5),
        ("data prepare openmoji", "--test-limit N  test pairs", 2),
        ("evaluate", "Examples\n  linecolor-", None),
        ("export", "linecolor-export runs/mine -o model --half", None),
        ("train", "Examples\n  linecolor-", None),
    ],
)
def test_help_has_examples_loads_nothing_heavy_and_without_hydra_is_instant(words, example, seconds):
    shown = help_of(*words.split())
    assert example in shown
    assert shown.rstrip().endswith("[]")
    if seconds:
        started = time.perf_counter()
        help_of(*words.split())
        assert time.perf_counter() - started < seconds  # 0.03 s alone; the machine may be busy

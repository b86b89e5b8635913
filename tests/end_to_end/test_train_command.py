"""What a user types: linecolor-train and linecolor-evaluate."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from linecolor.experiment.composition import compose_training
from linecolor.runs.record import read_record
from tests.end_to_end.program import TINY, Program, data, refused, run

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "experiment"
EXPERIMENTS = sorted(str(path.relative_to(CONF).with_suffix("")) for path in CONF.rglob("*.yaml"))
TRAINED = ("demo", "demo_alacgan", "demo_pix2pix", "comic")
"""Those that a tiny run, the tiny study and test_comic.py train."""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_a_run_leaves_everything_where_the_design_says(tiny_run):
    folder = tiny_run / "runs" / "tiny"
    names = "config.yaml run.json report.html bundle/linecolor.safetensors bundle/bundle.yaml draft/metrics.jsonl"
    names += " draft/checkpoints/last.ckpt colorizer/metrics.jsonl evaluation/evaluation.json"
    for name in names.split():
        assert (folder / name).stat().st_size > 0, name
    for stage in ("draft", "colorizer"):
        assert len(list((folder / stage / "samples").glob("*.png"))) == 1
    assert not list(folder.rglob("*.tmp"))


def test_the_evaluation_has_every_figure(tiny_run):
    result = json.loads((tiny_run / "runs/tiny/evaluation/evaluation.json").read_text())
    figures = result["figures"]
    assert figures["n"] == 2
    for count in (0, 4):
        for name in ("psnr_{}_mean", "psnr_{}_foreground_mean", "ssim_{}_mean", "fid_efficientnet_lite0_{}"):
            assert figures[name.format(count)] > 0
        assert f"kid_efficientnet_lite0_{count}" in figures
    assert set(result["references"]) == {"bare line", "mean colour", "mean paint"}
    assert 0 <= result["obedience"]["obeyed"] <= 1
    assert len(result["rows"]) == 4


def test_the_record_holds_the_full_size_metrics(tiny_run):
    for stage in ("draft", "colorizer"):
        lines = [json.loads(line) for line in (tiny_run / f"runs/tiny/{stage}/metrics.jsonl").read_text().splitlines()]
        assert any("full_size/psnr_32_mean" in line for line in lines)
        assert any("full_size/fid_efficientnet_lite0_0" in line for line in lines)
        assert any("reconstruction" in line for line in lines)


def test_the_report_is_one_self_contained_file_with_the_sheets(tiny_run):
    page = (tiny_run / "runs/tiny/report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    pictures = [attributes["src"] for tag, attributes in tags.found if tag == "img" and attributes.get("src")]
    assert len(pictures) >= 2 * 2 * 6
    assert all(source.startswith("data:image/") for source in pictures)
    assert not any(attributes.get("src", "").startswith("http") for _, attributes in tags.found)
    for word in ("PSNR", "bare line", "resolution: 64", "torch"):
        assert word in page


def test_what_is_complete_is_not_trained_again_though_the_very_same_drawings_have_moved(
    trained, picture_folder, training_refuses
):
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (trained / "runs/tiny").rglob("*.safetensors")}

    before, moved = times(), shutil.copytree(picture_folder, trained / "moved")
    again = run("train", *TINY, *data(moved), cwd=trained)
    assert again.stdout.count("nothing to do") == 2
    assert before == times()
    (moved / "line" / "drawing3.png").unlink()
    assert "data: 10 drawings" in training_refuses(*TINY, *data(moved), cwd=trained)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed=5"], ["seed: 0 then, 5 now"]),
        # A draft trained on is not given to a colorizer begun with the old one.
        (["stage.draft.steps=4"], ["draft_weights", "those of 4 steps now"]),
        (["resume=never"], ["give the run another name"]),
        (["resume=must", "name=fresh"], ["there is no checkpoint"]),
    ],
)
def test_what_does_not_fit_a_run_is_refused_with_the_difference(
    words, said, tiny_run, picture_folder, training_refuses
):
    told = training_refuses(*TINY, *data(picture_folder), *words, cwd=tiny_run)
    assert all(part in told for part in said)


def test_a_longer_budget_continues_a_complete_run_and_renews_its_bundle(trained, picture_folder, training_refuses):
    bundle = trained / "runs/tiny/bundle/linecolor.safetensors"
    before = bundle.read_bytes()
    run("train", *TINY, "stage.colorizer.steps=3", "data.workers=1", *data(picture_folder), cwd=trained)
    steps = [line["step"] for line in read_record(trained / "runs/tiny/colorizer/metrics.jsonl")]
    assert max(steps) == 3
    assert steps.count(1) == 1
    assert bundle.read_bytes() != before
    told = training_refuses(*TINY, *data(picture_folder), cwd=trained)
    assert "was trained for 3 steps, more than stage.colorizer.steps=2" in told


def test_a_trained_run_is_evaluated_again_with_other_hints(trained):
    run("evaluate", "run=runs/tiny", "evaluation.hints=[0,2,3]", "evaluation.drawings=1", cwd=trained, fresh=True)
    result = json.loads((trained / "runs/tiny/evaluation/evaluation.json").read_text())
    assert "psnr_3_mean" in result["figures"]
    assert result["figures"]["n"] == 1


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(experiment):
    config = compose_training([f"experiment={experiment}", "data.root=pictures"])
    assert OmegaConf.to_container(config, resolve=True)["name"] == Path(experiment).name


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name not in TRAINED and "/" not in name])
def test_every_experiment_runs_two_steps_and_csv_records_its_stages(experiment, picture_folder, tmp_path):
    run("train", f"experiment={experiment}", "debug=tiny", "logger=csv", *data(picture_folder), cwd=tmp_path)
    stages = yaml.safe_load((tmp_path / "runs/tiny/config.yaml").read_text())["stages"]
    assert stages
    for stage in stages:
        lines = (tmp_path / f"runs/tiny/{stage}/metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines if "generator_gradient" in line] == [1, 2]
    assert len(list((tmp_path / "runs/tiny/csv").rglob("metrics.csv"))) == len(stages)


def test_experiment_paper_is_the_papers_run_to_the_number():
    config = OmegaConf.to_container(compose_training(["experiment=paper", "data=folder", "data.root=x"]), resolve=True)
    assert config["model"]["weights"] == {"adversarial": 0.05, "reconstruction": 1.0, "content": 0.1}
    assert config["model"]["resolution"] == 512
    assert config["model"]["hint_spread"] == "none"
    assert config["model"]["draft"]["in_channels"] == 5
    assert config["model"]["discriminator"]["resolution"] == 256
    for stage in ("draft", "colorizer"):
        settings = config["stage"][stage]
        assert settings["steps"] == 280_000
        assert settings["batch_size"] == 64
        assert {"lr": 1e-4, "betas": [0.5, 0.9]}.items() <= settings["optimizer"].items()
        assert {"warmup": 0, "drop_at": 112_000, "drop_to": 0.1}.items() <= settings["schedule"].items()
        assert settings["schedule"]["_target_"].endswith(".step")
        assert (settings["ema_half_life"], settings["max_grad_norm"]) == (0, 0)
    pairs = config["pairs"]
    assert pairs["crop"]["scale"] == "native"
    assert pairs["line"]["sigmas"] == [0.3, 0.4, 0.5]
    assert pairs["line"]["kernels"] == [4, 5]
    assert pairs["line"]["jitter"] == [1.0, 1.0]
    assert pairs["line"]["real"] == 0
    assert pairs["color"]["background"] == 0
    assert config["stage"]["draft"]["content_loss_interval"] == 1


# --- bad input: one clear message, non-zero exit, nothing half-written -----------------------------------------


NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("data.root=nowhere", "data.root=nowhere: there is no such folder"),
        ("name=../../etc", "is no folder name"),
        ("stage.draft.batch_size=0", "batch_size=0 must be a whole number, 1 or more"),
        ("data.test_share=0.0", "raise data.test_share"),
        ("stage.draft.micro_batches=3", "micro_batches=3"),
        ("preflight='true' preflight.memory_gb=0", "preflight.memory_gb=0 must be the gigabytes of a card"),
        pytest.param("trainer=gpu", "torch sees no GPU here", marks=NO_GPU),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    words, said, picture_folder, tmp_path, training_refuses
):
    assert said in training_refuses("experiment=demo", *data(picture_folder), *words.split(), cwd=tmp_path)


def test_an_empty_folder_is_told_what_it_lacks(tmp_path, training_refuses):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "broken.png").write_bytes(b"\x89PNG nonsense")
    assert "broken.png" in training_refuses("experiment=demo", "data=folder", "data.root=pictures", cwd=tmp_path)


@pytest.mark.parametrize(
    ("word", "said", "fresh"),
    [
        ("moddel.resolution=64", "moddel", True),
        ("experiment=unheard", "unheard", False),
        ("model.resolution=100", "use a multiple of 32", True),
        ("trainer.precision=foo", "trainer settings", False),
    ],
)
def test_wrong_input_ends_with_one_clear_message(word, said, fresh, picture_folder, tmp_path):
    words = ["experiment=demo", *data(picture_folder), word]  # what comes last wins
    with Program("train", *words, cwd=tmp_path, fresh=fresh) as program:
        assert program.wait() in (1, 2)
        assert said in program.stderr + program.stdout
        assert "Traceback" not in program.stderr
    # Lightning refuses its own settings when the first stage starts: the run is described by then, and no more.
    assert [path.name for path in tmp_path.iterdir()] == (["runs"] if said == "trainer settings" else [])
    assert not list(tmp_path.rglob("settings.yaml")), "the right command would be held to it"


def test_a_stage_stopped_before_its_weights_were_written_is_finished_and_not_begun_again(trained, picture_folder):
    colorizer = trained / "runs" / "tiny" / "colorizer"
    before = (colorizer / "generator.safetensors").read_bytes()
    for name in ("complete.json", "generator.safetensors"):
        (colorizer / name).unlink()
    run("train", *TINY, *data(picture_folder), cwd=trained)
    assert (colorizer / "generator.safetensors").read_bytes() == before
    assert json.loads((colorizer / "complete.json").read_text())["steps"] == 2


def test_a_new_draft_does_not_get_the_old_colorizer(trained, picture_folder, training_refuses):
    weights = trained / "runs" / "tiny" / "draft" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    assert "draft_weights" in training_refuses(*TINY, *data(picture_folder), cwd=trained)


def test_a_users_own_configuration_folder_is_added_and_its_old_keys_are_read(tmp_path, picture_folder):
    tiny = "defaults: [tiny]\nname: mine\nstage: {draft: {record_every: 2}}\n"
    for name, text in (("experiment/house", "defaults: [demo]\nseed: 7\n"), ("debug/old", tiny)):
        path = tmp_path / "mine" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"# @package _global_\n{text}")
    words = ["experiment=house", "debug=old", "stages=[draft]", "stage.draft.clip=0.5", "evaluation.enabled=false"]
    done = run("train", "--config-dir", "mine", *words, *data(picture_folder), cwd=tmp_path)
    for old, new in (("clip", "max_grad_norm"), ("record_every", "log_every_n_steps")):
        assert done.stderr.count(f"stage.draft.{old} is now called stage.draft.{new}") == 1
    config = yaml.safe_load((tmp_path / "runs/mine/config.yaml").read_text())
    assert config["seed"] == 7
    draft = config["stage"]["draft"]
    assert (draft["max_grad_norm"], draft["log_every_n_steps"]) == (0.5, 2)
    assert not {"clip", "record_every"} & set(draft)


def test_folders_may_be_called_anything_in_every_command(picture_folder, tmp_path, monkeypatch):
    odd = "~ it's [x], a=b #1 (größe)"
    home = tmp_path / odd
    home.mkdir()
    shutil.copytree(picture_folder, home / "pics (1)")
    (home / "conf/debug").mkdir(parents=True)
    (home / "conf/debug/mine.yaml").write_text("# @package _global_\ndefaults: [tiny]\nseed: 7\n")
    monkeypatch.setenv("HOME", str(home))
    pictures = ["data=folder", "data.root=~/pics (1)/color", "data.lines=~/pics (1)/line", "data.test_share=0.3"]
    where = ["name=it's #1", "runs_dir=~/a=b"]
    words = ["experiment=demo", "debug=mine", *pictures, *where, "logger=csv", "stages=[draft]"]
    run("train", "--config-dir=~/conf", *words, "evaluation.enabled=false", cwd=tmp_path, HOME=str(home))
    folder = home / "a=b" / "it's #1"
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["seed"], config["data"]["root"]) == (7, f"{home}/pics (1)/color")
    assert (folder / "csv/draft/version_0/metrics.csv").is_file()
    small = ["evaluation.drawings=1", "evaluation.hints=[0]", "evaluation.sheet=1"]
    done = run("evaluate", f"run=~/a=b/{folder.name}", *small, cwd=tmp_path, HOME=str(home))
    assert str(folder / "report.html") in done.stdout
    sweep = run("train", "-m", "--config-dir", "~/conf", *words, "evaluation.enabled=false", cwd=home, HOME=str(home))
    assert (home / "a=b/it's #1-sweep/sweep.html").is_file(), sweep.stdout
    assert "Done" not in run("data", "preview", "-o", "sheet.png", *pictures, cwd=home, HOME=str(home)).stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [odd]


def fill_disk() -> None:
    """From now on there is no room for a checkpoint."""
    save = torch.save

    def save_nowhere(state, file):
        with Path("/dev/full").open("wb", buffering=0) as full:
            save(state, full)

    torch.save = save_nowhere


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(picture_folder, tmp_path):
    words = [*TINY, *data(picture_folder), "stages=[draft]", "evaluation.enabled=false"]
    told = refused("train", *words, cwd=tmp_path, before=fill_disk)
    said = "error: runs/tiny/draft/checkpoints/last.ckpt: the disk is full; make room and start the same command again"
    assert told.strip().splitlines()[-1] == said
    jobs = run("train", "-m", *words, cwd=tmp_path, code=1, before=fill_disk).stderr
    assert "checkpoints/last.ckpt: the disk is full; make room" in jobs
    assert "error.txt" not in jobs
    run("train", *words, cwd=tmp_path)

"""What a user types: linecolor-train, linecolor-evaluate and linecolor-data preview, each in a process of its own."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from linecolor.experiment.composition import configuration_folder, register_resolvers
from linecolor.runs.record import read_record
from tests.end_to_end.program import TINY, Program, data, refused, run

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "experiment"
EXPERIMENTS = sorted(str(path.relative_to(CONF).with_suffix("")) for path in CONF.rglob("*.yaml"))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_a_run_leaves_everything_where_the_design_says(tiny_run):
    folder = tiny_run / "runs" / "tiny"
    for name in (
        "config.yaml",
        "run.json",
        "report.html",
        "bundle/linecolor.safetensors",
        "bundle/bundle.yaml",
        "draft/metrics.jsonl",
        "draft/checkpoints/last.ckpt",
        "colorizer/metrics.jsonl",
        "evaluation/evaluation.json",
    ):
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


def test_what_is_complete_is_not_run_again(trained, picture_folder):
    before = {p: p.stat().st_mtime_ns for p in (trained / "runs/tiny").rglob("*.safetensors")}
    again = run("train", *TINY, *data(picture_folder), cwd=trained)
    assert again.stdout.count("nothing to do") == 3
    assert before == {p: p.stat().st_mtime_ns for p in (trained / "runs/tiny").rglob("*.safetensors")}


def test_other_settings_for_a_begun_run_are_refused_with_the_difference(trained, picture_folder):
    told = refused("train", *TINY, "seed=5", *data(picture_folder), cwd=trained)
    assert "seed: 0 then, 5 now" in told


def test_a_longer_budget_continues_a_complete_run_and_renews_its_bundle(trained, picture_folder):
    bundle = trained / "runs/tiny/bundle/linecolor.safetensors"
    before = bundle.read_bytes()
    run("train", *TINY, "stage.colorizer.steps=3", "data.workers=1", *data(picture_folder), cwd=trained)
    steps = [line["step"] for line in read_record(trained / "runs/tiny/colorizer/metrics.jsonl")]
    assert max(steps) == 3
    assert steps.count(1) == 1
    assert bundle.read_bytes() != before
    told = refused("train", *TINY, *data(picture_folder), cwd=trained)
    assert "was trained for 3 steps, more than stage.colorizer.steps=2" in told


def test_a_draft_trained_on_is_not_given_to_a_colorizer_begun_with_the_old_one(trained, picture_folder):
    told = refused("train", *TINY, "stage.draft.steps=4", *data(picture_folder), cwd=trained)
    assert "draft_weights" in told
    assert "those of 4 steps now" in told
    assert json.loads((trained / "runs/tiny/draft/complete.json").read_text())["steps"] == 2


def test_the_very_same_drawings_may_have_moved(trained, picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "moved")
    run("train", *TINY, *data(tmp_path / "moved"), cwd=trained)
    (tmp_path / "moved" / "line" / "drawing3.png").unlink()
    assert "data: 10 drawings" in refused("train", *TINY, *data(tmp_path / "moved"), cwd=trained)


def test_a_trained_run_is_evaluated_again_with_other_hints(trained):
    run("evaluate", "run=runs/tiny", "evaluation.hints=[0,2,3]", "evaluation.drawings=1", cwd=trained, fresh=True)
    result = json.loads((trained / "runs/tiny/evaluation/evaluation.json").read_text())
    assert "psnr_3_mean" in result["figures"]
    assert result["figures"]["n"] == 1


def test_preview_writes_the_sheet(picture_folder, tmp_path):
    from linecolor.images import read_color

    run("data", "preview", "-o", "sheet.png", *TINY, *data(picture_folder), cwd=tmp_path, fresh=True)
    sheet, _ = read_color(tmp_path / "sheet.png")
    assert sheet.shape[1] > 9 * 192
    assert sheet.std() > 20


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(experiment):
    register_resolvers()
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        config = compose("train", [f"experiment={experiment}", "data.root=pictures"])
    assert OmegaConf.to_container(config, resolve=True)["name"] == Path(experiment).name


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != "demo" and "/" not in name])
def test_every_experiment_runs_two_steps(experiment, picture_folder, tmp_path):
    run("train", f"experiment={experiment}", "debug=tiny", *data(picture_folder), cwd=tmp_path)
    stages = yaml.safe_load((tmp_path / "runs/tiny/config.yaml").read_text())["stages"]
    assert stages
    for stage in stages:
        lines = (tmp_path / f"runs/tiny/{stage}/metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines if "generator_gradient" in line] == [1, 2]


def paper() -> dict:
    register_resolvers()
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        config = compose("train", ["experiment=paper", "data=folder", "data.root=x"])
    return OmegaConf.to_container(config, resolve=True)


def test_experiment_paper_is_the_papers_run_to_the_number():
    config = paper()
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["experiment=demo", "moddel.resolution=64"], "moddel"),
        (["experiment=unheard"], "unheard"),
        (["experiment=demo", "data.root=nowhere"], "data.root=nowhere: there is no such folder"),
        (["experiment=demo", "name=../../etc"], "is no folder name"),
        (["experiment=demo", "stages=[colorizer]"], "use [draft, colorizer]"),
        (["experiment=demo", "model.resolution=100"], "use a multiple of 32"),
        (["experiment=demo", "resume=perhaps"], "use auto, must or never"),
        (["experiment=demo", "pairs.hints.count=lots"], "alac, authors or log_uniform"),
        (["experiment=demo", "stage.draft.batch_size=0"], "batch_size=0 must be a whole number, 1 or more"),
        (["experiment=demo", "stage.draft.steps=abc"], "steps=abc must be a whole number"),
        (["experiment=demo", "data.workers=-1"], "data.workers=-1"),
        (["experiment=demo", "data.test_share=0.0"], "raise data.test_share"),
        (["experiment=demo", "evaluation.hints=[]"], "evaluation.hints=[] must be a list"),
        (["experiment=demo", "evaluation.blend=soft"], "use clean, paper, none"),
        (["experiment=demo", "trainer.precision=foo"], "trainer settings"),
        (["experiment=demo", "stage.draft.micro_batches=3"], "micro_batches=3"),
        (["experiment=demo", "model.draft.cardinality=3"], "cardinality 3 does not divide"),
        (["experiment=demo", "evaluation.features=resnet"], "resnet"),
        pytest.param(
            ["experiment=demo", "trainer=gpu"],
            "torch sees no GPU here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
    ],
)
def test_wrong_input_ends_with_one_clear_message(arguments, said, picture_folder, tmp_path):
    root = [] if any("data.root" in a for a in arguments) else data(picture_folder)
    # One that Hydra words and one that we do are programs from nothing.
    fresh = arguments[-1] in ("moddel.resolution=64", "model.resolution=100")
    with Program("train", *root, *arguments, cwd=tmp_path, fresh=fresh) as program:  # what comes last wins
        assert program.wait() in (1, 2)
        assert said in program.stderr + program.stdout
        assert "Traceback" not in program.stderr
    # Lightning refuses its own settings when the first stage starts: the run is described by then, and no more.
    described = ["runs"] if said == "trainer settings" else []
    assert [path.name for path in tmp_path.iterdir()] == described
    assert not list(tmp_path.rglob("settings.yaml")), "the right command would be held to it"


def test_a_stage_stopped_before_its_weights_were_written_is_finished_and_not_begun_again(trained, picture_folder):
    colorizer = trained / "runs" / "tiny" / "colorizer"
    before = (colorizer / "generator.safetensors").read_bytes()
    for name in ("complete.json", "generator.safetensors"):
        (colorizer / name).unlink()
    run("train", *TINY, *data(picture_folder), cwd=trained)
    assert (colorizer / "generator.safetensors").read_bytes() == before
    assert json.loads((colorizer / "complete.json").read_text())["steps"] == 2


def test_a_new_draft_does_not_get_the_old_colorizer(trained, picture_folder):
    weights = trained / "runs" / "tiny" / "draft" / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    assert "draft_weights" in refused("train", *TINY, *data(picture_folder), cwd=trained)


def test_never_refuses_a_begun_run_and_must_a_fresh_one(trained, picture_folder):
    again = refused("train", *TINY, "resume=never", *data(picture_folder), cwd=trained)
    assert "give the run another name" in again
    fresh = refused("train", *TINY, "resume=must", "name=fresh", *data(picture_folder), cwd=trained)
    assert "there is no checkpoint" in fresh


def test_csv_records_both_stages(picture_folder, tmp_path):
    run("train", *TINY, "evaluation.enabled=false", "logger=csv", *data(picture_folder), cwd=tmp_path)
    assert len(list((tmp_path / "runs/tiny/csv").rglob("metrics.csv"))) == 2


def test_a_users_own_configuration_folder_is_added(tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    text = "# @package _global_\ndefaults: [demo]\nname: mine\nseed: 7\n"
    (tmp_path / "mine" / "experiment" / "house.yaml").write_text(text)
    done = run("train", "--config-dir", "mine", "experiment=house", "--cfg", "job", cwd=tmp_path)
    assert "seed: 7" in done.stdout
    assert "name: mine" in done.stdout


def test_old_keys_are_read_and_the_new_ones_named(tmp_path, picture_folder):
    (tmp_path / "mine" / "debug").mkdir(parents=True)
    text = "# @package _global_\ndefaults: [tiny]\nname: mine\nstage: {draft: {record_every: 2}}\n"
    (tmp_path / "mine" / "debug" / "old.yaml").write_text(text)
    words = ["experiment=demo", "debug=old", "stages=[draft]", "stage.draft.clip=0.5", "evaluation.enabled=false"]
    done = run("train", "--config-dir", "mine", *words, *data(picture_folder), cwd=tmp_path)
    for old, new in (("clip", "max_grad_norm"), ("record_every", "log_every_n_steps")):
        assert done.stderr.count(f"stage.draft.{old} is now called stage.draft.{new}") == 1
    draft = yaml.safe_load((tmp_path / "runs/mine/config.yaml").read_text())["stage"]["draft"]
    assert (draft["max_grad_norm"], draft["log_every_n_steps"]) == (0.5, 2)
    assert not {"clip", "record_every"} & set(draft)


def test_an_empty_folder_is_told_what_it_lacks(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "broken.png").write_bytes(b"\x89PNG nonsense")
    done = run("train", "experiment=demo", "data=folder", "data.root=pictures", cwd=tmp_path, code=2)
    assert "broken.png" in done.stderr + done.stdout

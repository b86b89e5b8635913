"""Systems side by side, as a user types it: linecolor-study, linecolor-evaluate systems=..., linecolor-data hints."""

import json
import re
import runpy
import shutil
import signal
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from linecolor.cli.data import main as data_command
from linecolor.evaluation.hint_levels import LayerHints
from linecolor.evaluation.results import FIGURES, ROWS, Measured
from linecolor.experiment.composition import compose_training, configuration_folder, register_resolvers
from linecolor.experiment.evaluation import evaluate
from linecolor.experiment.study.plan import planned
from linecolor.experiment.study.run import study as run_study
from linecolor.images import read_color, read_hint_layer, write_png
from linecolor.runs.record import read_record
from tests.end_to_end.program import Program, study_data

ABLATIONS = sorted(path.stem for path in (Path(configuration_folder()) / "experiment" / "ablation").glob("*.yaml"))


def composed(command: str, *words: str) -> DictConfig:
    register_resolvers()
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        return compose(command, list(words))


@pytest.fixture(scope="module")
def study(tiny_study, tmp_path_factory) -> Path:
    """A copy of the tiny study; the folder it was started in."""
    home = tmp_path_factory.mktemp("study")
    shutil.copytree(tiny_study / "runs", home / "runs")
    return home


def test_a_study_measures_the_papers_three_systems_and_references(study):
    measured = Measured.load(study / "runs/table2-tiny")
    assert measured.names == ["Base", "Pix2Pix", "Ours", "Ours, not blended", "bare line", "watershed"]
    assert measured.levels == ["000", "004"]
    assert len(measured.drawings) == 2
    assert len(measured.rows) == 2 * (4 * 2 + 1 + 2)
    for name in measured.names[:4]:
        system = measured.seeds(name)[0]
        assert system.cost["parameters"] > 0
        assert system.cost["flops"] > 0
        for level in measured.levels:
            assert system.figure(level, "psnr_mean") > 0
            assert system.figure(level, "fid_efficientnet_lite0") > 0
    page = (study / "runs/table2-tiny/report.html").read_text()
    for text in ("Table 2, measured", "Table 2 of the paper", "The order as measured", "no figure here means anything"):
        assert text in page


def test_systems_that_differ_in_their_blending_share_one_training(study):
    runs = sorted(path.name for path in (study / "runs/table2-tiny").iterdir() if (path / "config.yaml").is_file())
    assert runs == ["demo-seed0", "demo_alacgan-seed0", "demo_pix2pix-seed0"]
    measured = Measured.load(study / "runs/table2-tiny")
    ours, bare = (measured.per_drawing(name, "004", "edge_loss") for name in ("Ours", "Ours, not blended"))
    assert all(ours[name] < bare[name] for name in ours)
    for system in ("alacgan", "pix2pix"):
        record = read_record(study / f"runs/table2-tiny/demo_{system}-seed0/{system}/metrics.jsonl")
        assert [line["step"] for line in record if "generator_gradient" in line] == [1, 2]


def test_rows_are_a_table_anybody_can_read(study):
    table = pq.read_table(study / "runs/table2-tiny" / ROWS)
    assert {"system", "member", "drawing", "hints", "hint_count", "psnr", "ssim_foreground"} <= set(table.column_names)
    assert table.num_rows == 22


def test_a_finished_study_is_not_run_again(study, picture_folder, monkeypatch, capsys):
    monkeypatch.chdir(study)
    before = (study / "runs/table2-tiny" / FIGURES).stat().st_mtime_ns
    run_study(composed("study", "budget=tiny", *study_data(picture_folder)))
    said = capsys.readouterr().out
    assert said.count("  complete; nothing to do") == 3, "a program was started for a training that is complete"
    assert "Measurement: complete; nothing to do" in said
    assert (study / "runs/table2-tiny" / FIGURES).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("seeds=[]", "seeds=[] must be a list of numbers"),
        ("seeds=[1,1]", "names one twice"),
        ("evaluation.hints=8", "evaluation.hints=8 must be a list"),
        ("study.subject=Nobody", "study.subject=Nobody is none of Base, Pix2Pix"),
        ("references=[magic]", "'magic' is unknown: use bare line"),
        ("train=['stage.draft.batch_size=0']", "stage.draft.batch_size=0 must be"),
        ("data.kind=nothing", "Could not find 'data/nothing'"),
        ("evaluation.line_method=pencil", "line_method=pencil is unknown"),
        ("evaluation.drawings=0", "evaluation.drawings=0 must be a whole number"),
        ("evaluation.hints=[100000]", "numbers from 0 to 999"),
        ("data.test_share=x", "data.test_share=x must be a number"),
        ("pictures=maybe", "pictures=maybe must be true or false"),
    ],
)
def test_a_wrong_study_is_refused_before_anything_is_trained(word, told, picture_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = composed("study", "budget=tiny", *study_data(picture_folder), word)
    with pytest.raises(ValueError, match=re.escape(told)):
        run_study(config)
    assert not list(tmp_path.iterdir())


def test_foreign_results_are_measured_on_the_very_hints_they_were_given(study, picture_folder, monkeypatch):
    """Another program gets the hint layers as files; its results stand in the same table."""
    monkeypatch.chdir(study)
    root, lines = str(picture_folder / "color"), str(picture_folder / "line")
    options = ["--lines", lines, "--test-share", "0.3", "--hints", "0,4", "--out", "protocol"]
    assert data_command(["hints", root, *options]) == 0
    layers = sorted((study / "protocol/hints/004").glob("*.png"))
    assert layers
    for layer in layers:  # the other program: the truth, a little darker
        truth, _ = read_color(study / "protocol/truth" / layer.name)
        for level in ("000", "004"):
            write_png(study / "theirs" / level / layer.name, (truth * 0.9).astype(np.uint8)[::2, ::2])
    systems = "systems={Ours: runs/table2-tiny/demo-seed0, Theirs: theirs, Bundle: runs/table2-tiny/demo-seed0/bundle}"
    words = [systems, f"data.root={root}", f"data.lines={lines}", "data.test_share=0.3", "evaluation.drawings=60"]
    layered = ["out=side", "hint_layers=protocol/hints", "references=[bare line]"]
    assert evaluate(composed("evaluate", *words, *layered)) == Path("side/report.html")
    measured = Measured.load(study / "side")
    assert measured.names == ["Ours", "Theirs", "Bundle", "bare line"]
    assert measured.seeds("Theirs")[0].figure("004", "psnr_mean") > 15
    # Given as files or drawn by the protocol, the hints are the same, and so is what comes of them.
    own = ["out=own", "references=[]", "evaluation.hints=[0,4]", "pictures=false"]
    assert evaluate(composed("evaluate", *words, *own)) == Path("own/report.html")
    again = Measured.load(study / "own")
    for level in ("000", "004"):
        assert again.per_drawing("Ours", level, "psnr") == measured.per_drawing("Ours", level, "psnr")
        assert again.per_drawing("Ours", level, "psnr") == again.per_drawing("Bundle", level, "psnr")
    assert not (study / "own/pictures").exists()
    assert len(list((study / "side/pictures/Ours/004").glob("*.png"))) == len(measured.drawings)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give either run=runs/demo"),
        (["run=a", "systems=[b]"], "give either run=runs/demo"),
        (["systems=[nowhere]"], "nowhere: there is no run, no bundle and no folder of pictures"),
        (["systems=3"], "systems=3: give folders"),
        (["systems={a: 3}"], "systems.a=3 is no folder"),
        (["systems={Theirs: .}"], "data.root is not given"),
        (["systems={Theirs: .}", "data.root=x"], "give data.test_share"),
        (["systems={watershed: .}"], "cannot be called 'watershed'"),
        (["systems={truth: .}"], "cannot be called 'truth'"),
        (["systems={a/b: ., a_b: .}"], "would land in one folder"),
        (["systems={Theirs: .}", "evaluation.must_reach_psnr=20"], "must_reach_psnr is for one run"),
        (["systems={Theirs: .}", "hint_layers=x", "references=[watershed]"], "watershed needs hints as a list"),
        (["systems={Theirs: .}", "out=''"], "must be a folder of its own"),
    ],
)
def test_a_wrong_set_of_systems_is_named(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = composed("evaluate", *words)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(told)):
        evaluate(config)


def test_pictures_that_a_system_was_trained_on_are_told(study, picture_folder, monkeypatch):
    """With another share held out, drawings that the run trained on come among those it is measured on."""
    monkeypatch.chdir(study)
    words = ["systems=[runs/table2-tiny/demo-seed0]", "out=leak", "references=[]", "evaluation.hints=[0]"]
    evaluate(composed("evaluate", *words, "data.test_share=1.0", "evaluation.drawings=60", "pictures=false"))
    told = Measured.load(study / "leak").facts["in_training"]
    everything, held_out = (len(list((picture_folder / "color").glob("*"))), 2)
    assert 1 <= told["demo-seed0"] <= everything - held_out
    assert "was trained on" in (study / "leak/report.html").read_text()


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_an_ablation_changes_one_thing_of_whatever_it_is_put_on(ablation):
    def settings(experiment: str, resolve: bool = False) -> dict:
        config = compose_training([f"experiment={experiment}", "data.root=x"])
        return OmegaConf.to_container(config, resolve=resolve)

    for base in ("demo", "paper"):
        # Unresolved, or a stage that takes its networks and weights from the model would count as changed.
        whole, without = settings(base), settings(f"[{base},ablation/{ablation}]")
        changed = {group for group in whole if whole[group] != without[group]} - {"name", "sweep", "callbacks"}
        as_it_is = (base, ablation) == ("paper", "blend_paper")
        assert len(changed) == (0 if as_it_is else 1), changed
    assert settings(f"ablation/{ablation}", True) == settings(f"[demo,ablation/{ablation}]", True)


@pytest.mark.parametrize("budget", ["demo", "paper"])
@pytest.mark.parametrize("study_name", ["table2", "ablations"])
def test_every_study_composes_its_trainings_in_every_budget(study_name, budget, tmp_path):
    folder = tmp_path / "a study, with 'signs' [1]=x"
    config = composed("study", f"study={study_name}", f"budget={budget}", "data.root=x")
    trainings = planned(OmegaConf.to_container(config, resolve=True), folder)
    seeds = {"demo": 1, "paper": 3}[budget]
    assert len(trainings) == seeds * {"table2": 3, "ablations": 6}[study_name]
    images = set()
    for training in trainings.values():
        assert training.run.parent == folder
        assert training.config.evaluation.enabled is False
        images.add(sum(stage.steps * stage.batch_size for stage in training.config.stages.values()))
        if budget == "demo":
            assert training.config.model.resolution == 128
    if (study_name, budget) == ("table2", "demo"):
        assert len(images) == 1, "equal images for every system"


def test_a_stopped_study_says_so_and_goes_on(picture_folder, tmp_path):
    """SIGTERM reaches the training that is under way, which saves; the study ends with the signal's code."""
    longer = "+study.systems.Base.overrides=['stage.alacgan.steps=4000','stage.alacgan.checkpoint_every=5']"
    checkpoint = "runs/table2-tiny/demo_alacgan-*-seed0/alacgan/checkpoints/last.ckpt"
    with Program("study", "budget=tiny", *study_data(picture_folder), longer, cwd=tmp_path) as program:
        program.until(lambda: any(tmp_path.glob(checkpoint)))
        assert program.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        told = program.stderr
    assert "stopped by SIGTERM" in told
    assert "start the same command again to continue" in told


def test_the_hint_auc_script_writes_layers_by_ratio(tmp_path, monkeypatch):
    """With a stand-in for `hintauc`, which has an environment of its own: blue, green, red becomes RGB and alpha."""

    class Hints:
        def at_ratio(self, ratio, hint_type, tie_break):
            color, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
            color[3, 5] = (10, 20, 200)
            mask[3, 5] = 255 if ratio > 0 else 0
            return color, mask

    hintauc, auc = ModuleType("hintauc"), ModuleType("hintauc.auc")
    hintauc.generate_hints = lambda path, path_method: Hints()
    auc.DEFAULT_ALPHAS = (0.0, 0.1, 1.0)
    monkeypatch.setitem(sys.modules, "hintauc", hintauc)
    monkeypatch.setitem(sys.modules, "hintauc.auc", auc)
    script = runpy.run_path(str(Path(__file__).parents[2] / "docs/hint_auc_layers.py"))
    write_png(tmp_path / "truth/a.png", np.zeros((96, 96, 3), np.uint8))
    assert script["write_layers"](tmp_path / "truth", tmp_path / "layers") == 1
    assert LayerHints(tmp_path / "layers").levels == ["0.00", "0.10", "1.00"]
    assert tuple(read_hint_layer(tmp_path / "layers/0.10/a.png")[3, 5]) == (200, 20, 10, 255)
    assert not read_hint_layer(tmp_path / "layers/0.00/a.png").any()


def test_the_card_of_a_bundle_knows_how_its_pictures_are_blended(study):
    cards = {
        name: yaml.safe_load((study / f"runs/table2-tiny/{name}-seed0/bundle/bundle.yaml").read_text())["blend"]
        for name in ("demo", "demo_pix2pix")
    }
    assert cards == {"demo": "clean", "demo_pix2pix": "none"}
    measured = json.loads((study / "runs/table2-tiny" / FIGURES).read_text())
    assert measured["facts"]["small_pictures"] == 2

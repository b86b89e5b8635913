"""The commands of the README, of docs/commands.md and of docs/results.md do what they say: each is run, made tiny."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.program import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "commands.md", ROOT / "docs" / "results.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = sorted(set(re.findall(r"^(?:\| `)?linecolor-([a-z]+(?: [^`\n]+?)?)`?(?: \|.*)?$", TEXT, re.MULTILINE)))


DATA = "data.root={pictures}/color data.lines={pictures}/line data.test_share=0.3"
# Its promise of 25 dB takes minutes: `make overfit`. Here: does it run?
OVERFIT = (
    "model.resolution=64 model.draft.width=8 model.draft.cardinality=2 stage.draft.steps=1 stage.colorizer.steps=1 "
    "data.root={pictures}/color data.workers=0 evaluation.must_reach_psnr=0 evaluation.enabled=false"
)
SMALL = {  # what makes a command that begins so run for seconds on ten small drawings; the first that fits
    "app": "--help",  # it serves until it is stopped: test_app_in_browser.py
    "colorize panel.png": "-o panels/",
    "data hints": "--test-share 0.3 --hints 0,4",
    "data prepare characters": "--count 2 --size 64 --test-size 64",
    "data prepare openmoji": "--limit 2 --test-limit 1 --size 64 --test-size 64",
    "data prepare panels": "--count 2 --test-count 1 --size 64 --test-size 64",
    "data preview": f"debug=tiny {DATA}",
    "study": f"budget=tiny data.kind=folder {DATA}",
    "train experiment=demo debug=overfit": OVERFIT,
    "train -m": f"debug=tiny stages=[draft] {DATA}",
    "train experiment=demo debug=tiny": DATA,
    "train": f"debug=tiny {DATA}",
}
PLACES = {
    "/my/illustrations": "{pictures}/color",
    "/my/pages": "{pictures}/line",
    "panel.png": "{pictures}/line/drawing0.png",
    "hints data/openmoji": "hints {pictures}/color",
    "docs/sample": f"{ROOT}/docs/sample",
    "adversarial=0.01,0.05": "adversarial=0.01",  # two jobs show what four do
}
NAMES = {"train experiment=demo": "demo", "train experiment=demo debug=tiny": "demo", "train experiment=comic": "comic"}
"""Runs that other commands read, and that are there already."""


def made_small(line: str, pictures: Path) -> list[str]:
    """The same command, as its words."""
    options = next((options for beginning, options in SMALL.items() if line.startswith(beginning)), "")
    if line.startswith("train ") and "name=" not in line:
        options += f" name={NAMES.get(line, f'run{COMMANDS.index(line)}')}"
    for place, ours in PLACES.items():
        line = line.replace(place, ours)
    return shlex.split(f"{line} {options}".replace("{pictures}", str(pictures)))


def test_the_pages_show_every_command():
    commands = {path.stem for path in (ROOT / "linecolor" / "cli").glob("*.py") if "def main(" in path.read_text()}
    assert {line.split()[0] for line in COMMANDS} == commands


@pytest.fixture(scope="module")
def home(tiny_run, tiny_study, tmp_path_factory) -> Path:
    """Where all are run; the study and the demo find there what the tiny ones have trained and measured."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_study / "runs", home / "runs")
    shutil.copytree(tiny_run / "runs/tiny", home / "runs/demo")
    return home


# Training comes before others need its run.
@pytest.mark.parametrize("line", sorted(COMMANDS, key=lambda line: (not line.startswith("train"), line)))
def test_a_command_of_the_readme_runs(line, home, picture_folder):
    run(*made_small(line, picture_folder), cwd=home)


@pytest.mark.parametrize("page", ["README.md", "docs/colorize.md"])
def test_the_python_example_runs(page, tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert (tmp_path / "colored.png").is_file()


def test_every_link_leads_somewhere():
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "gimp" / "README.md",
        *ROOT.glob("linecolor/weights/*/*.md"),
    ]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 20
    assert [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize(("page", "section"), [("README.md", "Layout"), ("docs/architecture.md", "Rooms")])
def test_a_layout_names_what_is_there(page, section):
    layout = (ROOT / page).read_text(encoding="utf-8").split(f"## {section}")[1].split("\n## ")[0].split("```")[1]
    folders, places = [Path()], []
    for text in layout.splitlines():
        indent = (len(text) - len(text.lstrip())) // 2
        names = re.match(r"((?:[a-z_]+(?:/[a-z_]+)*(?:/|\.py)(?:\s|$))+)", text.lstrip())
        del folders[indent + 1 :]
        for name in names[1].split() if names else []:
            places.append(folders[-1] / name)
        if names:
            folders.append(places[-1])
    assert len(places) > 10
    assert [str(place) for place in places if not (ROOT / place).exists()] == []

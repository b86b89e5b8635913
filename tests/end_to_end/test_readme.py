"""The commands of the README, of docs/commands.md and of docs/results.md do what they say: each is run, made tiny."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.program import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "commands.md", ROOT / "docs" / "results.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = sorted(set(re.findall(r"^(?:\| `)?(linecolor-[a-z]+(?: [^`\n]+?)?)`?(?: \|.*)?$", TEXT, re.MULTILINE)))


def made_tiny(words: list[str], pictures: Path) -> list[str]:
    """The same command on ten small drawings, for two steps."""
    replaced = [word.replace("/my/illustrations", str(pictures / "color")) for word in words[1:]]
    if words[:3] == ["linecolor-data", "prepare", "openmoji"]:
        return [*replaced, "--limit", "2", "--test-limit", "1", "--size", "64", "--test-size", "64"]
    if words[:3] == ["linecolor-data", "prepare", "characters"]:
        return [*replaced, "--count", "2", "--size", "64", "--test-size", "64"]
    if words[:3] == ["linecolor-data", "prepare", "panels"]:
        return [*replaced, "--count", "2", "--test-count", "1", "--size", "64", "--test-size", "64"]
    if words[0] in ("linecolor-evaluate", "linecolor-compare"):
        return [word.replace("runs/demo", "runs/tiny") for word in replaced]
    if words[:2] == ["linecolor-data", "hints"]:
        return ["hints", str(pictures / "color"), "--test-share", "0.3", "--hints", "0,4", "--out", "protocol"]
    if words[:2] == ["linecolor-colorize", "panel.png"]:
        return [str(pictures / "line" / "drawing0.png"), *words[2:], "-o", "panels/"]
    if words[0] == "linecolor-colorize":
        replaced = [word.replace("/my/pages", str(pictures / "line")) for word in replaced]
        return [word.replace("docs/sample", str(ROOT / "docs" / "sample")) for word in replaced]
    if words[0] == "linecolor-app":
        return ["--help"]  # it serves until it is stopped: test_app_in_browser.py
    if words[0] == "linecolor-export":
        return replaced
    if words[0] == "linecolor-study":
        return [*replaced, "budget=tiny", "data.kind=folder", f"data.root={pictures / 'color'}", "data.test_share=0.3"]
    if words[0] == "linecolor-doctor" or words[:2] in (["linecolor-data", "curate"], ["linecolor-data", "shard"]):
        return replaced
    if "-m" in words:
        # Two jobs show what four do: of the second list the first value.
        replaced = [word.split(",")[0] if "adversarial" in word else word for word in replaced]
    if not any(word.startswith("data.root=") for word in replaced):
        replaced.append(f"data.root={pictures / 'color'}")
    if "debug=overfit" in replaced:
        # Its promise of 25 dB takes minutes: `make overfit`. Here: does it run?
        steps = [f"stage.{stage}.steps=1" for stage in ("draft", "colorizer")]
        small = [
            "model.resolution=64",
            "model.draft.width=8",
            "model.draft.cardinality=2",
            "evaluation.must_reach_psnr=0",
        ]
        return [*replaced, *steps, *small, "evaluation.enabled=false", "data.workers=0"]
    tiny = [] if "debug=tiny" in replaced else ["debug=tiny"]
    return [*replaced, *tiny, "data.test_share=0.3"]


def test_the_readme_names_commands():
    assert len(COMMANDS) >= 8
    assert {command.split()[0] for command in COMMANDS} == {
        "linecolor-data",
        "linecolor-train",
        "linecolor-evaluate",
        "linecolor-compare",
        "linecolor-doctor",
        "linecolor-study",
        "linecolor-colorize",
        "linecolor-export",
        "linecolor-app",
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


# linecolor-train comes before others need its run.
@pytest.mark.parametrize("line", sorted(COMMANDS, key=lambda line: (not line.startswith("linecolor-train"), line)))
def test_a_command_of_the_readme_runs(line, home, picture_folder):
    words = shlex.split(line)
    module = words[0].removeprefix("linecolor-")
    arguments = made_tiny(words, picture_folder)
    if "experiment=comic" in words:
        arguments.append("name=comic")
    elif module == "train" and "debug=tiny" in arguments and "name=mine" not in arguments:
        arguments.append(f"name=tiny{'' if 'debug=tiny' in words else COMMANDS.index(line)}")
    run(module, *arguments, cwd=home)


@pytest.mark.parametrize("page", ["README.md", "docs/colorize.md"])
def test_the_python_example_runs(page, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    home = tmp_path
    (home / "docs").symlink_to(ROOT / "docs")
    done = subprocess.run([sys.executable, "-c", example], cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (home / "colored.png").is_file()


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

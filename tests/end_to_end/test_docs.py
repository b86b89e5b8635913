"""The commands of docs/ compose: every option they name exists."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from linecolor.experiment.composition import configuration_folder, register_resolvers

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = re.compile(r"^(?:srun |torchrun .*?-m )?linecolor(?:-|\.cli\.)(train|evaluate|study) (.+)$", re.MULTILINE)


def commands() -> list[tuple[str, str, str]]:
    found = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
            lines = [(command, line) for command, line in COMMAND.findall(block)]
            # What needs a package of one's own is run by test_own_system.py.
            found += [(page.name, command, line) for command, line in lines if "--config-dir" not in line]
    return found


def test_the_pages_show_commands():
    assert len(commands()) >= 8
    pages = {page for page, _, _ in commands()}
    assert {"resume.md", "eight_gpus.md", "slurm.md", "sweep.md", "one_card.md", "evaluation.md"} <= pages


@pytest.mark.parametrize(("page", "command", "line"), commands())
def test_a_command_of_the_pages_composes(page, command, line):
    register_resolvers()
    overrides = []
    for word in shlex.split(line.replace("$DATA", "/data"), comments=True):
        key, _, value = word.partition("=")
        if value in ("true", "false") and key == "preflight":
            overrides.append(f"preflight='{value}'")  # as the command itself rewrites it
        elif "(" not in value and value:  # what a sweep searches is no value
            overrides.append(word if value[0] in "[{" else word.split(",")[0])
    with initialize_config_dir(configuration_folder(), version_base="1.3"):
        assert compose(command, overrides, return_hydra_config=True)["hydra"]["job"]["name"]

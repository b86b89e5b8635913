"""A path on the command line stands for itself, whatever characters it has."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from linecolor.experiment.composition import compose_training
from linecolor.experiment.plain_paths import quoted, with_plain_paths

PLAIN = (
    "größe", "日本 語", "pics (1)", "it's", "a,b", "a=b", "[x]", "#1", "a&b;c!", "{x", "a'b'", 'say "a"', "f(x)", " a ",
    "2024", "1e3", "true", "C:\\it's\\", "C:\\pics", "s3://bucket/größe",
)  # fmt: skip


def values(word: str) -> list[object]:
    override = OverridesParser.create().parse_override(word)
    if not override.is_sweep_override():
        return [override.value()]
    return [choice.text if hasattr(choice, "text") else choice for choice in override.value().list]


@pytest.mark.parametrize("path", PLAIN)
def test_a_path_is_read_as_it_is_written(path):
    words = [f"{key}={path}" for key in ("data.root", "data.lines", "runs_dir", "name", "+sweep.name", "++run")]
    read = with_plain_paths(words)
    assert [values(word) for word in read] == [[path]] * len(words)
    assert with_plain_paths(read) == read  # a study and several devices hand the words on
    assert values(f"x={quoted(path)}") == [path]


@pytest.mark.parametrize("path", [path for path in PLAIN if "," not in path and path[-1] != "\\"])
def test_so_is_every_value_of_a_sweep(path):
    *_, word = with_plain_paths(["-m", f"data.root=/b,{path},'c, d'"])
    assert values(word) == ["/b", path.strip(), "c, d"]


@pytest.mark.parametrize(
    "word", ["data.root='a b'", 'data.root="a"', "data.root=a\\,b", "data.lines=null", "runs_dir=${name}/x", "seed=1,2"]
)
def test_what_hydra_reads_as_it_was_meant_stays(word):
    assert with_plain_paths([word]) == [word]
    assert with_plain_paths(["--multirun", word]) == ["--multirun", word]


def test_functions_of_a_sweep_stay():
    words = ["-m", "data.root=choice(a,b)", "run=glob(*)"]
    assert with_plain_paths(words) == words


def test_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir("/")
    words = ["data.root=~/it's", "data.lines='~/a b'", "run=~nobody-at-all", "name=~x", "--config-dir", "~/c", "-m"]
    assert with_plain_paths(words[:3]) == [
        "data.root='/home/me/it\\'s'", "data.lines='/home/me/a b'", "run='/~nobody-at-all'",
    ]  # fmt: skip
    assert with_plain_paths(words[3:]) == ["name='~x'", "--config-dir", "/home/me/c", "-m"]
    assert with_plain_paths(["--config-dir=~/c", "-m", "data.root=~,~/b"]) == [
        "--config-dir=/home/me/c", "-m", "data.root='/home/me','/home/me/b'",
    ]  # fmt: skip


def test_so_are_the_members_of_lists_and_mappings(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    words = ["systems=[~/a, it's,'b, c']", "data.more=[größe]", "systems={Ours: [a(1), #2], B s: x}", "systems=[a,b]"]
    read = [values(word)[0] for word in with_plain_paths(words)]
    assert read == [
        ["/home/me/a", "it's", "b, c"], ["größe"], {"Ours": ["a(1)", "#2"], "B s": "x"}, ["a", "b"],
    ]  # fmt: skip


def test_a_composed_configuration_has_the_very_path():
    config = compose_training(["data.root=/it's [x], (1)", "name=größe #1", "runs_dir=a=b"])
    assert (config.data.root, config.name, config.runs_dir) == ("/it's [x], (1)", "größe #1", "a=b")
    assert Path(config.data.root).name == "it's [x], (1)"

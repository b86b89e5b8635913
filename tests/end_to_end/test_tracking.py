"""logger=wandb: what W&B gets, offline, online, over a kill, and when there is no network."""

import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from lightning_modules.loggers.wandb import WandbLogger
from linecolor.experiment.composition import compose_training
from linecolor.experiment.config import RunConfig
from linecolor.experiment.stage import log_bundle
from linecolor.runs.record import append_record, read_record
from linecolor.runs.run_folder import RunFolder
from tests.end_to_end.program import TINY, Program, data

TRACKED = [*TINY, "evaluation.enabled=false", "logger=wandb"]


def start(*words: str, cwd: Path, **environment: str) -> Program:
    """linecolor-train with a key that opens nothing."""
    key = {"WANDB_API_KEY": "0123456789" * 4, "HOME": str(cwd)}
    return Program("train", *TRACKED, *words, cwd=cwd, **key | environment)


def train(*words: str, cwd: Path, **environment: str) -> str:
    """A whole run, which must end well; what it said on standard error."""
    with start(*words, cwd=cwd, **environment) as program:
        assert program.wait() == 0, program.stderr[-2000:]
        return program.stderr


def records(folder: Path) -> list[Record]:
    """What stands in the one .wandb file of a folder: LevelDB's log format, a protocol buffer a record."""
    (path,) = folder.glob("*.wandb")
    content, position, whole, found = path.read_bytes(), 7, b"", []
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + 7])
        whole += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # full, last
            found.append(Record.FromString(whole))
            whole = b""
    return found


def history(folder: Path) -> list[dict]:
    """The rows that were logged, as W&B has them."""
    rows = [record.history.item for record in records(folder) if record.HasField("history")]
    return [{item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row} for row in rows]


def run_record(folder: Path):
    return next(record.run for record in records(folder) if record.HasField("run"))


def offline_runs(run: Path) -> dict[str, list[Path]]:
    """Folders of the offline runs by id, oldest first."""
    found: dict[str, list[Path]] = {}
    for folder in sorted((run / "wandb").glob("offline-run-*")):
        found.setdefault(folder.name.rsplit("-", 1)[1], []).append(folder)
    return found


def wandb_id(stage: Path) -> str:
    return (stage / "wandb_id").read_text()


@pytest.fixture(scope="module")
def tracked(picture_folder, tmp_path_factory) -> Path:
    """A whole tiny run, tracked offline."""
    home = tmp_path_factory.mktemp("tracked")
    train(*data(picture_folder), cwd=home)
    return home / "runs" / "tiny"


@pytest.mark.parametrize("stage", ["draft", "colorizer"])
def test_offline_w_and_b_has_the_whole_record_against_images_seen(tracked, stage):
    (folder,) = offline_runs(tracked)[wandb_id(tracked / stage)]
    rows = history(folder)
    assert [row["_step"] for row in rows] == list(range(len(rows)))
    sent = {(row["images_seen"], name): value for row in rows for name, value in row.items() if name[0] != "_"}
    for line in read_record(tracked / stage / "metrics.jsonl"):
        for name, value in line.items():
            if value is not None:
                assert sent[line["images_seen"], name] == pytest.approx(value)
    metrics = [record.metric for record in records(folder) if record.HasField("metric")]
    assert any(metric.glob_name == "*" and metric.step_metric == "images_seen" for metric in metrics)


@pytest.mark.parametrize("stage", ["draft", "colorizer"])
def test_a_sheet_goes_to_w_and_b_as_a_picture(tracked, stage):
    (folder,) = offline_runs(tracked)[wandb_id(tracked / stage)]
    (sheet,) = [row for row in history(folder) if "samples" in row or "samples/_type" in row]
    assert sheet["images_seen"] == 4
    (sent,) = (folder / "files" / "media" / "images").glob("samples_*.png")
    assert sent.read_bytes() == (tracked / stage / "samples" / "000000004.png").read_bytes()


def test_the_stages_of_a_run_stand_in_one_group_with_the_configuration(tracked):
    runs = {stage: run_record(offline_runs(tracked)[wandb_id(tracked / stage)][0]) for stage in ("draft", "colorizer")}
    for stage, run in runs.items():
        assert (run.project, run.run_group, run.job_type) == ("linecolor", "tiny", stage)
        assert run.display_name == f"tiny-{stage}"
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert config["model"]["resolution"] == 64
        assert config["stage"]["draft"]["batch_size"] == 2
        assert not run.HasField("git") or not run.git.commit
    assert runs["draft"].run_id != runs["colorizer"].run_id


def test_w_and_b_gets_nothing_but_numbers_sheets_and_settings(tracked):
    for (folder,) in offline_runs(tracked).values():
        kinds = {record.WhichOneof("record_type") for record in records(folder)}
        assert not kinds & {"output", "output_raw", "stats", "environment"}
        files = {path.suffix for path in (folder / "files").rglob("*") if path.is_file()}
        assert files <= {".png"}


def test_the_bundle_goes_as_an_artifact_on_request_only(tracked, tmp_path):
    asked = [*TRACKED, f"runs_dir={tracked.parent}"]
    for wish, expected in (("false", 0), ("true", 1)):
        config = RunConfig.from_hydra(compose_training([*asked, f"logger.wandb.log_bundle={wish}"]))
        before = set((tracked / "wandb").iterdir())
        log_bundle(RunFolder(tracked), config)
        new = [folder for folder in set((tracked / "wandb").iterdir()) - before if folder.name.startswith("offline")]
        assert len(new) == expected
    assert new[0].name.endswith(wandb_id(tracked / "colorizer"))
    (artifact,) = [record.artifact for record in records(new[0]) if record.HasField("artifact")]
    assert (artifact.name, artifact.type) == ("tiny-bundle", "model")
    manifest = artifact.manifest.contents or json.loads(Path(artifact.manifest.manifest_file_path).read_text())
    listed = {entry.path for entry in manifest} if artifact.manifest.contents else set(manifest)
    assert {"linecolor.safetensors", "bundle.yaml"} <= listed
    assert not history(new[0])


def test_after_a_kill_nothing_is_sent_twice_and_nothing_is_left_out(picture_folder, tmp_path):
    options = [
        "stages=[draft]",
        "stage.draft.steps=40",
        "stage.draft.checkpoint_every=15",
        "stage.draft.val_every_n_steps=20",
        *data(picture_folder),
    ]
    draft = tmp_path / "runs" / "tiny" / "draft"
    with start(*options, cwd=tmp_path) as program:
        program.until(lambda: len(read_record(draft / "metrics.jsonl")) >= 24)
        assert program.stop(signal.SIGKILL) == -signal.SIGKILL
    ((_, (first,)),) = offline_runs(draft.parent).items()
    until(lambda: any(record.HasField("exit") for record in records(first)), 30)
    reached = max(row["images_seen"] for row in history(first))
    assert reached == read_record(draft / "metrics.jsonl")[-1]["images_seen"] < 80

    train(*options, cwd=tmp_path)
    ((run_id, (again, second)),) = offline_runs(draft.parent).items()
    assert (run_id, again) == (wandb_id(draft), first)
    rows = [*history(first), *history(second)]
    sent = [(row["images_seen"], name) for row in rows for name in row if name[0] != "_"]
    once = [pair for pair in sent if pair[1].split("/")[0] not in ("step", "images_seen")]
    assert len(once) == len(set(once))
    written = {(line["images_seen"], name) for line in read_record(draft / "metrics.jsonl") for name in line}
    assert {(seen, name) for seen, name in written if name != "images_seen"} <= set(sent)
    assert {row["images_seen"] for row in rows if any(name.startswith("samples") for name in row)} == {40, 80}
    steps = [row["_step"] for row in rows]
    assert steps == list(range(len(steps)))


def test_without_network_training_ends_well_and_says_how_to_send_it_later(picture_folder, tmp_path):
    started = time.perf_counter()
    options = ["stages=[draft]", "logger.wandb.offline=false", *data(picture_folder)]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = train(*options, cwd=tmp_path, WANDB_BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.perf_counter() - started < 90  # W&B by itself waits for more than 100 s before it gives up
    ((_, (folder,)),) = offline_runs(tmp_path / "runs" / "tiny").items()
    assert said.count("tiny-draft is tracked offline") == 1
    assert f"wandb sync {folder.relative_to(tmp_path)}" in said
    assert [row["images_seen"] for row in history(folder) if "reconstruction" in row] == [2, 4]


class Server(ThreadingHTTPServer):
    """As much of W&B's server as a run needs; keeps what it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.opened: list[dict] = []
        self.rows: list[dict] = []
        self.files: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_) -> None:
        """A client that hangs up is no fault here."""

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        """The tests read what was kept."""

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.files.append(self.path)
        self._answer({})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/graphql":
            lines = asked.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            self.server.rows += [json.loads(line) for line in lines]
            return self._answer({})
        name, values = asked.get("operationName", ""), asked.get("variables", {})
        data: dict = {}
        if name == "UpsertBucket":
            self.server.opened.append(values)
            project = {"id": "p", "name": "linecolor", "entity": {"id": "e", "name": "somebody"}}
            bucket = {"id": "x", "name": values["name"], "displayName": "", "config": "{}", "project": project}
            data = {"upsertBucket": {"bucket": bucket, "inserted": True}}
        elif name == "RunResumeStatus":
            data = {"model": None}
        elif name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.server.address}/{file}"} for file in values["files"]]
            data = {"createRunFiles": {"runID": "x", "uploadHeaders": [], "files": files}}
        return self._answer({"data": data})

    def _answer(self, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.end()


def test_online_the_server_gets_rows_sheets_group_and_configuration(picture_folder, tmp_path, server):
    options = ["stages=[draft]", "logger.wandb.offline=false", *data(picture_folder)]
    said = train(*options, cwd=tmp_path, WANDB_BASE_URL=server.address)
    assert "tracked offline" not in said
    draft = tmp_path / "runs" / "tiny" / "draft"
    assert {values["name"] for values in server.opened} == {wandb_id(draft)}
    assert server.opened[0]["groupName"] == "tiny"
    assert any("resolution" in (values["config"] or "") for values in server.opened)
    assert [row["images_seen"] for row in server.rows if "reconstruction" in row] == [2, 4]
    assert any("samples" in row for row in server.rows)
    assert any(path.startswith("/media/images/samples_") for path in server.files)


def begun(stage: Path, offline: bool = False) -> WandbLogger:
    """A stage's tracker, begun without a training."""
    who = {"name": "run-draft", "job_type": "draft", "group": "run", "folder": stage, "config": {"seed": 0}}
    tracker = WandbLogger(**who, offline=offline, init_timeout=20.0, finish_timeout=2.0)
    _ = tracker.experiment
    return tracker


def learn(stage: Path, seen: int) -> None:
    append_record(stage / "metrics.jsonl", seen, {"reconstruction": 0.5})


@pytest.fixture
def draft(monkeypatch, tmp_path) -> Path:
    """The folder of a stage, of somebody with a key."""
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run" / "draft").mkdir(parents=True)
    return tmp_path / "run" / "draft"


def the_offline_run(stage: Path) -> Path:
    (folder,) = (stage.parent / "wandb").glob("offline-run-*")
    return folder


@pytest.mark.parametrize("missing", ["network", "key"])
def test_what_cannot_be_sent_is_kept_and_nobody_is_asked_for_a_key(missing, draft, server, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_BASE_URL", server.address)
    if missing == "key":
        monkeypatch.setenv("WANDB_API_KEY", "")
    else:
        server.end()
    tracker = begun(draft)
    learn(draft, 8)
    tracker.close()
    said, folder = capfd.readouterr().err, the_offline_run(draft)
    assert ("No API key" if missing == "key" else "run-draft is tracked offline") in said
    assert f"wandb sync {folder}" in said
    assert [row["images_seen"] for row in history(folder)] == [8]


def test_a_network_that_goes_while_training_holds_the_end_up_for_the_timeout_only(draft, server, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_BASE_URL", server.address)
    tracker = begun(draft)
    learn(draft, 8)
    until(lambda: len(server.rows) == 1, 60)
    server.end()
    learn(draft, 16)
    started = time.perf_counter()
    tracker.close()
    assert time.perf_counter() - started < 20
    folder = the_offline_run(draft)
    assert f"send it later with: wandb sync {folder}" in capfd.readouterr().err
    assert [row["images_seen"] for row in history(folder)] == [8, 16]


def test_a_fault_of_w_and_b_while_training_ends_nothing_and_loses_nothing(draft, capfd):
    tracker = begun(draft, offline=True)
    learn(draft, 8)
    until(lambda: sent(draft).get("reconstruction") == 8, 60)
    os.kill(service_of(tracker), signal.SIGKILL)
    for seen in (16, 24):
        learn(draft, seen)
        time.sleep(1.5)
    tracker.close()
    said, folder = capfd.readouterr().err, the_offline_run(draft)
    assert said.count("is written to an offline run when its stage ends") == 1
    assert f"wandb sync {folder}" in said
    assert [row["images_seen"] for row in history(folder)] == [8, 16, 24]


def test_what_a_power_failure_took_from_the_offline_file_is_sent_by_the_next_start(draft):
    first = begun(draft, offline=True)
    learn(draft, 8)
    until(lambda: sent(draft).get("reconstruction") == 8, 60)
    assert first._mirror is not None
    for process in (service_of(first), first._mirror.pid):
        os.kill(process, signal.SIGKILL)
    first.close()
    learn(draft, 16)
    time.sleep(1)  # the names of runs have seconds
    begun(draft, offline=True).close()
    folder = the_offline_run(draft)
    assert [(row["images_seen"], row["_step"]) for row in history(folder)] == [(8, 0), (16, 1)]


def service_of(tracker: WandbLogger) -> int:
    """The process of W&B's own that the mirror has started."""
    assert tracker._mirror is not None
    children = Path(f"/proc/{tracker._mirror.pid}/task").glob("*/children")
    (child,) = {int(word) for path in children for word in path.read_text().split()}
    return child


def sent(stage: Path) -> dict[str, int]:
    """The highest images_seen by name that W&B was given."""
    state = stage / "wandb_sent.json"
    return json.loads(state.read_text())["images_seen"] if state.is_file() else {}


def until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)

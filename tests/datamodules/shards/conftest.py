import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.shards import remote_ranges
from linecolor.images import write_png
from tests.datamodules.shards.small_sets import Files, Server, shard


@pytest.fixture(scope="module")
def mixed_folder(picture_folder, tmp_path_factory) -> Path:
    """The ten drawings, one of them broken half way through its file, two without a line, one a JPEG."""
    root = tmp_path_factory.mktemp("mixed")
    shutil.copytree(picture_folder, root, dirs_exist_ok=True)
    whole = (root / "color" / "drawing3.png").read_bytes()
    (root / "color" / "drawing3.png").write_bytes(whole[: len(whole) // 2])
    (root / "line" / "drawing4.png").unlink()
    (root / "line" / "drawing5.png").unlink()
    (root / "color" / "deep").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (80, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "color" / "deep" / "photo.v2.jpg")
    return root


@pytest.fixture(scope="module")
def shards(mixed_folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "set"
    shard(mixed_folder, out, verify="header")
    return out


@pytest.fixture
def noisy_folder(tmp_path) -> Path:
    """Nine pictures of 0.48 MB: two go into a shard of 1 MB, four into one of 2 MB."""
    random = np.random.default_rng(1)
    for index in range(9):
        write_png(tmp_path / "noisy" / "color" / f"n{index}.png", random.integers(0, 256, (400, 400, 3), np.uint8))
    (tmp_path / "noisy" / "line").mkdir()
    return tmp_path / "noisy"


@pytest.fixture
def served(shards) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Files)
    server.folder, server.prefix, server.signed, server.ranges = shards, "/", False, True
    server.failures, server.requests = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(served, monkeypatch) -> str:
    """The same folder as s3://pictures/big/set, through boto3."""
    pytest.importorskip("boto3", reason="boto3 reads S3; it comes with an extra")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": served.url,
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    served.prefix, served.signed = "/pictures/big/set", True
    return "s3://pictures/big/set"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote_ranges, "DELAYS", (0.0, 0.0))


@pytest.fixture(params=["disk", "http", "s3"])
def place(request, shards) -> str:
    if request.param == "disk":
        return str(shards)
    return request.getfixturevalue("served").url if request.param == "http" else request.getfixturevalue("bucket")

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path):
    def make(data: bytes, name: str = "picture.png") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make

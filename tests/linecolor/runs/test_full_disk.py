"""A full disk is known and named, whatever a library makes of it."""

import errno
import io
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from linecolor.experiment.errors import MISTAKE, exit_code
from linecolor.runs.full_disk import lack_of_room, naming


class FullDisk(io.RawIOBase):
    """A file on a disk with room for so many bytes."""

    def __init__(self, room: int = 1000, number: int = errno.ENOSPC) -> None:
        self.room, self.number = room, number

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(self.number, os.strerror(self.number))
        return len(data)


def torch_save(file: io.RawIOBase) -> None:
    torch.save({"weights": torch.zeros(5000)}, file)


def parquet(file: io.RawIOBase) -> None:
    pq.write_table(pa.table({"numbers": list(range(5000))}), file)


def archive(file: io.RawIOBase) -> None:
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("zeros", bytes(5000))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("write", [torch_save, parquet, archive])
def test_whatever_a_library_raises_the_file_is_named(write, number, tmp_path):
    path = tmp_path / "last.ckpt"
    with pytest.raises(OSError, match=r"last\.ckpt") as full, naming(path):
        write(FullDisk(number=number))
    assert (full.value.errno, full.value.filename) == (number, str(path))


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ZeroDivisionError), naming(tmp_path):
        1 / 0  # noqa: B018
    assert lack_of_room(OSError(errno.EACCES, "Permission denied", "a")) is None
    assert lack_of_room(RuntimeError("diverged")) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a"), "runs/a: the disk is full; make room and start"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "runs/a"), "runs/a: the disk quota is used up; make room"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "error: the disk is full; make room and start the same"),
        (
            RuntimeError("Caught in worker 0:\nTraceback\nunable to write </t_1>: No space left on device (28)"),
            "error: the disk is full (unable to write </t_1>: No space left on device (28)); make room and start",
        ),
    ],
)  # fmt: skip
def test_a_command_ends_with_one_line(error, said, capsys):
    def command() -> None:
        raise error

    assert exit_code(command) == MISTAKE
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1

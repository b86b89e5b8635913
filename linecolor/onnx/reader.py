"""An ONNX file from outside, checked before onnxruntime sees it. The standard library only.

A model can point to other files of the machine (external data) and hold loops that never end. A colouring network
needs neither, so such files are refused. An ONNX file is one Protocol Buffers message; the few fields read here are
numbered in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 2**31 - 1
"""No Protocol Buffers message is longer."""
MAX_NODES, MAX_FIELDS = 100_000, 500_000
"""The published networks have some hundred operations."""
MAX_ENTRIES = 100
MAX_ENTRY_BYTES = 100_000

_FUNCTIONS = "holds functions of its own, which no colouring network has"
_LOOPS = "holds loops or branches, which no colouring network has"
_SPARSE = "holds sparse weights, which no colouring network has"
_EXTERNAL = "keeps its weights in other files (external data)"

# Field numbers of onnx.proto, by part: which part is in the field, or why a model that has it is refused.
_PARTS = {
    "model": {7: "graph", 20: _FUNCTIONS, 25: _FUNCTIONS},  # training_info, functions
    "graph": {1: "node", 5: "tensor", 15: _SPARSE},  # initializer, sparse_initializer
    "node": {5: "attribute"},
    # tensor, graph, tensors, graphs, sparse_tensor, sparse_tensors
    "attribute": {5: "tensor", 6: _LOOPS, 10: "tensor", 11: _LOOPS, 22: _SPARSE, 23: _SPARSE},
    "tensor": {13: _EXTERNAL, 14: _EXTERNAL},  # external_data, data_location
}
_METADATA_PROPS, _DATA_LOCATION = 14, 14
_KEY, _TEXT = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class OnnxFile:
    """A model that may be handed to onnxruntime.

    Attributes:
        data: the whole file.
        metadata: its texts by their keys.
    """

    data: bytes
    metadata: dict[str, str]


def read_onnx(path: str | Path) -> OnnxFile:
    """Read an ONNX file that needs no other file and has neither loops nor functions.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: too large, no ONNX, or one with external data, loops or functions; the message says what to do.
    """
    path = Path(path)
    if not path.is_file():
        folder = " (it is a folder; name the file in it)" if path.is_dir() else ""
        raise FileNotFoundError(f"{path}: no such file{folder}; linecolor-export writes linecolor.onnx")
    length = path.stat().st_size
    if length > MAX_BYTES:
        raise ValueError(f"{path}: {length:,} bytes are more than any ONNX file has")
    data = path.read_bytes()
    try:
        metadata = _check_model(memoryview(data))
    except _Refused as refused:
        raise ValueError(f"{path}: {refused}; export the bundle again with linecolor-export") from None
    except (IndexError, ValueError) as error:
        raise ValueError(f"{path}: is no ONNX file or is damaged ({error}); linecolor-export writes them") from None
    return OnnxFile(data, metadata)


class _Refused(Exception):
    """An intact model with parts that no colouring network has."""


def _check_model(model: memoryview) -> dict[str, str]:
    graphs = _check("model", model)["graph"]
    if graphs != 1:
        raise ValueError("it holds no network" if not graphs else f"it holds {graphs} networks")
    metadata: dict[str, str] = {}
    for field, value in _fields(model):
        if field == _METADATA_PROPS:
            key, text = _entry(_message(value))
            metadata[key] = text
            if len(metadata) > MAX_ENTRIES:
                raise _Refused(f"holds more than {MAX_ENTRIES} entries of metadata")
    return metadata


def _check(part: str, message: memoryview) -> Counter[str]:
    """How many parts of each kind are in this one, all of them checked."""
    found: Counter[str] = Counter()
    for field, value in _fields(message):
        inner = _PARTS[part].get(field)
        if inner in _PARTS:
            found[inner] += 1
            if found["node"] > MAX_NODES:
                raise _Refused(f"has more than {MAX_NODES:,} operations")
            _check(inner, _message(value))
        elif inner and (field, value) != (_DATA_LOCATION, 0):  # 0 is in the file itself
            raise _Refused(inner)
    return found


def _entry(entry: memoryview) -> tuple[str, str]:
    if len(entry) > MAX_ENTRY_BYTES:
        raise _Refused(f"holds an entry of metadata of {len(entry):,} bytes")
    texts = {field: bytes(_message(value)).decode("utf-8") for field, value in _fields(entry)}
    return texts.get(_KEY, ""), texts.get(_TEXT, "")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a part should be")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message, in order: number, and the value of a number or the bytes of anything longer."""
    at, end, fields = 0, len(message), 0
    while at < end:
        fields += 1
        if fields > MAX_FIELDS:
            raise _Refused(f"has a part of more than {MAX_FIELDS:,} fields")
        key, at = _varint(message, at)
        # What is read as another number elsewhere must not pass as an unknown one here.
        if key >> 32 or not key >> 3:
            raise ValueError("a field with an impossible number")
        field, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == _VARINT:
            value, at = _varint(message, at)
        else:
            if kind == _BYTES:
                length, at = _varint(message, at)
            elif kind in (_FIXED32, _FIXED64):
                length = 4 if kind == _FIXED32 else 8
            else:
                raise ValueError(f"unknown kind of field {kind}")
            if at + length > end:
                raise ValueError("it ends too early")
            value, at = message[at : at + length], at + length
        yield field, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("it ends too early")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")

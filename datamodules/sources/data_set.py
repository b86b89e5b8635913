"""A prepared data set on disk: its layout, and the manifest that says that it is whole.

Layout: `<out>/<split>/color/<id>.png` (of vector drawings RGBA, straight alpha: the drawing's coverage, so
foreground is alpha above 0; of panels opaque RGB), `<out>/<split>/line/<id>.png` (grey on white paper), where a
source knows it `<out>/<split>/background/<id>.png` (grey, 255 = background), and `<out>/manifest.json`, which is
written last: a folder that has one is whole.
"""

import json
import re
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
UNFINISHED = ".rendering.json"
FORMAT_VERSION = 1
SPLITS = ("train", "test")
_MAX_MANIFEST_BYTES = 256_000_000
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class RenderingRefused(ValueError):
    """The folder cannot take this data set; the message says why and what to do."""


def picture_paths(root: Path, split: str, drawing_id: str) -> list[Path]:
    """The colour, line and background file of a drawing in a prepared data set; few sets have backgrounds."""
    return [root / split / kind / f"{drawing_id}.png" for kind in ("color", "line", "background")]


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read a data set's manifest and check every field that leads to a file.

    Raises:
        RenderingRefused: it is damaged, of a later format, or names files outside its folder.
    """
    path = Path(path)
    if path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise RenderingRefused(f"{path}: too large for a manifest")
    try:
        manifest = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RenderingRefused(f"{path}: no JSON; prepare the data set again with --force") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("drawings"), list):
        raise RenderingRefused(f"{path}: no manifest of a linecolor data set; it lists no drawings")
    if manifest.get("format") != FORMAT_VERSION:
        raise RenderingRefused(
            f"{path}: data set format {manifest.get('format')!r}, this version reads {FORMAT_VERSION}; "
            "prepare the data set again with --force"
        )
    for row in manifest["drawings"]:
        fields = row if isinstance(row, dict) else {}
        name, base = fields.get("id"), fields.get("base")
        if not (isinstance(name, str) and isinstance(base, str) and _SAFE_ID.fullmatch(name)) or (
            fields.get("split") not in SPLITS
        ):
            raise RenderingRefused(f"{path}: bad entry {str(row)[:80]}; prepare the data set again with --force")
    return manifest


def make_ready(out: Path, manifest: dict[str, Any], force: bool) -> None:
    """Refuse foreign folders and other options; with force, drop the files the old manifest names."""
    known = [path for path in (out / MANIFEST, out / UNFINISHED) if path.is_file()]
    if out.exists() and not out.is_dir():
        raise RenderingRefused(f"{out} is a file; pass another --out")
    if not known:
        if out.is_dir() and any(out.iterdir()):
            raise RenderingRefused(f"{out} holds other files and is no prepared data set; pass another --out")
        return
    for path in known:
        try:
            old = read_manifest(path)
        except RenderingRefused:
            if not force:
                raise
            # Its list of files is lost: with none reused below, every file of the new list is written anew.
            old = {"drawings": manifest["drawings"]}
        if force:
            for row in old["drawings"]:
                for file in picture_paths(out, row["split"], row["id"]):
                    file.unlink(missing_ok=True)
            path.unlink()
        elif differences := _differences(old, manifest):
            raise RenderingRefused(
                f"{out} was prepared with {'; '.join(differences)}. Pass another --out, or --force to render it again"
            )


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = ({k: m.get(k) for k in ("source", "source_version")} for m in (old, new))
    before |= old["options"] if isinstance(old.get("options"), dict) else {}
    after |= json.loads(json.dumps(new["options"]))
    keys = sorted({*before, *after})
    found = [f"{k} {before.get(k)}, now {after.get(k)}" for k in keys if before.get(k) != after.get(k)]
    if not found and old["drawings"] != new["drawings"]:
        found = ["another list of drawings (an earlier version of linecolor?)"]
    return found


def to_json(manifest: dict[str, Any]) -> bytes:
    """A manifest as it is written: a line for each drawing."""
    head = json.dumps({k: v for k, v in manifest.items() if k != "drawings"}, indent=1, ensure_ascii=False)
    rows = ",\n  ".join(json.dumps(row) for row in manifest["drawings"])
    return f'{head[:-2]},\n "drawings": [\n  {rows}\n ]\n}}\n'.encode()

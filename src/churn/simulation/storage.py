"""Whole folders or nothing: written beside their place, renamed into it at the end, the manifest last."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churn.core.errors import OutputFailed, RunLocked

MANIFEST = "manifest.json"
KIND = "simulated company"


@contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """Give a folder to write into that takes its final place only when the block ends without an error.

    A folder left over by a killed run is removed; one in use by a living run is refused.

    Raises
    ------
    RunLocked
        When another run is writing the same folder.
    OutputFailed
        When the final place is taken by something else, or the disk does not take it.
    """
    check_replaceable(final)
    partial = final.parent / f".{final.name}.partial"
    handle = _claim(partial)
    try:
        yield partial
        _put_in_place(partial, final)
    except OSError as error:
        problem = error.strerror or error
        raise OutputFailed(f"cannot write {final}: {problem}; what was there before is untouched") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def check_replaceable(final: Path) -> None:
    """Refuse a place that is taken by something other than a simulated company or its truth."""
    if not final.exists():
        return
    if not final.is_dir():
        raise OutputFailed(f"{final} is a file; give a folder")
    if read_manifest(final).get("kind") != KIND and any(final.iterdir()):
        raise OutputFailed(f"{final} holds something that is no simulated company; give another folder or empty it")


def _claim(partial: Path) -> int:
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(exist_ok=True)
        handle = os.open(partial, os.O_RDONLY)
    except OSError as error:
        raise OutputFailed(f"cannot write below {partial.parent}: {error.strerror or error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise RunLocked(f"another simulation is writing {partial.name[1:-8]}; retry when it is done") from error
    for left in partial.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return handle


def _put_in_place(partial: Path, final: Path) -> None:
    former = final.parent / f".{final.name}.former"
    shutil.rmtree(former, ignore_errors=True)
    if final.exists():
        final.rename(former)
    partial.rename(final)
    shutil.rmtree(former, ignore_errors=True)


def write_part(folder: Path, table: str, number: int, rows: pa.Table, layout: str = "") -> int:
    """Write one part file of a table and return its number of rows; another `layout` is another file."""
    place = folder / table
    place.mkdir(exist_ok=True)
    delta = [name for name in ("event_id", "message_id", "payment_id") if name in rows.column_names]
    pq.write_table(
        _decoded(rows),
        place / f"part-{number:05d}{layout}.parquet",
        compression="zstd",
        compression_level=1,
        store_schema=False,
        use_dictionary=[name for name in rows.column_names if name not in delta] if delta else True,
        column_encoding=dict.fromkeys(delta, "DELTA_BYTE_ARRAY") or None,
    )
    return int(rows.num_rows)


def _decoded(rows: pa.Table) -> pa.Table:
    """Return the rows with coded columns as text: which codes a chunk shares would otherwise show in the bytes."""
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(fields))


def write_manifest(folder: Path, content: Mapping[str, object]) -> None:
    """Write the manifest, the last file of a folder: without it the folder is not whole."""
    text = json.dumps({"kind": KIND, **content}, indent=2, sort_keys=True, default=str, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, empty where there is none that can be read."""
    manifest = folder / MANIFEST
    try:
        content = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    except ValueError:
        content = {}
    return content if isinstance(content, dict) else {}

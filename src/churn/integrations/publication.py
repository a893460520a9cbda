"""Published lists: files named by their content, and a manifest that is swapped last.

A reader opens what the manifest names, so it sees the former list or the new one, never half of one. Publishing the
same date again replaces it; the same content gives the same file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn.core.errors import DataRefused
from churn.integrations.locks import WRITE_LOCK, hold_lock
from churn.integrations.store import MANIFEST, output_errors, read_json, sha256_of, write_json
from churn.integrations.streams import in_groups, open_parts

READ_ATTEMPTS = 20
ROWS_PER_GROUP = 50_000


def publish(
    folder: Path, as_of: date, tables: Mapping[str, pd.DataFrame | Path], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Publish the tables (`scores`, `worklist`) of a date and return its manifest entry.

    A table is a frame, or Parquet on disk (a file, or a folder of parts in the order of their names), of which only a
    part is in memory at a time.

    Raises
    ------
    RunLocked
        When another run is publishing.
    OutputFailed
        When a file cannot be written; the former list stands.
    """
    with hold_lock(folder / WRITE_LOCK), output_errors(folder):
        manifest = _manifest(folder)
        entry: dict[str, Any] = {**facts, "files": {}, "rows": {}}
        for name, table in tables.items():
            file, rows = _write_named_by_content(folder, f"{name}-{as_of}", table)
            entry["files"][name], entry["rows"][name] = file, rows
        manifest["dates"][str(as_of)] = entry
        write_json(folder / MANIFEST, manifest)
        _remove_unreferenced(folder, manifest)
    return entry


def published_dates(folder: Path) -> list[str]:
    """Return the dates of which a list is published, ascending."""
    return sorted(_dates(folder))


def read_published(folder: Path, as_of: str, table: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a published table of a date (`latest` for the newest) and its manifest entry.

    Raises
    ------
    DataRefused
        When no list of that date was published (the dates there are get listed), or its file is lost or damaged.
    """
    for _ in range(READ_ATTEMPTS):
        try:
            return _read_once(folder, as_of, table)
        except FileNotFoundError:  # replaced between the manifest and the file: the manifest now names another
            continue
        except pa.ArrowInvalid:
            break
    raise DataRefused(
        f"the file of the list of {as_of} is lost or damaged", code="lost_list", remedy="Score that date again"
    )


def _read_once(folder: Path, as_of: str, table: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    dates = _dates(folder)
    wanted = max(dates, default="") if as_of == "latest" else as_of
    if wanted not in dates:
        source, others = folder.parent.name, _other_sources(folder)
        known = f"no list of {as_of} has been published (there are: {', '.join(sorted(dates)[-5:])})"
        raise DataRefused(
            known if dates else f"no list has been published yet of source={source}", code="no_list",
            remedy=f"Run 'churn score source={source} --as-of DATE' with the same overrides first"
            + (f", or choose another source that has lists: {', '.join(others)}" if others else ""),
        )  # fmt: skip
    entry = dates[wanted]
    file = folder / str(entry["files"].get(table))
    if file.is_file() and not file.stem.endswith(_mark(file)):
        raise pa.ArrowInvalid(f"{file} is not what was published")
    frame: pd.DataFrame = pq.read_table(file).to_pandas()
    return frame, entry


def _other_sources(folder: Path) -> list[str]:
    """Return the other sources with lists, as they are chosen: lists lie in a folder of the source's name."""
    names = (manifest.parent.parent.name for manifest in folder.parent.parent.glob(f"*/{folder.name}/{MANIFEST}"))
    return [f"source={name}" for name in sorted(names) if name != folder.parent.name]


def _dates(folder: Path) -> dict[str, dict[str, Any]]:
    dates: dict[str, dict[str, Any]] = _manifest(folder)["dates"]
    return dates


def _manifest(folder: Path) -> dict[str, Any]:
    path, remedy = folder / MANIFEST, "Restore it from a copy, or remove it and score the dates that are needed again"
    manifest: dict[str, Any] = read_json(path, remedy, _is_manifest) if path.exists() else {"dates": {}}
    return manifest


def _is_manifest(content: Any) -> bool:
    dates = content.get("dates") if isinstance(content, dict) else None
    entries = dates.values() if isinstance(dates, dict) else [None]
    return all(isinstance(entry, dict) and isinstance(entry.get("files"), dict) for entry in entries)


def _write_named_by_content(folder: Path, stem: str, table: pd.DataFrame | Path) -> tuple[str, int]:
    """Return the name of the file that was written, and its rows."""
    temporary = folder / f".{stem}.{os.getpid()}.tmp"
    rows = 0
    try:
        with temporary.open("wb") as stream:
            groups = in_groups(_read(table), ROWS_PER_GROUP)
            first = next(groups)
            with pq.ParquetWriter(stream, first.schema, compression="zstd") as writer:
                for group in chain([first], groups):
                    writer.write_table(group)
                    rows += len(group)
            stream.flush()
            os.fsync(stream.fileno())
        name = f"{stem}-{_mark(temporary)}.parquet"
        temporary.replace(folder / name)
    finally:
        temporary.unlink(missing_ok=True)
    return name, rows


def _mark(file: Path) -> str:
    """Return what a published file's name ends with: a file that was altered no longer has its name."""
    return sha256_of(file)[:12]


def _read(table: pd.DataFrame | Path) -> pa.RecordBatchReader:
    if isinstance(table, pd.DataFrame):
        return pa.Table.from_pandas(table, preserve_index=False).to_reader()
    return open_parts(table).scanner(batch_size=ROWS_PER_GROUP).to_reader()


def _remove_unreferenced(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Remove what no entry names: a replaced date's former files, and what a killed run left."""
    named = {file for entry in manifest["dates"].values() for file in entry["files"].values()}
    for path in [*folder.glob("*.parquet"), *folder.glob(".*.tmp")]:
        if path.name not in named:
            path.unlink(missing_ok=True)

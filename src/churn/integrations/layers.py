"""The layers of a source on disk: staged tables, and data sets of snapshots, labels, features and the matrix."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.errors import DataRefused, first_line
from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.features.rollup import KNOWN_ON, known_on
from churn.integrations.engine import Engine, as_written
from churn.integrations.store import (
    CURRENT,
    MANIFEST,
    code_fingerprint,
    day_fingerprints,
    fingerprint,
    has_fingerprint,
    new_folder,
    output_errors,
    read_json,
    read_manifest,
    replace_folder,
    sha256_of,
    table_fingerprint,
    write_json,
    write_table,
)
from churn.staging.stage import StagedTable

log = logging.getLogger(__name__)
KEEP_VERSIONS = 3
KNOWN_DAYS = "known_days"  # in a staged layer's manifest: an id of the events that became known on each day
FILES = "files"  # in a manifest: the SHA-256 of each file, by its name in the folder
MATRIX_ORDER = ("as_of_date", "customer_id")  # of every table of a data set
VALIDATE_AGAIN = "Run 'churn validate' with the same overrides again"
ATTRIBUTES = "attributes"  # what a data set is sliced by, kept apart from its features


@dataclass(frozen=True)
class Layer:
    """A finished folder of Parquet files with its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Id of the content."""
        return str(self.manifest["fingerprint"])

    def path(self, table: str) -> Path:
        """Return the file of one table."""
        return self.folder / f"{table}.parquet"


def source_folder(settings: ChurnSettings, layer: str) -> Path:
    """Return where a layer of the source lies."""
    return settings.paths.data / settings.source.name / layer


def write_staged(
    engine: Engine, staged: Mapping[str, StagedTable], settings: ChurnSettings, facts: Mapping[str, Any]
) -> Layer:
    """Write staged and rejected tables, then point `current.json` at them; the former version stands until then.

    Parameters
    ----------
    facts
        What else the manifest should hold (run id, rows read by table).
    """
    parent = source_folder(settings, "staged")
    building = parent / "new"
    with new_folder(building) as folder:
        prints: dict[str, str] = {}
        known_days: dict[str, str] = {}
        rows: dict[str, int] = {}
        for name, table in staged.items():
            rows[name] = write_table(engine, table.rows, folder / f"{name}.parquet")
            if name == "events":
                known_days = day_fingerprints(engine, folder / f"{name}.parquet", with_known_day(table.rows.schema()))
                prints[name] = fingerprint(known_days)
            else:
                prints[name] = table_fingerprint(engine, folder / f"{name}.parquet")
            if table.has_rejected:
                write_table(engine, table.rejected, folder / f"rejected_{name}.parquet")
        mark = fingerprint([settings.source.model_dump(mode="json", exclude={"inputs"}), prints])
        manifest = {
            "fingerprint": mark,
            "tables": prints,
            "rows": rows,
            KNOWN_DAYS: known_days,
            FILES: _marks(folder, staged),
            **facts,
        }
        write_json(folder / MANIFEST, manifest)
    target = parent / mark
    with output_errors(target):
        replace_folder(building, target)
    write_json(parent / CURRENT, {"fingerprint": mark})
    _remove_old(parent, keep=mark)
    return Layer(target, manifest)


def with_known_day(events: ibis.Schema) -> ir.Table:
    """Return the table `staged` of the events' columns, and on which day each event became known."""
    staged = ibis.table(events, name="staged")
    return staged.mutate(**{KNOWN_ON: known_on(staged)})


def recent_rows(settings: ChurnSettings) -> list[Mapping[str, int]]:
    """Return how many rows the tables of each kept staged layer had when they were read, in no order."""
    return [layer.manifest["rows_in"] for layer in kept_layers(settings) if "rows_in" in layer.manifest]


def kept_layers(settings: ChurnSettings) -> list[Layer]:
    """Return the staged layers that are kept, the current one among them, in no order."""
    folders = [path for path in source_folder(settings, "staged").glob("[!.]*") if path.is_dir()]
    return [Layer(folder, manifest) for folder in folders if (manifest := read_manifest(folder))]


def read_staged(settings: ChurnSettings) -> Layer:
    """Return the current staged layer.

    Raises
    ------
    DataRefused
        When the source has not been validated, or its settings have changed since.
    """
    parent = source_folder(settings, "staged")
    pointer = parent / CURRENT
    manifest = read_manifest(parent / _pointed_at(pointer)) if pointer.is_file() else None
    if manifest is None:
        raise DataRefused(
            f"source '{settings.source.name}' has no staged tables",
            code="not_staged",
            remedy="Run 'churn validate' with the same overrides first",
        )
    layer = Layer(parent / str(manifest["fingerprint"]), manifest)
    expected = fingerprint([settings.source.model_dump(mode="json", exclude={"inputs"}), manifest["tables"]])
    if expected != layer.fingerprint:
        raise DataRefused(
            f"the settings of source '{settings.source.name}' have changed since it was staged",
            code="stale_staged",
            remedy=VALIDATE_AGAIN,
        )
    return layer


def _pointed_at(pointer: Path) -> str:
    return str(read_json(pointer, VALIDATE_AGAIN, has_fingerprint)["fingerprint"])


def open_tables(engine: Engine, layer: Layer) -> dict[str, ir.Table]:
    """Return the staged tables as expressions over their Parquet files.

    Raises
    ------
    DataRefused
        When a file is gone or damaged, or another than was written: a flipped bit may well read as another number.
    """
    for table, file in _altered(layer).items():
        raise DataRefused(
            f"{file} is gone or was altered after it was staged", table=table, code="broken_file", remedy=VALIDATE_AGAIN
        )
    return {name: _open_table(engine, layer.path(name), name) for name in layer.manifest["tables"]}


def _open_table(engine: Engine, path: Path, name: str) -> ir.Table:
    try:
        return engine.backend.read_parquet(as_written(path), table_name=f"stg_{name}")
    except Exception as error:
        raise DataRefused(
            f"the staged table {path} cannot be read: {first_line(error)}",
            table=name,
            code="broken_file",
            remedy=VALIDATE_AGAIN,
        ) from error


def dataset_key(settings: ChurnSettings, staged: Layer) -> str:
    """Return the id of the data set that these settings and this code build from these staged tables."""
    problem = settings.model_dump(mode="json", include=set(Problem.model_fields), exclude={"features": {"mode"}})
    return fingerprint(
        [staged.fingerprint, problem, code_fingerprint("churn.core", "churn.snapshots", "churn.features")]
    )


def write_dataset(
    engine: Engine,
    tables: Mapping[str, ir.Table],
    settings: ChurnSettings,
    key: str,
    facts: Mapping[str, Any],
) -> tuple[Layer, dict[str, int]]:
    """Write the tables of a data set, each in the order of `MATRIX_ORDER`, and return it with their row counts."""
    target = source_folder(settings, "datasets") / key
    with new_folder(target) as folder:
        rows = {
            name: write_table(engine, table, folder / f"{name}.parquet", MATRIX_ORDER) for name, table in tables.items()
        }
        manifest = {"fingerprint": key, "rows": rows, FILES: _marks(folder, tables), **facts}
        write_json(folder / MANIFEST, manifest)
    return Layer(target, read_json(target / MANIFEST)), rows


def find_dataset(settings: ChurnSettings, staged: Layer) -> Layer | None:
    """Return the data set of these settings, or None where it has not been built, or a file of it is not as it was."""
    target = source_folder(settings, "datasets") / dataset_key(settings, staged)
    manifest = read_manifest(target)
    if manifest is None or FILES not in manifest:
        return None
    found = Layer(target, manifest)
    altered = _altered(found)
    for file in altered.values():
        log.warning("%s is gone or was altered after it was built: the data set is built again", file)
    return None if altered else found


def _marks(folder: Path, tables: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file of some tables, by its name in the folder; a table may be a folder of parts."""
    paths = [folder / f"{name}.parquet" for name in tables]
    files = [file for path in paths for file in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])]
    return {str(file.relative_to(folder)): sha256_of(file) for file in files}


def _altered(layer: Layer) -> dict[str, Path]:
    """Return by table a file of a layer that is gone, or holds other bytes than were written."""
    marks = {layer.folder / name: mark for name, mark in layer.manifest.get(FILES, {}).items()}
    others = [file for file, mark in marks.items() if not file.is_file() or sha256_of(file) != mark]
    return {file.relative_to(layer.folder).parts[0].removesuffix(".parquet"): file for file in others}


def _remove_old(parent: Path, keep: str) -> None:
    folders = [p for p in parent.iterdir() if p.is_dir() and p.name != keep and not p.name.startswith(".")]
    for folder in sorted(folders, key=lambda p: p.stat().st_mtime, reverse=True)[KEEP_VERSIONS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)

"""The rollup of events on disk: one Parquet file per day of `known_at`, and per block of days.

A file is named by its days, an id of the facts that became known on them (kept with the staged tables) and the checksum
of its bytes. So one that is half written, damaged, or summed from facts that have changed since is never read: it is
made again, and nothing else is. Files of one choice of event types and one version of the code share a folder.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow.parquet as pq

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.core.windows import Block, cover_segments
from churn.features.rollup import KEYS, KNOWN_ON, LONGEST_DAYS, merge_blocks, sum_days
from churn.features.segments import SegmentPlan
from churn.integrations.engine import Engine, as_written
from churn.integrations.layers import KEEP_VERSIONS, KNOWN_DAYS, Layer, kept_layers, open_tables, source_folder
from churn.integrations.locks import WRITE_LOCK, hold_lock
from churn.integrations.store import MANIFEST, code_fingerprint, fingerprint, output_errors, sha256_of, write_json

log = logging.getLogger(__name__)
LAYER, TABLE, BUILDING = "rollup", "events", "building"
BATCH_DAYS = 32  # summed or merged in one pass when many are missing; bounds memory
PATIENCE_SECONDS = 600.0  # for another stage that sums the same days


@dataclass(frozen=True)
class Rollup:
    """The rollup of a staged layer: whatever is missing is summed when it is asked for.

    `customers`, where given, are the only ones asked about (a table with `customer_id`).
    """

    engine: Engine
    staged: Layer
    root: Path
    versions: Sequence[Mapping[str, str]]
    customers: ir.Table | None = None

    def sums(self, plan: SegmentPlan, event_types: Sequence[str], value_types: Sequence[str]) -> ir.Table | None:
        """Return the sums of all blocks of days that cover a plan; None where nothing became known on them.

        Raises
        ------
        RunLocked
            When another stage sums the same days and does not come to an end.
        OutputFailed
            When a file cannot be written.
        """
        folder = self._folder(event_types, value_types)
        wanted = [block for block in cover_segments(plan.segments, LONGEST_DAYS) if self._mark(block)]
        if not wanted:
            return None
        with hold_lock(self.root / WRITE_LOCK, wait_seconds=PATIENCE_SECONDS), output_errors(self.root):
            shutil.rmtree(self.root / BUILDING, ignore_errors=True)  # of a run that was killed
            files = _Files(folder)
            missing = list(dict.fromkeys(part for block in wanted for part in self._missing(files, block)))
            self._write_days(files, [block for block in missing if block.days == 1], event_types, value_types)
            self._write_blocks(files, [block for block in missing if block.days > 1])
            self._remove_stale(folder)
        days = sum(block.days == 1 for block in missing)
        log.info("rollup: %s days summed, %s blocks merged", days, len(missing) - days)
        sums = self._read(files, wanted)
        return sums if self.customers is None else sums.semi_join(self.customers, "customer_id")

    def _folder(self, event_types: Sequence[str], value_types: Sequence[str]) -> Path:
        """Return the folder of files summed with these types by this code, made and marked as used."""
        code = code_fingerprint("churn.core", "churn.features")
        about = {"event_types": list(event_types), "value_types": list(value_types), "code": code}
        folder = self.root / fingerprint(about)
        if not (folder / MANIFEST).is_file():
            write_json(folder / MANIFEST, about)
        os.utime(folder)
        return folder

    def _mark(self, block: Block, version: Mapping[str, str] | None = None) -> str:
        """Return the id of what became known on the days of a block, empty where nothing did."""
        prints = self.versions[0] if version is None else version
        known = [(str(day), prints[str(day)]) for day in block.dates() if str(day) in prints]
        return fingerprint(known) if known else ""

    def _name(self, block: Block, version: Mapping[str, str] | None = None) -> str:
        return f"{block.first}_{block.days}d_{self._mark(block, version)}"

    def _missing(self, files: _Files, block: Block) -> Iterator[Block]:
        """Yield what has to be written to have a block: the halves that are not there before it."""
        if not self._mark(block) or files.has(self._name(block)):
            return
        if block.days > 1:
            for half in block.halves():
                yield from self._missing(files, half)
        yield block

    def _write_days(
        self, files: _Files, days: Sequence[Block], event_types: Sequence[str], value_types: Sequence[str]
    ) -> None:
        """Sum days out of the staged events, many in one pass."""
        events = open_tables(self.engine, self.staged)[TABLE] if days else None
        for some in _in_order(days, BATCH_DAYS):
            stretch = Block(some[0].first, (some[-1].first - some[0].first).days + 1)
            self._write(files, some, sum_days(events, stretch, event_types, value_types))

    def _write_blocks(self, files: _Files, blocks: Sequence[Block]) -> None:
        """Merge blocks out of their halves, some in one pass, shorter ones first."""
        for days in sorted({block.days for block in blocks}):
            for some in _in_order([block for block in blocks if block.days == days], BATCH_DAYS):
                halves = [half for block in some for half in block.halves() if self._mark(half)]
                self._write(files, some, merge_blocks(self._read(files, halves), days))

    def _write(self, files: _Files, blocks: Sequence[Block], sums: ir.Table) -> None:
        """Write the file of each block: aside, whole and on the disk, before it gets its name."""
        aside = self.root / BUILDING / "sums.parquet"
        aside.parent.mkdir(parents=True, exist_ok=True)
        rows = sums.order_by([KNOWN_ON, *KEYS]).to_pyarrow()
        known = rows[KNOWN_ON].to_numpy()
        for block in blocks:
            start, end = (int(np.searchsorted(known, np.datetime64(block.last), side)) for side in ("left", "right"))
            with aside.open("wb") as stream:
                pq.write_table(rows.drop_columns([KNOWN_ON]).slice(start, end - start), stream, compression="zstd")
                stream.flush()
                os.fsync(stream.fileno())
            files.take(aside, self._name(block))

    def _read(self, files: _Files, blocks: Sequence[Block]) -> ir.Table:
        paths = [as_written(files.path(self._name(block))) for block in blocks]
        table: ir.Table = self.engine.backend.read_parquet(paths)
        return table

    def _remove_stale(self, used: Path) -> None:
        """Remove files of facts that no kept staged layer has, and folders that have not been used for long."""
        for path in used.glob("*.parquet"):
            if _without_sum(path) not in {self._name(_block_of(path), version) for version in self.versions}:
                path.unlink()
        folders = [path for path in self.root.iterdir() if path.is_dir() and path.name != BUILDING]
        for folder in sorted(folders, key=lambda p: p.stat().st_mtime, reverse=True)[KEEP_VERSIONS:]:
            shutil.rmtree(folder)


class _Files:
    """The files of a folder by their names, each followed by the checksum of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = {_without_sum(path): path for path in folder.glob("*.parquet")}
        self._whole: set[str] = set()

    def has(self, name: str) -> bool:
        """Return whether there is a file of that name whose bytes are those that were written."""
        if name in self._paths and name not in self._whole and sha256_of(self._paths[name]) in self._paths[name].stem:
            self._whole.add(name)
        return name in self._whole

    def path(self, name: str) -> Path:
        """Return a file by its name."""
        return self._paths[name]

    def take(self, whole: Path, name: str) -> None:
        """Give a finished file its name; a damaged one of that name is gone."""
        target = self.folder / f"{name}_{sha256_of(whole)}.parquet"
        if name in self._paths:
            self._paths[name].unlink()
        self._paths[name] = whole.replace(target)
        self._whole.add(name)


def open_rollup(engine: Engine, staged: Layer, settings: ChurnSettings) -> Rollup | None:
    """Return the rollup of a staged layer where the settings ask for it and the company has events.

    Raises
    ------
    ConfigRefused
        When the engine is not the embedded one, or the tables were staged before days had ids.
    """
    if settings.features.mode == "full" or TABLE not in staged.manifest["tables"]:
        return None
    if settings.engine.kind != "duckdb":
        raise ConfigRefused(["features.mode: the rollup is kept by the embedded engine; use full with engine=spark"])
    if KNOWN_DAYS not in staged.manifest:
        raise ConfigRefused(["features.mode: the tables were staged before days had ids; run 'churn validate' again"])
    others = [layer.manifest.get(KNOWN_DAYS, {}) for layer in kept_layers(settings)]
    return Rollup(engine, staged, source_folder(settings, LAYER), (staged.manifest[KNOWN_DAYS], *others))


def _in_order(blocks: Sequence[Block], most_days: int) -> Iterator[list[Block]]:
    """Yield blocks of one length, ascending, as many at a time as lie within `most_days` days."""
    left = sorted(blocks)
    while left:
        some = [block for block in left if (block.last - left[0].first).days < max(most_days, 4 * block.days)]
        yield some
        left = left[len(some) :]


def _without_sum(path: Path) -> str:
    return path.stem.rpartition("_")[0]


def _block_of(path: Path) -> Block:
    first, days, *_ = path.stem.split("_")
    return Block(date.fromisoformat(first), int(days.removesuffix("d")))

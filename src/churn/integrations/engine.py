"""Where expressions run: DuckDB inside this process, or Spark; each with UTC and a scratch folder of its own."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from churn.core.errors import ChurnError, OutOfMemory, OutputFailed, first_line
from churn.core.settings import EngineSettings
from churn.integrations.stale_runs import process_name

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    OnBatch = Callable[[pa.RecordBatch], pa.RecordBatch]

log = logging.getLogger(__name__)
UNSORTED = "rows_to_sort"  # a view for as long as they are written


class Engine(Protocol):
    """What a stage needs of an engine. Its scratch folder vanishes at the end."""

    @property
    def backend(self) -> Any:
        """Return the Ibis backend that runs expressions."""

    @property
    def scratch(self) -> Path:
        """Return the folder for spills and transcoded files."""

    def run(self, sql: str) -> Any:
        """Run a statement of DuckDB, the engine of all that is not an expression, and return all its rows."""

    def define(self, name: str, select: str) -> ir.Table:
        """Make a view of a SELECT over views, replacing one of that name, and return it as an expression."""

    def write(self, table: ir.Table, path: Path) -> None:
        """Write an expression as Parquet: one file, or a folder of parts in the order of the rows."""

    def write_sorted(self, table: ir.Table, order: Sequence[str], path: Path) -> None:
        """Write an expression over what lies ready, as `write` does, its rows in the order of some columns."""

    def write_mapped(self, table: ir.Table, on_batch: OnBatch, schema: pa.Schema, path: Path) -> None:
        """Write what a function makes of the rows, batch by batch, as Parquet; what rows share a batch is left open."""

    def interrupt(self) -> None:
        """End the running query at once; called from another thread."""


@dataclass(frozen=True)
class DuckEngine:
    """DuckDB inside this process."""

    backend: Any
    scratch: Path
    rows_per_batch: int
    rows_per_sort: int | None

    def run(self, sql: str) -> Any:
        """Run a statement on the underlying connection and return all its rows."""
        return self.backend.con.execute(sql).fetchall()

    def define(self, name: str, select: str) -> ir.Table:
        """Make a view of a SELECT and return it as an expression."""
        self.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS {select}")
        return self.backend.table(name)

    def write(self, table: ir.Table, path: Path) -> None:
        """Write an expression as one Parquet file."""
        table.to_parquet(path, compression="zstd")

    def write_sorted(self, table: ir.Table, order: Sequence[str], path: Path) -> None:
        """Write an expression as one Parquet file, sorted some values of the first column at a time.

        So many wide rows are sorted in memory instead of spilling. Arrow does it, column by column, and encodes them:
        DuckDB takes twice the work for either, and a single thread for the latter, unless its memory limit is above
        16 MiB for each column and thread but one.
        """
        import pyarrow.parquet as pq

        from churn.integrations.streams import slices_of, sort_rows

        rows = self._view(UNSORTED, table)
        first = rows[order[0]]
        counts = self._read(rows.group_by(value=first).agg(rows=rows.count()).order_by("value")).read_all()
        slices = slices_of([(row["value"], row["rows"]) for row in counts.to_pylist()], self.rows_per_sort)
        parts = [rows.filter(first.between(*ends)) for ends in slices] if len(slices) > 1 else [rows]
        head = self._read(parts[0])
        with pq.ParquetWriter(path, head.schema, compression="zstd") as writer:
            for stream in chain([head], map(self._read, parts[1:])):
                writer.write_table(sort_rows(stream.read_all(), order), row_group_size=self.rows_per_batch)
        self.run(f"DROP VIEW {UNSORTED}")

    def _view(self, name: str, table: ir.Table) -> ir.Table:
        """Return an expression as a view, so that it is compiled once; the engine is not asked for its columns."""
        import ibis

        self.backend._run_pre_execute_hooks(table)
        self.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {self.backend.compile(table)}")
        return ibis.table(table.schema(), name=name)

    def write_mapped(self, table: ir.Table, on_batch: OnBatch, schema: pa.Schema, path: Path) -> None:
        """Write what a function makes of the rows as one Parquet file; one batch is in memory at a time."""
        import pyarrow.parquet as pq

        from churn.integrations.streams import in_groups

        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in in_groups(self._read(table), self.rows_per_batch):
                for batch in part.to_batches():
                    writer.write_batch(on_batch(batch))

    def _read(self, table: ir.Table) -> pa.RecordBatchReader:
        """Return the rows of an expression as a stream."""
        self.backend._run_pre_execute_hooks(table)
        rows = self.backend.con.sql(self.backend.compile(table))  # Ibis 12 asks for a reader by a name now gone
        return rows.to_arrow_reader(self.rows_per_batch)

    def interrupt(self) -> None:
        """End the running query at once."""
        self.backend.con.interrupt()


@contextmanager
def open_engine(settings: EngineSettings, parent: Path | None = None) -> Iterator[Engine]:
    """Open the configured engine; its scratch folder is removed on the way out, whatever happened.

    The folder is named after the process, so that what a killed one left can be told.

    Parameters
    ----------
    settings
        Which engine, and its limits.
    parent
        Where the scratch folder is made; by default the system's temporary folder.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    import ibis  # slow to load, and needed once there is something to run

    # DuckDB merges SELECTs by itself, and Ibis takes half the time of compiling for it
    ibis.options.sql.fuse_selects = settings.kind != "duckdb"
    with tempfile.TemporaryDirectory(prefix=f"churn-{process_name().replace(':', '-')}-", dir=parent) as folder:
        if settings.kind == "spark":
            from churn.integrations.spark import open_spark  # only those who ask for it have it installed

            with open_spark(settings, Path(folder)) as spark:
                yield spark
            return
        backend = ibis.duckdb.connect()
        engine = DuckEngine(backend, Path(folder), settings.rows_per_batch, settings.rows_per_group)
        engine.run("SET TimeZone = 'UTC'")
        engine.run(f"SET memory_limit = '{settings.memory_limit}'")
        engine.run(f"SET temp_directory = '{quoted(Path(folder) / 'spill')}'")
        engine.run("SET preserve_insertion_order = true")
        engine.run("SET autoinstall_known_extensions = false")  # a SELECT that names one would wait minutes for the net
        if settings.threads is not None:
            engine.run(f"SET threads = {settings.threads}")
        ibis.set_backend(backend)
        yield engine  # not disconnected: cached tables drop themselves, on this connection, when they are collected


def shortage(error: BaseException) -> ChurnError | None:
    """Return what the engine lacked, memory or disk, where that and not the data is what went wrong."""
    said = first_line(error)
    if said.startswith("Out of Memory Error"):
        return OutOfMemory(
            f"the engine needs more memory than engine.memory_limit grants ({said}); raise it, or lower "
            "engine.threads; what was there before is untouched"
        )
    if "No space left" in said:
        return OutputFailed(f"the disk is full ({said}); what was there before is untouched")
    return None


def owner_of(scratch: Path) -> str:
    """Return the name of the process that a scratch folder was made by."""
    host, _, pid = scratch.name.removeprefix("churn-").rpartition("-")[0].rpartition("-")
    return f"{host}:{pid}"


def quoted(value: object) -> str:
    """Return text safe inside single quotes of an SQL literal."""
    return str(value).replace("'", "''")


def identifier(name: str) -> str:
    """Return a name quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'

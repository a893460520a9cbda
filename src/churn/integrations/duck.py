"""DuckDB inside this process as the engine of expressions, through Ibis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.core.settings import EngineSettings
from churn.integrations.engine import identifier, quoted

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from churn.integrations.engine import OnBatch

UNSORTED = "rows_to_sort"  # a view for as long as they are written


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
        """Write an expression as one Parquet file, sorted a part of the rows at a time; the order knows no nulls.

        So many wide rows are sorted in memory instead of spilling. Arrow does it, column by column, and encodes them:
        DuckDB takes twice the work for either, and a single thread for the latter, unless its memory limit is above
        16 MiB for each column and thread but one.
        """
        import pyarrow.parquet as pq

        from churn.integrations.streams import sort_rows

        parts = self._parts(self._view(UNSORTED, table), order)
        head = self._read(parts[0])
        with pq.ParquetWriter(path, head.schema, compression="zstd") as writer:
            for stream in chain([head], map(self._read, parts[1:])):
                writer.write_table(sort_rows(stream.read_all(), order), row_group_size=self.rows_per_batch)
        self.run(f"DROP VIEW {UNSORTED}")

    def _parts(self, rows: ir.Table, order: Sequence[str]) -> list[ir.Table]:
        """Return rows in consecutive parts of about `rows_per_sort`: stretches of the first column of the order.

        One value of it with more rows is parted into stretches of the second.
        """
        from churn.integrations.streams import slices_of

        first, second = (rows[name] for name in order[:2])
        counts = self._read(rows.group_by(value=first).agg(rows=rows.count()).order_by("value")).read_all()
        rows_of = {row["value"]: row["rows"] for row in counts.to_pylist()}
        parts = []
        for low, high in slices_of(list(rows_of.items()), self.rows_per_sort):
            part = rows.filter(first.between(low, high))
            pieces = -(-rows_of[low] // self.rows_per_sort) if low == high and self.rows_per_sort else 1
            parts += [part.filter(within) for within in self._stretches(part, second, pieces)] if pieces > 1 else [part]
        return parts if len(parts) > 1 else [rows]

    def _stretches(self, rows: ir.Table, column: ir.Column, pieces: int) -> list[list[ir.BooleanValue]]:
        """Return what holds in each of so many consecutive stretches of a column with about as many rows each."""
        values, places = self.backend.compile(rows.select(value=column)), [n / pieces for n in range(1, pieces)]
        edges = sorted(set(self.run(f"SELECT quantile_disc(value, {places}) FROM ({values})")[0][0]))
        return [[column < edges[0]], *([column >= a, column < b] for a, b in pairwise(edges)), [column >= edges[-1]]]

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


def open_duck(settings: EngineSettings, scratch: Path) -> DuckEngine:
    """Return a new engine that spills into a scratch folder, set as the backend of Ibis.

    It is not disconnected: cached tables drop themselves, on this connection, when they are collected.
    """
    import ibis  # slow to load, and needed once there is something to run

    engine = DuckEngine(ibis.duckdb.connect(), scratch, settings.rows_per_batch, settings.rows_per_group)
    engine.run("SET TimeZone = 'UTC'")
    engine.run(f"SET memory_limit = '{settings.memory_limit}'")
    engine.run(f"SET temp_directory = '{quoted(scratch / 'spill')}'")
    engine.run("SET preserve_insertion_order = true")
    engine.run("SET autoinstall_known_extensions = false")  # a SELECT that names one would wait minutes for the net
    if settings.threads is not None:
        engine.run(f"SET threads = {settings.threads}")
    ibis.set_backend(engine.backend)
    return engine

"""DuckDB as the hand-written ways use it: a memory limit, a folder to spill to, and the cohort as a table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.feature_work.work import Work, snapshots


def open_work(work: Work, folder: Path, out: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Return a connection with the table `snapshots`; it spills beside `out`."""
    con = duckdb.connect()
    con.execute(f"SET memory_limit = '{memory_limit}'; SET temp_directory = '{out.parent / 'spill'}'")
    con.register("cohort", pa.concat_tables(list(snapshots(work, folder))))
    con.execute("CREATE TABLE snapshots AS SELECT * FROM cohort")
    return con

"""Spark as the engine of expressions, through Ibis; what is no expression (counting written rows) stays with DuckDB."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from churn.core.errors import DependencyDown, first_line
from churn.core.settings import EngineSettings
from churn.core.source import InputSettings
from churn.integrations.engine import quoted
from churn.integrations.raw_files import is_csv
from churn.integrations.spark_backend import connect

if TYPE_CHECKING:
    from churn.integrations.engine import OnBatch

UNLESS_STATED = {
    "spark.driver.memory": "2g",  # plans of hundreds of features do not fit into Spark's own 1g
    "spark.buffer.pageSize": "1m",  # each of a hundred sorts in a wide plan holds one; Spark's own are up to 64 MB
    "spark.driver.defaultJavaOptions": "-XX:+ExitOnOutOfMemoryError",  # else a driver without memory waits for ever
}
PINNED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # What is kept of past queries for a page that is off: a thousand plans of hundreds of columns fill 1 GB.
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "10",
    "spark.ui.retainedStages": "10",
    "spark.sql.maxPlanStringLength": "10000",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.executorEnv.OMP_WAIT_POLICY": "PASSIVE",  # tasks that share a machine must not spin while they wait
}


@dataclass(frozen=True)
class SparkEngine:
    """A Spark session, and a DuckDB connection that reads what it has written."""

    backend: Any
    scratch: Path
    session: Any
    files: Any

    def run(self, sql: str) -> Any:
        """Run a statement of DuckDB on files and return all its rows."""
        return self.files.execute(sql).fetchall()

    def define(self, name: str, select: str) -> ir.Table:
        """Make a temporary view of a SELECT, in Spark's SQL, and return it as an expression."""
        self.session.sql(select).createOrReplaceTempView(name)
        return self.backend.table(name)

    def read_files(self, name: str, files: Sequence[Path], settings: InputSettings) -> None:
        """Make a temporary view of Parquet or CSV files; columns of CSV are all text, as ever."""
        paths = [str(file) for file in files]
        if is_csv(files, settings):
            options = {"header": not settings.columns, "sep": settings.delimiter, "encoding": settings.encoding,
                       "quote": '"', "escape": '"', "multiLine": "true", "mode": "FAILFAST"}  # fmt: skip
            rows = self.session.read.options(**options).csv(paths)
            rows = rows.toDF(*settings.columns) if settings.columns else rows
        else:
            rows = self.session.read.option("mergeSchema", "true").parquet(*paths)
        rows.createOrReplaceTempView(name)

    def write(self, table: ir.Table, path: Path) -> None:
        """Write an expression as a folder of Parquet parts, in the order of the rows."""
        self._save(self._rows(table), path)

    def write_sorted(self, table: ir.Table, order: Sequence[str], path: Path) -> None:
        """Write an expression as a folder of Parquet parts, its rows in the order of some columns."""
        self.write(table.order_by(*order), path)

    def write_mapped(self, table: ir.Table, on_batch: OnBatch, schema: pa.Schema, path: Path) -> None:
        """Write what a function makes of the rows as a folder of Parquet parts; it runs where the rows are."""
        from pyspark.sql.pandas.types import from_arrow_schema

        def on_part(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return (on_batch(batch) for batch in batches if batch.num_rows)

        with _worker_errors():
            self._save(self._rows(table).mapInArrow(on_part, from_arrow_schema(schema)), path)

    def _rows(self, table: ir.Table) -> Any:
        """Return the rows of an expression as Spark has them."""
        self.backend._run_pre_execute_hooks(table)
        return self.session.sql(self.backend.compile(table))

    def _save(self, rows: Any, path: Path) -> None:
        rows.write.parquet(str(path), compression="zstd")
        for left in (*path.glob("_SUCCESS"), *path.glob(".*.crc")):
            left.unlink()

    def interrupt(self) -> None:
        """Cancel all jobs of the session."""
        self.session.sparkContext.cancelAllJobs()


@contextmanager
def _worker_errors() -> Iterator[None]:
    """Say in one line that a worker lacks packages; what else went wrong there stays as it is."""
    from pyspark.errors import PythonException

    try:
        yield
    except PythonException as error:
        said = str(error).strip().splitlines()[-1]
        if "ModuleNotFoundError" not in said:
            raise
        raise DependencyDown(
            f"engine=spark: a worker cannot run this project's Python ({said}); give every worker the same environment "
            "and name it in PYSPARK_PYTHON (docs/spark.md)"
        ) from error


@contextmanager
def open_spark(settings: EngineSettings, scratch: Path) -> Iterator[SparkEngine]:
    """Open a Spark session at the configured address; it is stopped on the way out.

    Raises
    ------
    DependencyDown
        When pyspark or Java is not there, or the master does not answer.
    """
    import duckdb

    session = _start(settings, scratch)
    files = duckdb.connect()
    try:
        files.execute("SET TimeZone = 'UTC'")
        files.execute(f"SET memory_limit = '{settings.memory_limit}'")
        files.execute(f"SET temp_directory = '{quoted(scratch / 'spill')}'")
        backend = connect(session)
        ibis.set_backend(backend)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
            yield SparkEngine(backend, scratch, session, files)
    finally:
        session.stop()
        files.close()


def missing_spark() -> str | None:
    """Return what is not there that Spark needs, or None."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed: pip install -e '.[spark]'"
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").is_file())):
        return "there is no Java: install a runtime of version 17 or newer, or set JAVA_HOME"
    return None


def _start(settings: EngineSettings, scratch: Path) -> Any:
    problem = missing_spark()
    if problem:
        raise DependencyDown(f"engine=spark: {problem}")
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take any python3 they find
    is_local = settings.master.startswith("local")
    builder = SparkSession.builder.master(settings.master).appName("churn")
    places = {"spark.sql.warehouse.dir": str(scratch / "warehouse"), "spark.local.dir": str(scratch / "spill")}
    batches = {"spark.sql.execution.arrow.maxRecordsPerBatch": str(settings.rows_per_batch)}
    alone = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"} if is_local else {}
    for key, value in {**UNLESS_STATED, **places, **batches, **alone, **settings.options, **PINNED}.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise DependencyDown(f"engine=spark: no session at {settings.master} ({first_line(error)})") from error
    session.sparkContext.setLogLevel("ERROR")
    return session

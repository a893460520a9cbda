"""Spark as the engine of expressions, through Ibis; what is no expression (counting written rows) stays with DuckDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from churn.core.errors import DependencyDown
from churn.core.settings import EngineSettings
from churn.core.source import InputSettings
from churn.integrations.engine import quoted
from churn.integrations.raw_files import is_csv

PINNED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
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
            options = {"header": "true", "sep": settings.delimiter, "encoding": settings.encoding, "quote": '"',
                       "escape": '"', "multiLine": "true", "mode": "FAILFAST"}  # fmt: skip
            rows = self.session.read.options(**options).csv(paths)
        else:
            rows = self.session.read.option("mergeSchema", "true").parquet(*paths)
        rows.createOrReplaceTempView(name)

    def write(self, table: ir.Table, path: Path) -> None:
        """Write an expression as a folder of Parquet parts, in the order of the rows."""
        self.backend.to_parquet(table, path, compression="zstd")
        for left in (*path.glob("_SUCCESS"), *path.glob(".*.crc")):
            left.unlink()

    def interrupt(self) -> None:
        """Cancel all jobs of the session."""
        self.session.sparkContext.cancelAllJobs()


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
        backend = _connect(session)
        ibis.set_backend(backend)
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

    is_local = settings.master.startswith("local")
    builder = SparkSession.builder.master(settings.master).appName("churn")
    places = {"spark.sql.warehouse.dir": str(scratch / "warehouse"), "spark.local.dir": str(scratch / "spill")}
    alone = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"} if is_local else {}
    for key, value in {**places, **alone, **settings.options, **PINNED}.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        said = str(error).splitlines()[0]
        raise DependencyDown(f"engine=spark: no session at {settings.master} ({said})") from error
    session.sparkContext.setLogLevel("ERROR")
    return session


def _connect(session: Any) -> Any:
    """Return an Ibis backend on a session, with two gaps of Ibis 12 filled."""
    from ibis.backends.pyspark import Backend
    from ibis.backends.sql.compilers.pyspark import PySparkCompiler

    class SparkCompiler(PySparkCompiler):  # type: ignore[misc]
        """Spark has `bit_or`; Ibis does not say so."""

        def visit_BitOr(self, op: ops.BitOr, *, arg: Any, where: Any) -> Any:  # noqa: N802, ARG002
            """Join the bits of a group."""
            return self.agg.bit_or(arg, where=where)

    class SparkBackend(Backend):  # type: ignore[misc]
        """Tables held in memory are registered before they are part of one that is cached; Ibis forgets to."""

        compiler = SparkCompiler()

        def _create_cached_table(self, name: str, expr: ir.Expr) -> ir.Table:
            self._run_pre_execute_hooks(expr)
            return super()._create_cached_table(name, expr)

    _ = ibis.pyspark  # registers the options that its compiler reads
    return SparkBackend().connect(session)

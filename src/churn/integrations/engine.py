"""What a stage needs of an engine, whichever it is, and the words that all who speak SQL to one share."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from churn.core.errors import ChurnError, DataRefused, OutOfMemory, OutputFailed, first_line

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    OnBatch = Callable[[pa.RecordBatch], pa.RecordBatch]


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


def lost_file(error: BaseException) -> DataRefused | None:
    """Return the refusal of a file that went away while the engine was at work on it, if that is what went wrong."""
    found = re.search(r'No files found that match the pattern "([^"]+)"', str(error))
    if found is None:
        return None
    return DataRefused(
        f"{found[1]} was there at the start and is gone: another run, or somebody, removed it meanwhile",
        code="lost_file",
        remedy="Run it again; run 'churn validate' with the same overrides first where nobody else has",
    )


def quoted(value: object) -> str:
    """Return text safe inside single quotes of an SQL literal."""
    return str(value).replace("'", "''")


def as_written(path: Path) -> str:
    """Return a path so that an engine reads the file of that very name and takes no sign of it for a pattern.

    Examples
    --------
    >>> as_written(Path("events[1].csv"))
    'events[[]1].csv'
    """
    return glob.escape(str(path))


def file_literal(path: Path) -> str:
    """Return the SQL literal by which an engine reads this very file."""
    return f"'{quoted(as_written(path))}'"


def identifier(name: str) -> str:
    """Return a name quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(engine: Engine, relation: str) -> dict[str, str]:
    """Return the columns of a relation with their types."""
    return {row[0]: row[1] for row in engine.run(f"DESCRIBE SELECT * FROM {relation}")}

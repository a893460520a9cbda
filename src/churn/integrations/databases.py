"""Tables of a PostgreSQL database as engine relations, copied once to the scratch folder.

The address, password included, comes from an environment variable that the source names; it is never part of the
configuration, a log line or an error.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq

from churn.core.errors import ChurnError, ConfigRefused, DataRefused, DependencyDown, first_line
from churn.core.source import InputSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.engine import Engine, file_literal
from churn.integrations.store import output_errors

ROWS_PER_BATCH = 100_000
DIGITS = 38  # of the longest decimal that Arrow and DuckDB have
FIRST, LAST = "0001-01-01 12:00:00", "9999-12-31"  # noon and midnight: the same day in whatever zone the session has


def database_relation(engine: Engine, name: str, settings: InputSettings) -> str:
    """Return the SQL relation over a copy of a database table, streamed in batches.

    Raises
    ------
    ConfigRefused
        When the environment variable is not set.
    DependencyDown
        When the database does not answer, or stops while it is read.
    DataRefused
        When the table is not there.
    """
    variable = str(settings.connection_env)
    url = os.environ.get(variable)
    if not url:
        raise ConfigRefused([f"source.inputs.{name}.connection_env: the environment variable {variable} is not set"])
    try:
        backend = ibis.connect(url)
    except ImportError as error:
        raise DependencyDown("reading a database needs the extra 'postgres': pip install 'churn[postgres]'") from error
    except Exception as error:  # noqa: BLE001 - every driver has its own; none may print the address
        raise _down(f"input '{name}': the database named by {variable} does not answer", error, url) from None
    try:
        return _copy_table(backend, engine, name, str(settings.table))
    except ChurnError:
        raise
    except Exception as error:  # noqa: BLE001
        problem = f"input '{name}': table '{settings.table}' of the database named by {variable} cannot be read"
        raise _down(problem, error, url) from None
    finally:
        backend.disconnect()


def _copy_table(backend: ibis.BaseBackend, engine: Engine, name: str, table: str) -> str:
    schema, _, bare = table.rpartition(".")
    known = backend.list_tables(database=schema or None)
    if bare not in known:
        raise DataRefused(
            f"the database has no table '{table}' that its user may read{did_you_mean(bare, known)}",
            table=name,
            code="missing_table",
            remedy="Correct table: on this input, or let the user read it",
        )
    target = engine.scratch / f"{name}.parquet"
    found = backend.table(bare, database=schema or None)
    reader = found.mutate(**{c: _for_arrow(found[c]) for c in found.columns}).to_pyarrow_batches(
        chunk_size=ROWS_PER_BATCH
    )
    with output_errors(target), pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return f"read_parquet({file_literal(target)})"


def _for_arrow(column: ir.Value) -> ir.Value:
    """Return a column so that the driver has a value for whatever the database holds, and Arrow a type for it.

    UUIDs, JSON and the like go as text, and so do numbers of any precision, which keep their digits; NaN is null. Times
    that Python does not know (`infinity`, before Christ) become the first or last day it does, for staging to judge.
    """
    kind = column.type()
    if kind.is_decimal() and kind.precision is not None and kind.precision <= DIGITS:
        return column.nullif(ibis.literal("NaN").cast(kind))
    if kind.is_timestamp() or kind.is_date():
        first, last = (ibis.literal(day).cast(kind) for day in (FIRST, LAST))
        return ibis.cases((column < first, first), (column > last, last), else_=column)
    is_plain = kind.is_string() or kind.is_integer() or kind.is_floating() or kind.is_boolean()
    return column if is_plain or kind.is_time() or kind.is_binary() else column.cast("string")


def _down(problem: str, error: Exception, url: str) -> DependencyDown:
    return DependencyDown(f"{problem} ({type(error).__name__}: {_without_secrets(first_line(error), url)})")


def _without_secrets(text: str, url: str) -> str:
    """Return the text without the password, or any part that a driver may have taken for host or port."""
    passwords = [url.partition("://")[2].rpartition("@")[0].partition(":")[2], *re.findall(r"password=([^&]*)", url)]
    parts = {part for password in passwords for part in (password, *re.split(r"[:/@?#]", password))}
    for secret in sorted({url, *parts, *map(unquote, parts)}, key=len, reverse=True):
        text = text.replace(secret, "***") if len(secret) > 1 else text
    return text

"""Tables of a PostgreSQL database as engine relations, copied once to the scratch folder.

The address, password included, comes from an environment variable that the source names; it is never part of the
configuration, a log line or an error.
"""

from __future__ import annotations

import os
import re

import ibis
import pyarrow.parquet as pq

from churn.core.errors import ConfigRefused, DataRefused, DependencyDown
from churn.core.settings import InputSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.engine import Engine, quoted

ROWS_PER_BATCH = 100_000


def database_relation(engine: Engine, name: str, settings: InputSettings) -> str:
    """Return the SQL relation over a copy of a database table, streamed in batches.

    Raises
    ------
    ConfigRefused
        When the environment variable is not set.
    DependencyDown
        When the database does not answer.
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
        raise DependencyDown(
            f"input '{name}': the database named by {variable} does not answer ({type(error).__name__}: "
            f"{_without_secrets(str(error), url)})"
        ) from None
    try:
        return _copy_table(backend, engine, name, str(settings.table))
    finally:
        backend.disconnect()


def _copy_table(backend: ibis.BaseBackend, engine: Engine, name: str, table: str) -> str:
    schema, _, bare = table.rpartition(".")
    known = backend.list_tables(database=schema or None)
    if bare not in known:
        raise DataRefused(
            f"the database has no table '{table}'{did_you_mean(bare, known)}",
            table=name,
            code="missing_table",
            remedy="Correct table: on this input",
        )
    target = engine.scratch / f"{name}.parquet"
    reader = backend.table(bare, database=schema or None).to_pyarrow_batches(chunk_size=ROWS_PER_BATCH)
    with pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return f"read_parquet('{quoted(target)}')"


def _without_secrets(text: str, url: str) -> str:
    password = re.search(r"://[^:/@]*:([^@]+)@", url)
    cleaned = text.replace(url, "***")
    return (cleaned.replace(password[1], "***") if password else cleaned).splitlines()[0]

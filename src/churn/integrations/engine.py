"""The embedded engine: an Ibis connection to DuckDB with limits, UTC, and a scratch folder of its own."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis

from churn.core.settings import EngineSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engine:
    """An open connection and the folder that its spills and transcoded files go to; both vanish at the end."""

    backend: Any
    scratch: Path

    def run(self, sql: str) -> Any:
        """Run a statement on the underlying connection and return all its rows."""
        return self.backend.con.execute(sql).fetchall()


@contextmanager
def open_engine(settings: EngineSettings, parent: Path | None = None) -> Iterator[Engine]:
    """Open the embedded engine; its scratch folder is removed on the way out, whatever happened.

    Parameters
    ----------
    settings
        Memory limit and threads.
    parent
        Where the scratch folder is made; by default the system's temporary folder.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="churn-", dir=parent) as folder:
        backend = ibis.duckdb.connect()
        engine = Engine(backend, Path(folder))
        engine.run("SET TimeZone = 'UTC'")
        engine.run(f"SET memory_limit = '{settings.memory_limit}'")
        engine.run(f"SET temp_directory = '{quoted(Path(folder) / 'spill')}'")
        engine.run("SET preserve_insertion_order = true")
        if settings.threads is not None:
            engine.run(f"SET threads = {settings.threads}")
        ibis.set_backend(backend)
        yield engine  # not disconnected: cached tables drop themselves, on this connection, when they are collected


def quoted(value: object) -> str:
    """Return text safe inside single quotes of an SQL literal."""
    return str(value).replace("'", "''")


def identifier(name: str) -> str:
    """Return a name quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'

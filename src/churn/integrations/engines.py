"""Where expressions run: DuckDB inside this process, or Spark; each with UTC and a scratch folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.core.settings import EngineSettings
from churn.integrations.duck import open_duck
from churn.integrations.engine import Engine
from churn.integrations.stale_runs import process_name


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
        else:
            yield open_duck(settings, Path(folder))


def owner_of(scratch: Path) -> str:
    """Return the name of the process that a scratch folder was made by."""
    host, _, pid = scratch.name.removeprefix("churn-").rpartition("-")[0].rpartition("-")
    return f"{host}:{pid}"

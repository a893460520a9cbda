"""The project's own way: `build_features` as the stages call it, by Ibis on the embedded engine, to Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from benchmarks.feature_work.names import NOT_IN_FEATURETOOLS
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, VALUE_TYPES, WINDOWS_DAYS, Work, snapshots
from churn.core.problem import FeatureSettings, LabelSettings, WindowSettings
from churn.core.settings import EngineSettings
from churn.core.source import InputSettings, SourceSettings
from churn.features.family import FeatureInputs
from churn.features.matrix import build_features
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from churn.integrations.layers import MATRIX_ORDER
from churn.integrations.store import write_table
from churn.snapshots.grid import grid_table

WINDOWS = WindowSettings(
    lead_days=7, horizon_days=30, embargo_days=37, cadence_days=30, observation_days=OBSERVATION_DAYS
)
LABEL = LabelSettings(kind="contractual")
FEATURES = FeatureSettings(
    families=["engagement", "support"],
    windows_days=list(WINDOWS_DAYS),
    event_types=list(EVENT_TYPES),
    value_types=list(VALUE_TYPES),
)
SOURCE = SourceSettings(
    name="work",
    inputs={"any": InputSettings(path="any.csv")},
    tables={"customers": "SELECT * FROM any", "events": "SELECT * FROM any"},
    time_zone="UTC",
)


def build_ours(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:
    """Write the features as a data set has them, in order of date and customer; return what it cost."""
    return _build(work, folder, out, EngineSettings(memory_limit=memory_limit))


def build_alike(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:
    """Write the columns alone that featuretools can build, in the same order; return what it cost.

    All customers at once: what is built in groups is kept whole, and chosen from afterwards.
    """
    settings = EngineSettings(memory_limit=memory_limit, rows_per_group=None)
    return _build(work, folder, out, settings, NOT_IN_FEATURETOOLS)


def _build(
    work: Work, folder: Path, out: Path, settings: EngineSettings, without: Sequence[str] = ()
) -> dict[str, float]:
    with open_engine(settings, out.parent) as engine:
        inputs = work_inputs(engine, work, folder, work.as_of_dates, settings)
        watch = Stopwatch()
        write_features(engine, inputs, out, without)
        return watch.read()


def write_features(engine: Engine, inputs: FeatureInputs, out: Path, without: Sequence[str] = ()) -> None:
    """Build and write the features as the stage does; without those whose name has one of these parts."""
    built = build_features(inputs)
    wanted = [name for name in built.catalog.names if not any(part in name for part in without)]
    table = built.table.select(*MATRIX_ORDER, *wanted)
    write_table(engine, table if built.is_computed else table.cache(), out, MATRIX_ORDER)


def work_inputs(
    engine: Engine, work: Work, folder: Path, dates: Sequence[date], settings: EngineSettings
) -> FeatureInputs:
    """Return what the families are given for some of the work's dates, the tables as views of its files."""
    staged = {
        name: engine.backend.read_parquet(folder / f"{name}.parquet", table_name=f"stg_{name}")
        for name in ("customers", "events", "tickets")
    }
    cohort = engine.backend.create_table("snapshots", pa.concat_tables(list(snapshots(work, folder))))
    grid = grid_table(dates, WINDOWS, LABEL)
    return FeatureInputs(staged, cohort, grid, dates, OBSERVATION_DAYS, FEATURES, SOURCE, settings.rows_per_group)

"""The simulated company with all its dirt, built by the functions of the stages on either engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
import pandas as pd
import pytest

from churn.core.settings import ChurnSettings, EngineSettings
from churn.features.catalog import Catalog
from churn.integrations.datasets import candidates_on, features_on
from churn.integrations.engine import Engine
from churn.integrations.frames import to_frame
from churn.integrations.sources import open_source
from churn.integrations.spark import missing_spark
from churn.snapshots.cohort import build_snapshots
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import choose_as_of_dates, grid_table
from churn.snapshots.labels import build_labels
from churn.staging.stage import stage_tables

LACKING = missing_spark()
MARKS = [
    pytest.mark.spark,
    pytest.mark.skipif(LACKING is not None, reason=f"Spark cannot run here: {LACKING}"),
    pytest.mark.filterwarnings("ignore"),  # pyspark warns of pandas 3 and of its own sockets, in its own code
]
DIRTY = (
    "simulation=small", "simulation.customers=120", "simulation.block_customers=60", "simulation.truth.effects=false",
    "simulation.dirt.late_share=0.05", "simulation.dirt.duplicate_share=0.01", "simulation.dirt.orphan_share=0.005",
    "simulation.dirt.missing_share=0.02",
)  # fmt: skip
# Small data and wide plans: compiling Java code for each of them would take most of the time.
SPARK = EngineSettings(
    kind="spark",
    memory_limit="1GB",
    master="local[2]",
    rows_per_batch=16,  # several batches, even of so few customers
    options={
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
    },
)


@dataclass(frozen=True)
class Built:
    """Two dates on one engine: the tables as frames, the features as an expression, and what they mean."""

    engine: Engine
    frames: Mapping[str, pd.DataFrame]
    features: ir.Table
    catalog: Catalog


def build(engine: Engine, settings: ChurnSettings) -> Built:
    """Return the tables of two dates, from the raw files on."""
    staged = stage_tables(open_source(engine, settings.source), settings.source)
    tables: dict[str, ir.Table] = {name: table.rows.cache() for name, table in staged.items()}
    coverage = measure_coverage(tables, settings.source)
    dates = choose_as_of_dates(coverage, settings.windows, settings.label)
    candidates = candidates_on(tables, dates, settings).cache()
    snapshots = build_snapshots(candidates).cache()
    grid = grid_table(dates, settings.windows, settings.label)
    made, _ = features_on(tables, snapshots, dates, settings)
    features = made.table.order_by(["as_of_date", "customer_id"]).cache()
    labels = build_labels(tables, snapshots, grid, settings.label, coverage.end)
    counts = {name: {"rows": rows_of(tables[name]), **table.counts} for name, table in staged.items()}
    frames = {
        "candidates": to_frame(candidates), "labels": to_frame(labels), "features": to_frame(features),
        "staged": pd.DataFrame({"counts": [json.dumps(counts, sort_keys=True)]}),
    }  # fmt: skip
    return Built(engine, frames, features, made.catalog)


def rows_of(table: ir.Table) -> int:
    return int(table.count().to_pyarrow().as_py())

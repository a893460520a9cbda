"""Spark gives what DuckDB gives: staging, cohort, labels and features of the simulated company with all its dirt."""

from __future__ import annotations

import gc
import json
import warnings
from collections.abc import Mapping

import ibis.expr.types as ir
import pandas as pd
import pytest

from churn.auditing.differences import find_differences, summarise_differences
from churn.core.settings import ChurnSettings, EngineSettings
from churn.integrations.datasets import candidates_on, features_on
from churn.integrations.engine import Engine, open_engine
from churn.integrations.frames import to_frame
from churn.integrations.sources import open_source
from churn.integrations.spark import missing_spark
from churn.snapshots.cohort import build_snapshots
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import choose_as_of_dates, grid_table
from churn.snapshots.labels import build_labels
from churn.staging.stage import stage_tables
from tests.builders import ENGINE
from tests.pipelines.demo import IGNORED, QUICK, Demo

LACKING = missing_spark()
pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(LACKING is not None, reason=f"Spark cannot run here: {LACKING}"),
    *(pytest.mark.filterwarnings(message) for message in IGNORED),
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
    options={
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
    },
)


def built(engine: Engine, settings: ChurnSettings) -> dict[str, pd.DataFrame]:
    """Return the tables of two dates, by the functions of the stages, from the raw files on."""
    staged = stage_tables(open_source(engine, settings.source), settings.source)
    tables: dict[str, ir.Table] = {name: table.rows.cache() for name, table in staged.items()}
    coverage = measure_coverage(tables, settings.source)
    dates = choose_as_of_dates(coverage, settings.windows, settings.label)
    candidates = candidates_on(tables, dates, settings).cache()
    snapshots = build_snapshots(candidates).cache()
    grid = grid_table(dates, settings.windows, settings.label)
    features = features_on(tables, snapshots, dates, settings)[0].table
    labels = build_labels(tables, snapshots, grid, settings.label, coverage.end)
    counts = {name: {"rows": rows_of(tables[name]), **table.counts} for name, table in staged.items()}
    return {
        "candidates": to_frame(candidates), "labels": to_frame(labels), "features": to_frame(features),
        "staged": pd.DataFrame({"counts": [json.dumps(counts, sort_keys=True)]}),
    }  # fmt: skip


def rows_of(table: ir.Table) -> int:
    return int(table.count().to_pyarrow().as_py())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ChurnSettings:
    company = Demo(tmp_path_factory.mktemp("dirty"), QUICK)
    company.ok("simulate", *DIRTY)
    return company.settings(
        "validate", ["windows.max_dates=2", "engine.rows_per_group=null", "source.max_orphan_share=0.05"]
    )


@pytest.fixture(scope="module")
def both(settings: ChurnSettings, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, pd.DataFrame]]:
    out = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark warns of pandas 3 and of its own sockets, in its own code
        for name, engine in (("duckdb", ENGINE), ("spark", SPARK)):
            with open_engine(engine, tmp_path_factory.mktemp(name)) as opened:
                out[name] = built(opened, settings)
                gc.collect()  # cached tables drop themselves while their engine is there
    return out


def test_staging_keeps_and_rejects_the_same_rows(both) -> None:
    counts = {name: json.loads(tables["staged"].loc[0, "counts"]) for name, tables in both.items()}
    assert counts["spark"] == counts["duckdb"]
    assert any("duplicate" in table for table in counts["duckdb"].values()), "the company lacks its dirt"


@pytest.mark.parametrize("table", ["candidates", "labels", "features"])
def test_every_value_is_equal(both, table: str) -> None:
    left, right = both["duckdb"][table], both["spark"][table]
    assert len(left) == len(right) > 30
    found = find_differences(left, right, "on Spark")
    assert len(found) == 0, summarise_differences(found).to_string()


def test_it_is_not_the_empty_company(both) -> None:
    features = both["duckdb"]["features"]
    assert features.shape[1] > 100
    assert features.notna().mean().mean() > 0.5

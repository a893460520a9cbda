"""Customers scored in parts on Spark: the same scores, ranks and list as on DuckDB, whatever the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from churn.core.settings import PolicySettings
from churn.integrations.publication import publish, read_published
from churn.integrations.scores import score_in_parts
from churn.modeling.bundle import Bundle
from churn.modeling.fit import fit_bundle
from churn.scoring.batch import ModelMark
from churn.scoring.checks import check_categories
from churn.scoring.worklist import build_worklist
from churn.snapshots.sampling import WEIGHT, SampleShares, sample_rows
from churn.snapshots.splits import Fold
from tests.builders import make_source
from tests.spark.company import MARKS, Built
from tests.unit.modeling.toys import make_candidate

pytestmark = MARKS
POLICY = PolicySettings(capacity=15, control_share=0.3)
MARK = ModelMark("churn-dirty", "1", "run")


@pytest.fixture(scope="module")
def bundle(both: Mapping[str, Built]) -> Bundle:
    """A model of what is easily learned from few rows: who was away for longer than most."""
    built = both["duckdb"]
    rows = built.frames["features"]
    away = rows["eng_activity_recency_days"].fillna(999)
    matrix = rows.assign(churned=(away + np.arange(len(rows)) % 5 > away.median()).astype(int))
    everything, nothing = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    fold = Fold("all", everything, everything, nothing)
    return fit_bundle(matrix, fold, make_candidate("trees"), built.catalog, "sigmoid", {})


def scored(built: Built, bundle: Bundle, parts: int | None = None) -> dict[str, Any]:
    """Score the later date as the stage does and publish it."""
    engine, day = built.engine, built.frames["features"]["as_of_date"].max()
    features = built.features.filter(built.features.as_of_date == ibis.date(day.date()))
    unseen = check_categories(features, bundle, 0.5)
    for left in engine.scratch.glob("*.parquet"):
        left.rename(left.with_suffix(".former"))
    path, totals = score_in_parts(engine, features, bundle, POLICY, MARK, make_source())
    scores = engine.backend.read_parquet(str(path))
    listed = scores.limit(0).select("customer_id")
    worklist = build_worklist(scores, POLICY, listed)
    folder = engine.scratch / "lists"
    publish(folder, day.date(), {"scores": path, "worklist": worklist}, {"run_id": "r"})
    tables = {name: read_published(folder, "latest", name)[0] for name in ("scores", "worklist")}
    return {"unseen": unseen, "totals": totals, "folder": folder, **tables}


@pytest.fixture(scope="module")
def results(both: Mapping[str, Built], bundle: Bundle) -> dict[str, dict[str, Any]]:
    return {name: scored(built, bundle) for name, built in both.items()}


@pytest.mark.parametrize("table", ["scores", "worklist"])
def test_every_published_column_is_the_same(results, table: str) -> None:
    left, right = results["duckdb"][table], results["spark"][table]
    assert len(left) > 10
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_the_checks_see_the_same_figures(results) -> None:
    left, right = results["duckdb"], results["spark"]
    assert left["unseen"] == right["unseen"]
    assert np.allclose(left["totals"], right["totals"], rtol=1e-9)


def test_spark_scores_where_the_rows_are_and_never_as_one_table(both, results) -> None:
    parts = both["spark"].engine.scratch / "parts.parquet"
    assert parts.is_dir()
    assert (
        sum(pq.read_metadata(part).num_rows for part in parts.glob("*.parquet")) == results["spark"]["totals"].customers
    )


def test_publishing_again_changes_no_byte(both, bundle, results) -> None:
    before = {path.name: path.read_bytes() for path in results["spark"]["folder"].glob("*.parquet")}
    again = scored(both["spark"], bundle)
    assert {path.name: path.read_bytes() for path in again["folder"].glob("*.parquet")} == before


def test_both_engines_draw_the_same_sample(both) -> None:
    drawn = {}
    for name, built in both.items():
        rows = built.features.mutate(churned=built.features.prof_age_days > 200)
        sample = sample_rows(rows, SampleShares(0.9, 0.4), 5)
        frame = sample.select("customer_id", "as_of_date", WEIGHT).to_pyarrow().to_pandas()
        drawn[name] = sorted(frame.astype(str).itertuples(index=False, name=None))
    assert drawn["duckdb"] == drawn["spark"]
    assert 0 < len(drawn["duckdb"]) < len(both["duckdb"].frames["features"])

"""Spark gives what DuckDB gives: staging, cohort, labels and features of the simulated company with all its dirt."""

from __future__ import annotations

import json

import pytest

from churn.auditing.differences import find_differences, summarise_differences
from tests.spark.company import MARKS

pytestmark = MARKS


def test_staging_keeps_and_rejects_the_same_rows(both) -> None:
    counts = {name: json.loads(built.frames["staged"].loc[0, "counts"]) for name, built in both.items()}
    assert counts["spark"] == counts["duckdb"]
    assert any("duplicate" in table for table in counts["duckdb"].values()), "the company lacks its dirt"


@pytest.mark.parametrize("table", ["candidates", "labels", "features"])
def test_every_value_is_equal(both, table: str) -> None:
    left, right = both["duckdb"].frames[table], both["spark"].frames[table]
    assert len(left) == len(right) > 30
    found = find_differences(left, right, "on Spark")
    assert len(found) == 0, summarise_differences(found).to_string()


def test_it_is_not_the_empty_company(both) -> None:
    features = both["duckdb"].frames["features"]
    assert features.shape[1] > 100
    assert features.notna().mean().mean() > 0.5

"""The feature report of the simulated company: tables and pictures in MLflow, one line on the screen."""

from __future__ import annotations

import json

import mlflow
import pandas as pd
import pytest

from churn.integrations.tracking import connect
from tests.pipelines.demo import IGNORED, Demo

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_the_report_says_what_every_family_carries_and_costs(own_demo: Demo) -> None:
    done = own_demo.ok("report")
    assert "report: " in done.out and " carries " in done.out and "one date takes" in done.out
    client, experiment = connect(own_demo.settings("report"))
    (run,) = client.search_runs([experiment], "tags.stage = 'report'")
    features, families = (
        pd.DataFrame(**json.loads(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{name}.json")))
        for name in ("feature_report", "families")
    )
    assert features["importance"].sum() == pytest.approx(1.0)
    assert features["auc_alone"].between(0.5, 1.0).all()
    assert (families["seconds"] > 0).all() and families["features"].sum() == len(features)
    assert run.data.metrics["importance_engagement"] > 0 and run.data.metrics["seconds_engagement"] > 0
    assert {item.path for item in client.list_artifacts(run.info.run_id, "plots")} == {
        f"plots/{name}.png" for name in ("families", "alone", "missing", "distributions")
    }


def test_before_a_first_model_the_report_leaves_importance_out(own_demo: Demo) -> None:
    done = own_demo.ok("report", "explanation.version=99", "report.time_families=false")
    assert "importance is left out: " in done.out
    assert "carries" not in done.out

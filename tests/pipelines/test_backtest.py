"""Folds that roll through the dates before the test dates, as nested runs of one parent."""

from __future__ import annotations

import json

import pytest

from churn.integrations.mlflow_store import connect
from churn.integrations.registry import CHECKSUM_TAG
from tests.pipelines.demo import IGNORED, Demo, churn_process

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
FOLDS = ("split.backtest_folds=2", "split.test_dates=2", "split.calibration_dates=1", "model.stopping_rounds=null")


def test_every_fold_is_a_nested_run_and_the_parent_holds_mean_and_spread(own_demo: Demo) -> None:
    done = own_demo.ok("backtest", *FOLDS)
    (path,) = own_demo.results("backtest")
    content = json.loads(path.read_text())
    client, experiment = connect(own_demo.settings())
    parent = client.get_run(content["run_id"])
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{content['run_id']}'")
    assert len(children) == 2
    assert {child.info.status for child in children} == {"FINISHED"}
    aucs = [child.data.metrics["auc"] for child in children]
    assert parent.data.metrics["auc"] == pytest.approx(sum(aucs) / 2)
    assert parent.data.metrics["auc_min"] == pytest.approx(min(aucs))
    assert parent.data.metrics["auc_std"] > 0
    assert {"recency_auc", "logistic_auc_std"} <= set(parent.data.metrics)
    assert "over 2 folds; the test dates stay unread" in done.out
    trained = json.loads(own_demo.results("train")[0].read_text())
    assert max(content["as_of_dates"]) < min(trained["as_of_dates"])
    assert {item.path for item in client.list_artifacts(content["run_id"], "plots")} == {
        "plots/auc.png", "plots/average_precision.png", "plots/log_loss.png",
    }  # fmt: skip


def test_too_few_dates_for_two_folds_are_refused(own_demo: Demo) -> None:
    refused = own_demo.run("backtest", "split.calibration_dates=7", "split.test_dates=2")
    assert refused.code == 1
    assert "of the 2 folds that show a spread" in refused.err


def test_the_same_training_in_another_process_gives_the_same_bytes(own_demo: Demo) -> None:
    done = churn_process("train", *own_demo.words(), env={"PYTHONHASHSEED": "7"})
    assert done.code == 0, done.err
    client, _ = connect(own_demo.settings())
    first, again = (client.get_model_version("churn-demo", str(number)).tags[CHECKSUM_TAG] for number in (1, 2))
    assert first == again

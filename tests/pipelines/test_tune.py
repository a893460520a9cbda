"""A search over the folds of the backtest: nested runs, a study that outlives its process, defaults against tuned."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from churn.integrations.mlflow_store import connect
from tests.pipelines.demo import IGNORED, Demo, start_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
FOLDS = ("split.backtest_folds=2", "split.test_dates=2", "split.calibration_dates=1")
LOGISTIC = ("model=logistic", "tuning=logistic", "tuning.random_trials=2", "tuning.prune_after_trials=2")


def _trials(demo: Demo) -> dict[str, int]:
    """How many trials of each state the study holds."""
    if not (demo.models / "tuning.db").is_file():
        return {}
    with closing(sqlite3.connect(demo.models / "tuning.db", timeout=30)) as connection:
        try:
            return dict(connection.execute("SELECT state, count(*) FROM trials GROUP BY state"))
        except sqlite3.OperationalError:  # not set up yet
            return {}


def _wait_for_trials(demo: Demo, process: subprocess.Popen[str], settled: int) -> None:
    deadline = time.monotonic() + 120
    while sum(_trials(demo).get(state, 0) for state in ("COMPLETE", "PRUNED")) < settled:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the search does not get on"
        time.sleep(0.05)


def test_compares_the_default_with_the_best_on_the_same_folds(own_demo: Demo) -> None:
    done = own_demo.ok("tune", *FOLDS, *LOGISTIC, "tuning.trials=6")
    (path,) = own_demo.results("tune")
    content = json.loads(path.read_text())
    assert content["metrics"]["tuned"] <= content["metrics"]["default"]
    assert "log_loss default" in content["summary"] and "6 trials" in content["summary"]
    assert "to train with it (other overrides as now): churn train model.estimator.C=" in done.out
    client, experiment = connect(own_demo.settings())
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{content['run_id']}'")
    assert len(children) == 6
    first = next(child for child in children if child.data.tags["trial"] == "0")
    assert float(first.data.params["C"]) == 0.1  # the model's own value comes first
    assert first.data.metrics["log_loss"] == pytest.approx(content["metrics"]["default"])
    assert {child.data.tags["state"] for child in children} <= {"complete", "pruned"}
    names = {item.path for item in client.list_artifacts(content["run_id"], "plots")}
    assert "plots/history.png" in names


def test_more_trials_go_on_where_the_study_was(own_demo: Demo) -> None:
    own_demo.ok("tune", *FOLDS, *LOGISTIC, "tuning.trials=2")
    done = own_demo.ok("tune", *FOLDS, *LOGISTIC, "tuning.trials=4")
    assert "2 of 4 trials are there" in done.out
    assert sum(_trials(own_demo).values()) == 4


def test_trials_that_other_code_measured_are_not_taken_over(own_demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    own_demo.ok("tune", *FOLDS, *LOGISTIC, "tuning.trials=2")
    monkeypatch.setattr("pipelines.tune.code_fingerprint", lambda *_: "of another version")
    assert "trials are there" not in own_demo.ok("tune", *FOLDS, *LOGISTIC, "tuning.trials=2").out
    assert sum(_trials(own_demo).values()) == 4


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_an_interrupted_search_resumes(own_demo: Demo, how: signal.Signals) -> None:
    words = own_demo.words(*FOLDS, *LOGISTIC)
    process = start_churn("tune", *words, "tuning.trials=500")
    try:
        _wait_for_trials(own_demo, process, 2)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == (143 if how == signal.SIGTERM else -signal.SIGKILL), err
    there = sum(_trials(own_demo).get(state, 0) for state in ("COMPLETE", "PRUNED"))
    done = own_demo.ok("tune", *FOLDS, *LOGISTIC, f"tuning.trials={there + 2}")
    assert f"{there} of {there + 2} trials are there" in done.out
    trials = _trials(own_demo)
    assert trials.get("RUNNING", 0) == 0
    assert sum(trials.get(state, 0) for state in ("COMPLETE", "PRUNED")) == there + 2
    client, experiment = connect(own_demo.settings())
    states = {run.info.status for run in client.search_runs([experiment])}
    assert "RUNNING" not in states
    assert "KILLED" in states


def test_a_space_for_another_model_is_refused_before_any_work(own_demo: Demo) -> None:
    refused = own_demo.run("tune", "model=logistic")
    assert refused.code == 2
    assert "tuning.space.one__num_leaves: not a parameter of LogisticRegression" in refused.err
    assert not (own_demo.models / "tuning.db").exists()


def test_a_space_that_does_not_hold_the_default_is_refused(own_demo: Demo) -> None:
    refused = own_demo.run("tune", *LOGISTIC, "model.estimator.C=100.0")
    assert refused.code == 2
    assert "does not hold the model's own value 100.0" in refused.err


def test_a_search_needs_dates_that_stay_untouched(own_demo: Demo) -> None:
    refused = own_demo.run("tune", "split=by_customer")
    assert refused.code == 2
    assert "every customer is a test of by_customer" in refused.err

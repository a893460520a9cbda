"""Several trainings from one command line."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from churn.integrations.mlflow_store import connect
from tests.pipelines.demo import IGNORED, Demo, run_churn, start_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
FOLDS = ("split.backtest_folds=2", "split.test_dates=2", "split.calibration_dates=1")


def test_a_sweep_trains_and_registers_every_combination(own_demo: Demo) -> None:
    done = own_demo.ok("train", "-m", "model=logistic,lightgbm", "model.stopping_rounds=null")
    results = sorted(own_demo.runs.glob("train/*-sweep/*/run_results.json"))
    assert [path.parent.name for path in results] == ["0", "1"]
    assert [json.loads(path.read_text())["summary"].split()[1] for path in results] == ["2", "3"]
    assert "version 2" in done.out and "version 3" in done.out


def test_models_and_windows_are_combined_and_every_run_is_whole(own_demo: Demo) -> None:
    own_demo.ok("train", "-m", "model=logistic,recency", "windows.observation_days=90,180")
    results = [json.loads(path.read_text()) for path in own_demo.runs.glob("train/*-sweep/*/run_results.json")]
    assert len(results) == 4
    client, _ = connect(own_demo.settings())
    runs = [client.get_run(result["run_id"]) for result in results]
    combinations = {(run.data.params["model.name"], run.data.params["windows.observation_days"]) for run in runs}
    assert combinations == {(m, d) for m in ("logistic", "recency_rule") for d in ("90", "180")}
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_processes_at_once_never_corrupt_the_store(own_demo: Demo) -> None:
    shutil.rmtree(own_demo.models)  # a fresh store, which all of them find at the same time
    words = own_demo.words("model=logistic", "windows.observation_days=120")  # a data set that none of them has
    processes = [start_churn("train", *words), start_churn("backtest", *words, *FOLDS)]
    try:
        done = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0, 0], done
    client, experiment = connect(own_demo.settings())
    runs = client.search_runs([experiment])
    assert {run.info.status for run in runs} == {"FINISHED"}
    stages = [run.data.tags.get("stage") for run in runs]
    assert stages.count("train") == stages.count("backtest") == 1
    assert stages.count("features") == 1, "one built the data set, the other waited for it"
    with closing(sqlite3.connect(own_demo.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_one_combination_that_is_refused_does_not_stop_the_others(own_demo: Demo) -> None:
    done = own_demo.run("train", "-m", "evaluation.min_positives=100000,20")
    assert done.code == 1
    assert "at least 100,000 churned" in done.err
    assert len(list(own_demo.runs.glob("train/*-sweep/*/run_results.json"))) == 1


def test_a_sweep_with_a_wrong_value_names_it_once_per_job_and_trains_nothing(own_demo: Demo) -> None:
    done = own_demo.run("train", "-m", "policy.capacity=0,-1")
    assert done.code == 2
    assert done.err.count("policy.capacity: ") == 2
    assert run_churn("promote", "2", *own_demo.folders).code == 3

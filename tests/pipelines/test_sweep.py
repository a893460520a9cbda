"""Several trainings from one command line."""

from __future__ import annotations

import json

from tests.pipelines.demo import Demo, run_churn


def test_a_sweep_trains_and_registers_every_combination(own_demo: Demo) -> None:
    done = own_demo.ok("train", "-m", "model=logistic,lightgbm", "model.stopping_rounds=null")
    results = sorted(own_demo.runs.glob("train/*-sweep/*/run_results.json"))
    assert [path.parent.name for path in results] == ["0", "1"]
    assert [json.loads(path.read_text())["summary"].split()[1] for path in results] == ["2", "3"]
    assert "version 2" in done.out and "version 3" in done.out


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

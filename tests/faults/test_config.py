"""A wrong configuration: exit code 2, every problem at once, and nothing read or written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pipelines.demo import Demo, churn_process, run_churn

WRONG = [
    ("windows.horizon_dayz=30", "windows.horizon_dayz: unknown key; did you mean 'horizon_days'?"),
    ("+typo=1", "typo: unknown key"),
    ("++evaluation.sede=1", "evaluation.sede: unknown key; did you mean 'seed'?"),
    ("windows.horizon_days=abc", "windows.horizon_days: input should be a valid integer"),
    ("windows.horizon_days=-30", "windows.horizon_days: input should be greater than or equal to 1 (found -30)"),
    ("windows.cadence_days=0", "windows.cadence_days: input should be greater than or equal to 1 (found 0)"),
    ("features.windows_days=[30,30]", "features.windows_days: 30 stated more than once"),
    ("windows.max_dates=???", "windows.max_dates: a value must be given"),
    ("policy.money.value=inf", "policy.money.value: "),
    ("gate.max_calibration_slope=nan", "gate.max_calibration_slope: "),
    ("split.seed=-1", "split.seed: "),
    ("model=ligthgbm", "model: no file conf/model/ligthgbm.yaml; did you mean 'lightgbm'?"),
    ("policy.capacity=[1,", "policy.capacity=[1,: cannot be read"),
]


@pytest.fixture
def place(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def _untouched(place: Demo) -> None:
    assert not place.data.exists()
    assert not place.models.exists()
    assert not list(place.home.rglob("run_results.json"))


@pytest.mark.parametrize(("word", "problem"), WRONG)
def test_each_problem_is_said_with_its_key(word: str, problem: str, place: Demo) -> None:
    done = place.run("train", word)
    assert done.code == 2
    assert f"\n  - {problem}" in done.err
    assert re.match(r"error: \d problems? in the configuration; nothing was read:\n", done.err)
    _untouched(place)


@pytest.mark.parametrize("stage", ["simulate", "validate", "features", "train", "explain", "score"])
def test_all_problems_are_said_at_once_by_every_stage(stage: str, place: Demo) -> None:
    done = run_churn(stage, *place.folders, *(word for word, _ in WRONG if word != "windows.horizon_days=abc"))
    assert done.code == 2
    for word, problem in WRONG:
        assert (f"\n  - {problem}" in done.err) == (word != "windows.horizon_days=abc"), problem
    _untouched(place)


def test_a_window_that_looks_back_further_than_anything_is_observed(place: Demo) -> None:
    """Its name and its reasons would say 400 days, its numbers 180."""
    done = place.run("train", "features.windows_days=[30,400]")
    assert done.code == 2
    assert "features.windows_days: 400 looks back further than windows.observation_days (180)" in done.err
    _untouched(place)


def test_the_recency_column_of_a_ready_table_is_one_of_its_numbers(place: Demo) -> None:
    done = place.run("validate", "source=telco", "source.recency_column=tenur")
    assert done.code == 2
    assert "recency_column: no attribute 'tenur' of role number; did you mean 'tenure'?" in done.err
    _untouched(place)


def test_scoring_without_a_date_asks_for_one(place: Demo) -> None:
    done = place.run("score")
    assert done.code == 2
    assert "scoring.as_of: a value must be given (scoring.as_of=...)" in done.err
    _untouched(place)


def test_an_estimators_parameters_are_judged_before_data_are_read(place: Demo) -> None:
    done = place.run("train", "model.estimator.one.num_leavs=5", "model.estimator.one.learning_rat=0.1")
    assert done.code == 2
    assert "did you mean 'num_leaves'?" in done.err and "did you mean 'learning_rate'?" in done.err
    _untouched(place)


def test_a_missing_environment_variable_of_a_database_is_a_config_problem(
    place: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHURN_NO_SUCH_URL", raising=False)
    key = "source.inputs.customers_raw"
    done = place.run(
        "validate", f"{key}.path=null", f"{key}.connection_env=CHURN_NO_SUCH_URL", f"{key}.table=customers"
    )
    assert done.code == 2
    assert "CHURN_NO_SUCH_URL" in done.err


def test_as_a_process_it_ends_with_the_code_one_message_and_no_traceback(place: Demo) -> None:
    done = churn_process("validate", "+typo=1", *place.folders)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 1 problem in the configuration; nothing was read:\n  - typo: unknown key\n"
    _untouched(place)


def test_as_a_process_with_debug_it_shows_where(place: Demo) -> None:
    done = churn_process("validate", "+typo=1", "--debug", *place.folders)
    assert done.code == 2
    assert "Traceback (most recent call last)" in done.err
    assert done.err.endswith("  - typo: unknown key\n")

"""A model of a sample says what a model of all rows would: probabilities at the true base rate."""

from __future__ import annotations

import functools
from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from churn.modeling.bundle import Bundle
from churn.modeling.experiment import within_sample
from churn.modeling.fit import Candidate, describe_typical, fit_bundle
from churn.modeling.hazard import TimeToChurn
from churn.modeling.leaks import auc_of
from churn.snapshots.sampling import WEIGHT, choose_shares, sample_rows
from tests.unit.modeling.toys import CATALOG, DATES, PROBLEM, make_fold, make_matrix

TREES = LGBMClassifier(n_estimators=80, num_leaves=8, random_state=0, verbose=-1, n_jobs=1, deterministic=True)
TIME_TO_CHURN = TimeToChurn(leaving=TREES, kind=TREES, horizon_days=20, outlook_days=(20,))
CANDIDATES = {
    "trees": Candidate("lightgbm", "trees", TREES),
    "linear": Candidate("logistic", "linear", LogisticRegression(max_iter=500)),
    "time_to_churn": Candidate("time_to_churn", "trees", TIME_TO_CHURN),
}


@functools.cache
def everybody() -> pd.DataFrame:
    """Rows of which about one in twelve leaves."""
    matrix = make_matrix(5000)
    is_kept = (matrix["churned"] == 0) | (np.arange(len(matrix)) % 5 == 0)
    return matrix[is_kept].reset_index(drop=True)


@functools.cache
def sample(max_rows: int = 5000) -> pd.DataFrame:
    """What the engine draws of the rows before the test dates, and the test dates whole."""
    rows = everybody()
    keys = rows[["customer_id", "as_of_date", "churned"]]
    keys = keys.assign(as_of_date=keys["as_of_date"].dt.date, churned=keys["churned"].astype(bool))
    before = rows["as_of_date"] < DATES[4]
    left = int(rows.loc[before, "churned"].sum())
    shares = choose_shares(left, int(before.sum()) - left, max_rows)
    table = ibis.memtable(pa.Table.from_pandas(keys, preserve_index=False))
    drawn = sample_rows(table, shares, 0, [day.date() for day in DATES[4:]]).to_pyarrow().to_pandas()
    drawn = drawn.assign(as_of_date=pd.to_datetime(drawn["as_of_date"])).drop(columns="churned")
    return rows.merge(drawn, on=["customer_id", "as_of_date"], how="inner")


@functools.cache
def fitted(kind: str, is_sample: bool, calibration: str = "sigmoid") -> Bundle:
    matrix = sample() if is_sample else everybody()
    fold = within_sample(make_fold(matrix), matrix)
    return fit_bundle(matrix, fold, CANDIDATES[kind], CATALOG, calibration, PROBLEM)  # type: ignore[arg-type]


def test_the_sample_is_a_third_of_the_rows_and_leavers_are_far_more_frequent() -> None:
    before = everybody()[everybody()["as_of_date"] < DATES[4]]
    drawn = sample()[(sample()[WEIGHT] > 0) & (sample()["as_of_date"] < DATES[4])]
    assert len(drawn) == pytest.approx(5000, rel=0.05)
    assert drawn["churned"].mean() > 2 * before["churned"].mean()
    assert drawn[WEIGHT].sum() == pytest.approx(len(before), rel=0.05)


@pytest.mark.parametrize("calibration", ["sigmoid", "centred", "none"])
@pytest.mark.parametrize("kind", ["trees", "linear"])
def test_probabilities_come_out_at_the_true_base_rate(kind: str, calibration: str) -> None:
    test, bundle = everybody()[make_fold(everybody()).test], fitted(kind, True, calibration)
    predicted = bundle.probability(bundle.raw_score(test))
    noise = np.sqrt((predicted * (1 - predicted)).sum()) / len(test) + 0.03 * test["churned"].mean()
    assert predicted.mean() == pytest.approx(test["churned"].mean(), abs=3 * noise)
    uncorrected = sample()[sample()[WEIGHT] > 0]["churned"].mean()
    assert abs(predicted.mean() - uncorrected) > 10 * noise, "the test would not see a correction that is missing"


def test_a_hazard_model_is_corrected_as_well() -> None:
    test, bundle = everybody()[make_fold(everybody()).test], fitted("time_to_churn", True)
    predicted = bundle.probability(bundle.raw_score(test))
    assert predicted.mean() == pytest.approx(test["churned"].mean(), rel=0.15)


@pytest.mark.parametrize("kind", ["trees", "linear"])
def test_a_sample_ranks_nearly_as_well_as_all_rows(kind: str) -> None:
    test = everybody()[make_fold(everybody()).test]
    target = test["churned"].to_numpy(dtype=bool)
    of_all, of_sample = (auc_of(fitted(kind, is_sample).raw_score(test), target) for is_sample in (False, True))
    assert of_sample > of_all - 0.01


def test_base_rate_and_typical_values_are_those_of_all_rows() -> None:
    matrix, bundle = everybody(), fitted("trees", True)
    seen = matrix[matrix["as_of_date"] < DATES[4]]
    assert bundle.base_rate == pytest.approx(seen["churned"].mean(), rel=0.05)
    of_all = describe_typical(seen, CATALOG)
    assert bundle.typical["plan"] == of_all["plan"]
    assert bundle.typical["eng_activity_recency_days"] == pytest.approx(of_all["eng_activity_recency_days"], rel=0.06)


def test_rows_that_were_not_drawn_teach_nothing() -> None:
    matrix = sample()
    fold = within_sample(make_fold(matrix), matrix)
    poisoned = matrix.assign(churned=np.where(matrix[WEIGHT] == 0, 1 - matrix["churned"], matrix["churned"]))
    bundle = fit_bundle(poisoned, fold, CANDIDATES["trees"], CATALOG, "sigmoid", PROBLEM)
    rows = everybody().head(100)
    assert (bundle.raw_score(rows) == fitted("trees", True).raw_score(rows)).all()


def test_early_stopping_weighs_the_rows_it_watches() -> None:
    matrix = sample()
    fold = within_sample(make_fold(matrix), matrix)
    candidate = replace(CANDIDATES["trees"], stopping_rounds=5)
    bundle = fit_bundle(matrix, fold, candidate, CATALOG, "sigmoid", PROBLEM)
    test = everybody()[make_fold(everybody()).test]
    predicted = bundle.probability(bundle.raw_score(test)).mean()
    assert predicted == pytest.approx(test["churned"].mean(), rel=0.1)

"""Folds: outcomes never overlap in time, customers never stand on both sides, and every row has one place."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from churn.core.errors import DataRefused
from churn.core.problem import FeatureSettings, LabelSettings, Problem, WindowSettings
from churn.core.settings import SplitSettings
from churn.core.windows import outcome_window
from churn.snapshots.splits import customer_folds, split_dates, temporal_fold
from tests.builders import SUBSCRIBERS

START = date(2023, 1, 1)


@st.composite
def _problems(draw: st.DrawFn) -> tuple[list[date], SplitSettings, Problem]:
    lead, horizon = draw(st.integers(0, 20)), draw(st.integers(1, 60))
    label = LabelSettings(kind="contractual", grace_days=draw(st.integers(0, 40)))
    windows = WindowSettings(
        lead_days=lead,
        horizon_days=horizon,
        embargo_days=lead + horizon + draw(st.integers(0, 30)),
        cadence_days=7,
        observation_days=30,
    )
    dates = sorted({START + timedelta(days=d) for d in draw(st.lists(st.integers(0, 700), min_size=3, max_size=30))})
    stated = draw(st.none() | st.sampled_from(dates))
    split = SplitSettings(
        kind="temporal", test_dates=draw(st.integers(1, 3)), calibration_dates=draw(st.integers(1, 3)), test_from=stated
    )
    features = FeatureSettings(families=[], windows_days=[7])
    return dates, split, Problem(cohort=SUBSCRIBERS, label=label, windows=windows, features=features)


@given(_problems())
def test_outcomes_of_earlier_parts_are_settled_before_later_parts_begin(
    drawn: tuple[list[date], SplitSettings, Problem],
) -> None:
    dates, split, problem = drawn
    windows = problem.windows
    try:
        parts = split_dates(dates, split, problem.embargo_days)
    except DataRefused as refused:
        assert refused.code == "too_few_dates"
        return
    for earlier, later in ((parts.fit, parts.calibrate), (parts.calibrate, parts.test), (parts.fit, parts.test)):
        grace = problem.label.grace_days
        settled = [outcome_window(d, windows.lead_days, windows.horizon_days, grace).complete_on for d in earlier]
        assert max(settled) <= min(later)
        assert min((b - a).days for a in earlier for b in later) >= windows.embargo_days
    used = [*parts.fit, *parts.calibrate, *parts.test]
    assert len(used) == len(set(used))
    assert set(used) <= set(dates)


@given(_problems(), st.randoms(use_true_random=False))
def test_a_temporal_fold_gives_every_row_at_most_one_place(
    drawn: tuple[list[date], SplitSettings, Problem], random: object
) -> None:
    dates, split, problem = drawn
    rows = pd.DataFrame({"as_of_date": pd.to_datetime(dates * 3)}).sample(frac=1, random_state=random.randint(0, 99))  # type: ignore[attr-defined]
    try:
        parts = split_dates(dates, split, problem.embargo_days)
    except DataRefused:
        return
    fold = temporal_fold(rows, parts)
    assert (fold.fit.astype(int) + fold.calibrate + fold.test).max() == 1
    assert set(rows.loc[fold.test, "as_of_date"].dt.date) == set(parts.test)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(2, 8), st.integers(0, 3))
def test_customer_folds_test_every_row_once_and_never_split_a_group(ids: list[int], folds: int, seed: int) -> None:
    groups = pd.Series([f"g{n}" for n in ids])
    made = customer_folds(groups, SplitSettings(kind="by_customer", folds=folds, seed=seed))
    assert (np.sum([fold.test for fold in made], axis=0) == 1).all()
    for fold in made:
        assert (fold.fit.astype(int) + fold.calibrate + fold.test == 1).all()
        sides = [set(groups[mask]) for mask in (fold.fit, fold.calibrate, fold.test)]
        assert sum(len(side) for side in sides) == groups.nunique()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=50), st.lists(st.integers(61, 90), max_size=50))
def test_new_customers_never_move_old_ones(old: list[int], new: list[int]) -> None:
    split = SplitSettings(kind="by_customer", folds=4)
    before = customer_folds(pd.Series([f"g{n}" for n in old]), split)
    after = customer_folds(pd.Series([f"g{n}" for n in [*old, *new]]), split)
    for former, latter in zip(before, after, strict=True):
        assert (latter.test[: len(old)] == former.test).all()
        assert (latter.calibrate[: len(old)] == former.calibrate).all()

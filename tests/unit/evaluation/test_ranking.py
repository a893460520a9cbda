from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn.evaluation.ranking import (
    auc,
    average_precision,
    group_by_score,
    list_metrics,
    rank_within_dates,
    top_lists,
)


def _areas(score: np.ndarray, churned: np.ndarray) -> tuple[float, float]:
    left, rows = group_by_score(score, churned)
    return auc(score, churned), float(average_precision(left, rows))


@pytest.mark.parametrize("levels", [None, 50, 5, 2], ids=["no ties", "some ties", "many ties", "two values"])
@pytest.mark.parametrize("seed", [0, 1])
def test_auc_and_average_precision_are_those_of_scikit_learn(seed: int, levels: int | None) -> None:
    generator = np.random.default_rng(seed)
    score = generator.normal(size=300) if levels is None else generator.integers(0, levels, 300) / 7
    churned = (generator.random(300) < 0.2 + 0.1 * (score > 0.5)).astype(float)
    expected = roc_auc_score(churned, score), average_precision_score(churned, score)
    assert _areas(score, churned) == pytest.approx(expected, abs=1e-12)


def test_all_scores_equal_is_chance() -> None:
    assert _areas(np.full(6, 0.3), np.array([1.0, 0, 0, 1, 0, 0])) == pytest.approx((0.5, 2 / 6))


@pytest.mark.parametrize("churned", [np.zeros(3), np.ones(3)], ids=["nobody left", "everybody left"])
def test_one_class_has_no_auc(churned: np.ndarray) -> None:
    assert np.isnan(auc(np.array([0.1, 0.2, 0.3]), churned))


def test_without_a_leaver_there_is_no_average_precision() -> None:
    assert np.isnan(average_precision(np.array([0.0, 0.0]), np.array([1.0, 0.0])))


def _rows(ids: list[str], dates: list[str], churned: list[int] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": ids, "as_of_date": pd.to_datetime(dates), "churned": churned or [0] * len(ids)})


class TestTieRule:
    def test_higher_score_then_higher_value_then_lower_id(self) -> None:
        rows = _rows(["c", "a", "b", "d"], ["2024-01-01"] * 4)
        ranks = rank_within_dates(rows, np.array([0.5, 0.5, 0.5, 0.9]), np.array([1.0, 1.0, 7.0, 0.0]))
        assert dict(zip(rows["customer_id"], ranks, strict=True)) == {"d": 1, "b": 2, "a": 3, "c": 4}

    def test_no_value_counts_as_nothing_at_stake(self) -> None:
        rows = _rows(["a", "b"], ["2024-01-01"] * 2)
        assert list(rank_within_dates(rows, np.array([0.5, 0.5]), np.array([np.nan, 3.0]))) == [2, 1]

    def test_ids_are_compared_as_text(self) -> None:
        rows = _rows(["10", "9", "010"], ["2024-01-01"] * 3)
        assert list(rank_within_dates(rows, np.full(3, 0.5))) == [2, 3, 1]

    def test_every_date_is_ranked_by_itself_whatever_the_row_order(self) -> None:
        rows = _rows(["a", "b", "a", "b"], ["2024-02-01", "2024-01-01", "2024-01-01", "2024-02-01"])
        assert list(rank_within_dates(rows, np.array([0.1, 0.2, 0.3, 0.4]))) == [2, 2, 1, 1]

    def test_an_index_of_ones_own_does_not_matter(self) -> None:
        rows = _rows(["a", "b", "c"], ["2024-01-01"] * 3)
        shuffled = rows.set_axis([7, 7, 2])
        score = np.array([0.1, 0.3, 0.2])
        assert list(rank_within_dates(shuffled, score)) == list(rank_within_dates(rows, score)) == [3, 1, 2]


class TestTopLists:
    def test_names_and_lengths_of_the_lists(self) -> None:
        ids = [f"c{n:02}" for n in range(30)]
        rows = _rows(ids, ["2024-01-01"] * 30)
        lists = top_lists(rows, rank_within_dates(rows, np.arange(30.0)), capacity=7)
        assert {top.name: int(top.chosen.sum()) for top in lists} == {"5pct": 2, "10pct": 3, "capacity": 7}

    def test_capacity_is_per_date_and_may_exceed_the_cohort(self) -> None:
        rows = _rows(["a", "b", "a"], ["2024-01-01", "2024-01-01", "2024-02-01"])
        *_, capacity = top_lists(rows, np.array([1, 2, 1]), capacity=5)
        assert capacity.chosen.all()

    def test_precision_capture_and_lift_by_hand(self) -> None:
        assert list_metrics("capacity", *_counts(caught=2, listed=4, leavers=3, rows=10)) == pytest.approx(
            {"precision_at_capacity": 0.5, "capture_rate_at_capacity": 2 / 3, "lift_at_capacity": 0.5 / 0.3}
        )

    def test_nothing_to_measure_is_not_a_number(self) -> None:
        nobody_left = list_metrics("5pct", *_counts(caught=0, listed=1, leavers=0, rows=2))
        assert nobody_left["precision_at_5pct"] == 0
        assert np.isnan([nobody_left["capture_rate_at_5pct"], nobody_left["lift_at_5pct"]]).all()
        assert np.isnan(list_metrics("5pct", *_counts(caught=0, listed=0, leavers=1, rows=2))["lift_at_5pct"])


def _counts(**counts: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([count], dtype=float) for count in counts.values())

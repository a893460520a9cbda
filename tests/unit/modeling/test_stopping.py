from __future__ import annotations

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

from churn.modeling.encoding import build_pipeline
from churn.modeling.hazard import TimeToChurn
from churn.modeling.stopping import LEAST_POSITIVES, LEAST_TREES, MODEST_TREES, choose_tree_count, watching_rows
from tests.unit.modeling.toys import CATALOG, DATES, make_matrix

NUMBERS = ["eng_activity_recency_days", "tickets_open"]


def _pipeline(most: int = 400) -> object:
    model = LGBMClassifier(n_estimators=most, num_leaves=15, learning_rate=0.2, n_jobs=1, verbose=-1, random_state=0)
    return build_pipeline("trees", NUMBERS, CATALOG.categories, model)


def test_the_last_fifth_of_the_dates_watches() -> None:
    matrix = make_matrix(10)
    assert set(matrix.loc[watching_rows(matrix), "as_of_date"]) == {DATES[-1]}


def test_with_one_date_a_fifth_of_the_customers_watches_with_all_their_rows() -> None:
    rows = pd.DataFrame({"customer_id": [f"c{n % 500}" for n in range(1000)], "as_of_date": DATES[0]})
    held = watching_rows(rows)
    assert 0.15 < held.mean() < 0.25
    assert (held[:500] == held[500:]).all()


def test_where_the_split_is_not_in_time_a_fifth_of_the_groups_watches_on_every_date() -> None:
    rows = pd.DataFrame({"customer_id": [f"c{n}" for n in range(1000)], "as_of_date": np.resize(DATES, 1000)})
    rows["group_id"] = [f"g{n // 2}" if n < 900 else None for n in range(1000)]
    held = watching_rows(rows, is_in_time=False)
    assert 0.15 < held.mean() < 0.25
    assert (held[:900:2] == held[1:900:2]).all()
    assert set(rows.loc[held, "as_of_date"]) == set(DATES)


def test_growing_stops_when_later_rows_no_longer_improve() -> None:
    matrix = make_matrix()
    chosen = choose_tree_count(_pipeline(), matrix, matrix["churned"].to_numpy(), patience=10)
    assert LEAST_TREES <= chosen["n_estimators"] < 400


def test_where_watching_is_not_possible_a_modest_number_is_taken() -> None:
    matrix = make_matrix(20)
    target = np.where(matrix["as_of_date"] == DATES[-1], 0, matrix["churned"])
    assert choose_tree_count(_pipeline(), matrix, target, patience=10) == {"n_estimators": MODEST_TREES}


def test_customers_take_turns_where_a_fifth_of_them_has_few_leavers() -> None:
    matrix = make_matrix(1000)
    rows = matrix[matrix["as_of_date"] == DATES[0]].reset_index(drop=True)
    target = rows["churned"].to_numpy()
    held = [watching_rows(rows, turn=turn) for turn in range(5)]
    assert (np.sum(held, axis=0) == 1).all(), "each watches once"
    assert max(target[part].sum() for part in held) < LEAST_POSITIVES <= target.sum()
    chosen = choose_tree_count(_pipeline(), rows, target, patience=10)
    assert LEAST_TREES <= chosen["n_estimators"] < MODEST_TREES


def test_what_followed_the_earlier_rows_is_cut_where_the_later_ones_begin() -> None:
    matrix = make_matrix(2000)
    leaves = matrix["churned"].to_numpy()
    followed = np.column_stack([np.full(len(matrix), 40.0), np.where(leaves, 3.0, np.nan), leaves])
    asked: list[tuple[pd.Timestamp, pd.Timestamp]] = []

    def known_on(rows: pd.DataFrame, until: pd.Timestamp) -> np.ndarray:
        asked.append((rows["as_of_date"].max(), until))
        return followed[rows.index]

    trees = LGBMClassifier(n_estimators=200, n_jobs=1, verbose=-1, random_state=0)
    pipeline = build_pipeline("trees", NUMBERS, CATALOG.categories, TimeToChurn(trees, trees, 30))
    chosen = choose_tree_count(pipeline, matrix, followed, 10, known_on)
    assert list(chosen) == ["leaving__n_estimators"]
    assert LEAST_TREES <= chosen["leaving__n_estimators"] <= 220
    assert asked == [(pd.Timestamp(DATES[-2]), pd.Timestamp(DATES[-1]))]

"""How many trees: grown on some of the fit rows until the others stop improving, then fitted again on all.

The others are to the fit rows what the test rows are to all of them: later dates, or other customers.

With few churners in the later rows the best number of trees is mostly noise (on courses with 60 leavers in the last
week it swung between 30 and 300 from fold to fold). Customers can take turns, and the middle of five numbers counts;
dates cannot: then a fixed, modest number is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from churn.snapshots.splits import draw_share, rows_in

LATER_SHARE = 0.2
GROWTH = 1.1  # all fit rows carry more trees than the earlier part of them did
LEAST_TREES = 30
LEAST_POSITIVES = 200
MODEST_TREES = 200


def watching_rows(rows: pd.DataFrame, is_in_time: bool = True, turn: int = 0) -> np.ndarray:
    """Return which rows are held back to watch, shape (rows,): the last fifth of the as-of dates, at least one.

    Where the split is not one in time, or there is one single date, a fifth of the customers (or groups) is instead;
    `turn` says which, 0 to 4.
    """
    dates = np.sort(rows["as_of_date"].unique())
    if not _is_by_date(dates, is_in_time):
        groups = rows["group_id"].fillna(rows["customer_id"]) if "group_id" in rows else rows["customer_id"]
        drawn = {group: int(draw_share(str(group), seed=1) / LATER_SHARE) for group in groups.unique()}
        return np.asarray(groups.map(drawn) == turn)
    held = dates[-max(1, round(len(dates) * LATER_SHARE)) :]
    return rows["as_of_date"].isin(held).to_numpy()


def _is_by_date(dates: np.ndarray, is_in_time: bool) -> bool:
    return is_in_time and len(dates) > 1


def _watched(rows: pd.DataFrame, target: np.ndarray, is_in_time: bool) -> list[np.ndarray]:
    """Return the rows to watch: one part, or every fifth of the customers in turn where one of them has few leavers."""
    leaves = (target if target.ndim == 1 else target[:, -1]) > 0

    def is_enough(held: np.ndarray) -> bool:
        return bool(min(leaves[held].sum(), (~leaves)[held].sum()) >= LEAST_POSITIVES)

    held = watching_rows(rows, is_in_time)
    if is_enough(held):
        return [held]
    if _is_by_date(rows["as_of_date"].unique(), is_in_time) or not is_enough(np.ones(len(rows), dtype=bool)):
        return []
    return [watching_rows(rows, is_in_time, turn) for turn in range(round(1 / LATER_SHARE))]


def choose_tree_count(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: np.ndarray,
    patience: int,
    known_on: Callable[..., np.ndarray] | None = None,
    weight: np.ndarray | None = None,
    is_in_time: bool = True,
) -> dict[str, Any]:
    """Return the parameters, numbers of trees and what else the model finds, that the rows held back ask for.

    Parameters
    ----------
    pipeline
        Unfitted `encode` -> `model`: a LightGBM classifier, or one made of them that names its `tree_counts`. Its
        numbers of trees are the most that may be grown.
    rows
        Fit rows: `customer_id`, `as_of_date` and the features.
    target
        Outcome, 0 of who stayed, shape (rows,); or what followed, shape (rows, 3), see `follow_up`.
    patience
        Rounds without improvement of the log loss after which growing stops.
    known_on
        The target of rows as it was known on a date. Where customers are followed for long, the earlier rows would else
        have seen what the later ones are watched for.
    weight
        How many rows each row stands for, shape (rows,).
    is_in_time
        Whether the model is meant for later dates, as a temporal split measures it, or for other customers.
    """
    parameters = getattr(pipeline["model"], "tree_counts", ("n_estimators",))
    found: list[dict[str, Any]] = []
    for held in _watched(rows, target, is_in_time):
        model = _grow(pipeline, rows, target, held, patience, known_on, weight)
        counts = np.atleast_1d(model.best_iteration_).tolist()
        found.append({**dict(zip(parameters, counts, strict=True)), **getattr(model, "found_", {})})
    if not found:
        return dict.fromkeys(parameters, MODEST_TREES)
    middle = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    return middle | {name: max(LEAST_TREES, round(middle[name] * GROWTH)) for name in parameters}


def _grow(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: np.ndarray,
    held: np.ndarray,
    patience: int,
    known_on: Callable[..., np.ndarray] | None,
    weight: np.ndarray | None,
) -> Any:
    """Return the model fitted on all rows but those held, growing for as long as these improve."""
    from lightgbm import early_stopping

    trial, dates = clone(pipeline), rows["as_of_date"]
    is_later = known_on is not None and dates[held].min() > dates[~held].max()
    earlier, later = rows_in(rows, ~held), rows_in(rows, held)
    before = known_on(earlier, until=dates[held].min()) if known_on and is_later else target[~held]
    return trial["model"].fit(
        trial["encode"].fit_transform(earlier),
        before,
        sample_weight=None if weight is None else weight[~held],
        eval_X=trial["encode"].transform(later),
        eval_y=target[held],
        eval_sample_weight=None if weight is None else [weight[held]],
        eval_metric="binary_logloss",
        callbacks=[early_stopping(patience, verbose=False)],
    )

"""How many trees: grown on the earlier fit rows until the later ones stop improving, then fitted again on all.

With few churners in the later rows the best number of trees is mostly noise (on courses with 60 leavers in the last
week it swung between 30 and 300 from fold to fold); then a fixed, modest number is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from churn.snapshots.splits import draw_share

LATER_SHARE = 0.2
GROWTH = 1.1  # all fit rows carry more trees than the earlier part of them did
LEAST_TREES = 30
LEAST_POSITIVES = 200
MODEST_TREES = 200


def later_rows(rows: pd.DataFrame) -> np.ndarray:
    """Return which rows are held back to watch, shape (rows,): the last fifth of the as-of dates, at least one.

    With one single date there is no later one: a fifth of the customers is held back instead.
    """
    dates = np.sort(rows["as_of_date"].unique())
    if len(dates) == 1:
        return np.array([draw_share(str(c), seed=1) < LATER_SHARE for c in rows["customer_id"]])
    held = dates[-max(1, round(len(dates) * LATER_SHARE)) :]
    return rows["as_of_date"].isin(held).to_numpy()


def choose_tree_count(pipeline: Pipeline, rows: pd.DataFrame, target: np.ndarray, patience: int) -> dict[str, Any]:
    """Return the estimator parameters with the number of trees that later rows ask for.

    Parameters
    ----------
    pipeline
        Unfitted `encode` -> `model`, a LightGBM classifier whose `n_estimators` is the most that may be grown.
    rows
        Fit rows: `customer_id`, `as_of_date` and the features.
    target
        Outcome of 0 and 1, shape (rows,).
    patience
        Rounds without improvement of the log loss after which growing stops.
    """
    from lightgbm import early_stopping

    held = later_rows(rows)
    if min(target[held].sum(), (1 - target[held]).sum()) < LEAST_POSITIVES:
        return {"n_estimators": MODEST_TREES}
    trial = clone(pipeline)
    earlier = trial["encode"].fit_transform(rows[~held])
    model = trial["model"].fit(
        earlier,
        target[~held],
        eval_X=trial["encode"].transform(rows[held]),
        eval_y=target[held],
        eval_metric="binary_logloss",
        callbacks=[early_stopping(patience, verbose=False)],
    )
    return {"n_estimators": max(LEAST_TREES, round(model.best_iteration_ * GROWTH))}

"""How well a score ranks: AUC, average precision, and what a list of a given length catches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


def area_under_roc(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve; ties count half.

    Parameters
    ----------
    positive, negative
        Leavers and stayers of each group of equal scores, in ascending order; shape (groups, ...), one area per column.
    """
    below = np.cumsum(negative, axis=0) - 0.5 * negative
    pairs = np.asarray(positive.sum(axis=0) * negative.sum(axis=0))
    return share_of((positive * below).sum(axis=0), pairs)


def average_precision(positive: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the average precision: precision at each threshold, weighted by the recall it adds.

    Parameters
    ----------
    positive, rows
        Leavers and all rows of each group of equal scores, in ascending order; shape (groups, ...).
    """
    caught, listed = (np.cumsum(counts[::-1], axis=0)[::-1] for counts in (positive, rows))
    precision = np.divide(caught, listed, out=np.zeros_like(caught), where=listed > 0)
    return share_of((precision * positive).sum(axis=0), caught[0])


def group_by_score(score: np.ndarray, churned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return leavers and rows of each group of equal scores, in ascending order, shape (groups,).

    Parameters
    ----------
    score
        Higher means more likely to leave, shape (rows,).
    churned
        Outcome of 0 and 1, or the chance of it, shape (rows,).
    """
    _, group = np.unique(score, return_inverse=True)
    return np.bincount(group, churned), np.bincount(group).astype(float)


def auc(score: np.ndarray, churned: np.ndarray) -> float:
    """Return the area under the ROC curve of one score, shape (rows,); ties count half."""
    positive, rows = group_by_score(score, churned)
    return float(area_under_roc(positive, rows - positive))


@dataclass(frozen=True)
class TopList:
    """A list of the highest-ranked rows of each as-of date: `chosen` is a boolean mask, shape (rows,)."""

    name: str
    chosen: np.ndarray


def list_metrics(
    name: str, caught: np.ndarray, listed: np.ndarray, leavers: np.ndarray, rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Return precision, capture rate and lift of a list, out of counts of any shape; nothing to measure gives NaN.

    Parameters
    ----------
    caught, listed
        Leavers on the list and its length.
    leavers, rows
        Leavers and rows altogether.
    """
    precision, rate = share_of(caught, listed), share_of(leavers, rows)
    return {
        f"precision_at_{name}": precision,
        f"capture_rate_at_{name}": share_of(caught, leavers),
        f"lift_at_{name}": share_of(precision, rate),
    }


def share_of(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part by whole, shape as given; not a number where the whole is nothing."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


def rank_within_dates(rows: pd.DataFrame, score: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    """Return ranks 1, 2, ... within each as-of date, shape (rows,); a permutation on every date.

    The tie rule: higher score first, then higher value, then customer id in ascending order.
    """
    keys = pd.DataFrame(
        {
            "as_of_date": rows["as_of_date"].to_numpy(),
            "score": -score,
            "value": -np.nan_to_num(value) if value is not None else 0.0,
            "customer_id": rows["customer_id"].to_numpy(),
        }
    )
    order = keys.sort_values(["as_of_date", "score", "value", "customer_id"], kind="stable").index.to_numpy()
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = keys.loc[order].groupby("as_of_date", sort=False).cumcount().to_numpy() + 1
    return ranks


def top_lists(rows: pd.DataFrame, ranks: np.ndarray, capacity: int) -> list[TopList]:
    """Return the lists that are reported: the top 5 and 10 % of each date, and the team's capacity."""
    sizes = rows.groupby("as_of_date")["customer_id"].transform("size").to_numpy()
    lists = [TopList(f"{percent}pct", ranks <= np.ceil(sizes * percent / 100)) for percent in (5, 10)]
    return [*lists, TopList("capacity", ranks <= capacity)]

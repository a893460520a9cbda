"""How well a score ranks: AUC, average precision, and what a list of a given length catches.

Weights let one sorted score be measured under many resamplings of its customers without sorting again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


class RankedScore:
    """A score sorted once, to be measured under different weights.

    Parameters
    ----------
    score
        Higher means more likely to leave, shape (rows,).
    churned
        Outcome of 0 and 1, shape (rows,).
    """

    def __init__(self, score: np.ndarray, churned: np.ndarray) -> None:
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._positive = churned[self._order].astype(float)

    def _grouped(self, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        weight = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive = np.add.reduceat(weight * self._positive, self._starts)
        return positive, np.add.reduceat(weight, self._starts) - positive

    def auc(self, weights: np.ndarray | None = None) -> float:
        """Return the area under the ROC curve; ties count half."""
        positive, negative = self._grouped(weights)
        below = negative.sum() - np.cumsum(negative)
        total = positive.sum() * negative.sum()
        return float((positive * (below + 0.5 * negative)).sum() / total) if total else float("nan")

    def average_precision(self, weights: np.ndarray | None = None) -> float:
        """Return the average precision: precision at each threshold, weighted by the recall it adds."""
        positive, negative = self._grouped(weights)
        caught, listed = np.cumsum(positive), np.cumsum(positive + negative)
        if not caught[-1]:
            return float("nan")
        precision = np.divide(caught, listed, out=np.zeros_like(caught), where=listed > 0)
        return float((precision * positive).sum() / caught[-1])


@dataclass(frozen=True)
class TopList:
    """A list of the highest-ranked rows of each as-of date: `chosen` is a boolean mask, shape (rows,)."""

    name: str
    chosen: np.ndarray

    def measure(self, churned: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return precision, capture rate and lift of the list."""
        weight = np.ones(len(churned)) if weights is None else weights
        caught = float((weight * churned * self.chosen).sum())
        listed, leavers = float((weight * self.chosen).sum()), float((weight * churned).sum())
        rate = leavers / float(weight.sum())
        precision = caught / listed if listed else float("nan")
        return {
            f"precision_at_{self.name}": precision,
            f"capture_rate_at_{self.name}": caught / leavers if leavers else float("nan"),
            f"lift_at_{self.name}": precision / rate if rate else float("nan"),
        }


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

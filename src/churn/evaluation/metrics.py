"""Every metric of one model on the test rows, prepared so that hundreds of resamples of customers cost little.

Under weights every metric is made of sums that are linear in them: rows, predictions and leavers of each stretch of the
ranking, losses, and what lists hold. One sparse product takes all sums of all resamples, and nothing is sorted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack

from churn.core.settings import MoneySettings
from churn.evaluation.money import maximum_profit
from churn.evaluation.ranking import TopList, area_under_roc, average_precision, list_metrics
from churn.evaluation.reliability import BINS, calibration_line, place_values, row_losses

WORDS = {"auc": "AUC", "empc": "EMPC, money per customer"}
LINE_POINTS = 2000
NOISE = "calibration_noise"  # of resamples alone; no metric


def in_words(metric: str) -> str:
    """Return a metric as people write it.

    Examples
    --------
    >>> in_words("auc"), in_words("average_precision"), in_words("lift_at_10pct")
    ('AUC', 'average precision', 'lift at 10 %')
    """
    return WORDS.get(metric, metric.replace("_", " ").replace("pct", " %"))


class Stretches(NamedTuple):
    """Rows of neighbouring scores, in ascending order, that no metric has to tell apart.

    `of_row` is the stretch of each row; `bins` and `points` are where the bins of the calibration error and the points
    of the calibration line begin among the stretches.
    """

    of_row: np.ndarray
    bins: np.ndarray
    points: np.ndarray


def find_stretches(probability: np.ndarray, churned: np.ndarray) -> Stretches:
    """Return the stretches: a probability that a leaver has is one by itself, the others lie together between them."""
    _, of_row, rows = np.unique(probability, return_inverse=True, return_counts=True)
    has_leaver = np.bincount(of_row, churned) > 0
    bins, points = (place_values(rows, count) for count in (BINS, min(LINE_POINTS, len(churned))))
    is_first = np.r_[True, has_leaver[1:] | has_leaver[:-1] | (np.diff(bins) > 0) | (np.diff(points) > 0)]
    bin_of, point_of = (np.r_[-1, places[is_first]] for places in (bins, points))
    starts = (np.flatnonzero(np.diff(places)) for places in (bin_of, point_of))
    return Stretches((np.cumsum(is_first) - 1)[of_row], *starts)


class Measured:
    """One model on rows with known outcome.

    Parameters
    ----------
    churned
        Outcome of 0 and 1, shape (rows,).
    probability
        Calibrated probabilities, shape (rows,).
    lists
        The lists whose precision, capture and lift are reported.
    money
        Costs and value for EMPC, which is left out without them.
    """

    def __init__(
        self, churned: np.ndarray, probability: np.ndarray, lists: Sequence[TopList], money: MoneySettings | None = None
    ) -> None:
        self.lists = lists
        self.money = money
        self._stretches = find_stretches(probability, churned)
        losses = row_losses(probability, churned)
        self._losses = tuple(losses)
        summed = (np.ones_like(churned), probability, churned)
        by_stretch = [_by_group(self._stretches.of_row, of_row) for of_row in summed]
        chosen = [row for top in lists for row in (top.chosen * churned, top.chosen.astype(float))]
        self._sums = vstack([*by_stretch, *(csr_matrix(row) for row in [*losses.values(), *chosen])], format="csr")
        self._line: tuple[np.ndarray, np.ndarray] | None = None
        self._gaps: np.ndarray | None = None
        self._as_they_are = self.resample(np.ones((len(churned), 1)))
        self._line = self._as_they_are["calibration_slope"], self._as_they_are["calibration_intercept"]

    def measure(self) -> dict[str, float]:
        """Return every metric of the rows as they are."""
        return {name: float(values[0]) for name, values in self._as_they_are.items() if name != NOISE}

    def resample(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return every metric under each column of row weights, (rows, draws); shape (draws,) each.

        And, as NOISE, how far the gaps between predicted and observed are from those of the rows as they are.
        """
        width = int(self._stretches.of_row.max()) + 1
        rows, predicted, leavers, sums = np.split(self._sums @ weights, [width, 2 * width, 3 * width])
        losses, listed = np.split(sums, [len(self._losses)])
        total, left = rows.sum(axis=0), leavers.sum(axis=0)
        gaps = np.add.reduceat(predicted - leavers, self._stretches.bins) / total
        self._gaps = gaps if self._gaps is None else self._gaps  # of the rows as they are, which come first
        slope, intercept, empc = self._lines(rows, predicted, leavers)
        metrics = {
            "auc": area_under_roc(leavers, rows - leavers),
            "average_precision": average_precision(leavers, rows),
            **{name: loss / total for name, loss in zip(self._losses, losses, strict=True)},
            "calibration_error": np.abs(gaps).sum(axis=0),
            NOISE: np.abs(gaps - self._gaps).sum(axis=0),
            "mean_predicted": predicted.sum(axis=0) / total,
            "observed_rate": left / total,
            "calibration_slope": slope,
            "calibration_intercept": intercept,
            **empc,
        }
        for top, caught, length in zip(self.lists, listed[::2], listed[1::2], strict=True):
            metrics |= list_metrics(top.name, caught, length, left, total)
        return metrics

    def _lines(
        self, rows: np.ndarray, predicted: np.ndarray, leavers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return slope and intercept of the calibration line, and EMPC, out of up to 2,000 equal-mass points."""
        total, said, left = (np.add.reduceat(sums, self._stretches.points) for sums in (rows, predicted, leavers))
        said, left = (np.divide(sums, total, out=np.full_like(sums, 0.5), where=total > 0) for sums in (said, left))
        slope, intercept = calibration_line(said, left, total, self._line)
        if self.money is None:
            return slope, intercept, {}
        kept = [rows > 0 for rows in total.T]
        profits = [
            maximum_profit(observed[is_there][::-1], weight[is_there][::-1], self.money).profit
            for observed, weight, is_there in zip(left.T, total.T, kept, strict=True)
        ]
        return slope, intercept, {"empc": np.array(profits)}


def _by_group(of_row: np.ndarray, values: np.ndarray) -> csr_matrix:
    """Return the matrix that sums rows by group: each row's value in the line of its group."""
    (kept,) = values.nonzero()
    return csr_matrix((values[kept], (of_row[kept], kept)), shape=(int(of_row.max()) + 1, len(values)))

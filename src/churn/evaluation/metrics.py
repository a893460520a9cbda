"""Every metric of one model on the test rows, prepared so that a resample of customers costs little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from churn.core.settings import MoneySettings
from churn.evaluation.money import maximum_profit
from churn.evaluation.ranking import RankedScore, TopList
from churn.evaluation.reliability import calibration_error, calibration_line, equal_mass_bins, row_losses

LINE_POINTS = 2000


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
        self.churned = churned
        self.probability = probability
        self.lists = lists
        self.money = money
        self._ranked = RankedScore(probability, churned)
        self._bins = equal_mass_bins(probability)
        self._losses = row_losses(probability, churned)
        self._points = equal_mass_bins(probability, min(LINE_POINTS, len(churned)))

    def measure(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric under row weights, shape (rows,)."""
        metrics = {
            "auc": self._ranked.auc(weights),
            "average_precision": self._ranked.average_precision(weights),
            **{name: float(np.average(loss, weights=weights)) for name, loss in self._losses.items()},
            "calibration_error": calibration_error(self.probability, self.churned, self._bins, weights),
            "mean_predicted": float(np.average(self.probability, weights=weights)),
            "observed_rate": float(np.average(self.churned, weights=weights)),
        }
        total, predicted, observed = self._grouped(weights)
        slope, intercept = calibration_line(predicted, observed, total)
        metrics |= {"calibration_slope": slope, "calibration_intercept": intercept}
        if self.money is not None:
            metrics["empc"] = maximum_profit(observed[::-1], total[::-1], self.money).profit
        for top in self.lists:
            metrics |= top.measure(self.churned, weights)
        return metrics

    def _grouped(self, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows, mean prediction and observed rate of up to 2,000 equal-mass points, in ascending order."""
        weight = np.ones(len(self.churned)) if weights is None else weights
        of_row, number = self._points
        total = np.bincount(of_row, weight, minlength=number)
        kept = total > 0
        predicted = np.bincount(of_row, weight * self.probability, minlength=number)[kept]
        observed = np.bincount(of_row, weight * self.churned, minlength=number)[kept]
        return total[kept], predicted / total[kept], observed / total[kept]

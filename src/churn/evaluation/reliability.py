"""Whether probabilities mean what they say: log loss, Brier score, calibration error, slope and intercept."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

EDGE = 1e-7
BINS = 15
NEWTON_STEPS = 25
HALVINGS = 30


class Bins(NamedTuple):
    """Equal-mass bins of a probability: the bin of each row, and the number of bins."""

    of_row: np.ndarray
    number: int


def equal_mass_bins(probability: np.ndarray, count: int = BINS) -> Bins:
    """Return bins that hold about as many rows each; rows with equal probability share one."""
    _, of_value, rows = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2  # a value's place is that of its middle row, however many rows share it
    return Bins((middle * count // rows.sum()).astype(int)[of_value], count)


def row_losses(probability: np.ndarray, churned: np.ndarray) -> dict[str, np.ndarray]:
    """Return log loss and Brier score per row, shape (rows,) each; their weighted means are the metrics."""
    clipped = np.clip(probability, EDGE, 1 - EDGE)
    return {
        "log_loss": -(churned * np.log(clipped) + (1 - churned) * np.log1p(-clipped)),
        "brier": (probability - churned) ** 2,
    }


def calibration_error(
    probability: np.ndarray, churned: np.ndarray, bins: Bins, weights: np.ndarray | None = None
) -> float:
    """Return the expected calibration error: mean distance of predicted and observed rate over equal-mass bins.

    References
    ----------
    Naeini, Cooper, Hauskrecht 2015; equal-mass bins after Nixon et al. 2019.
    """
    weight = np.ones(len(churned)) if weights is None else weights
    gap = np.bincount(bins.of_row, weight * (probability - churned), minlength=bins.number)
    return float(np.abs(gap).sum() / weight.sum())


def calibration_line(
    probability: np.ndarray, churned: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Return slope and intercept of the outcome regressed on the predicted log-odds (1 and 0 when perfect).

    Not a number when the probabilities do not vary or the outcomes are separated.

    References
    ----------
    Cox 1958; Van Calster et al. 2019 for slope and intercept as measures of calibration.
    """
    weight = np.ones(len(churned)) if weights is None else weights
    clipped = np.clip(probability, EDGE, 1 - EDGE)
    x = np.log(clipped) - np.log1p(-clipped)
    rate = float(np.average(churned, weights=weight))
    if np.ptp(x) < EDGE or not 0 < rate < 1:
        return float("nan"), float("nan")
    line, worth = np.array([0.0, np.log(rate / (1 - rate))]), np.inf
    inputs = np.column_stack([x, np.ones_like(x)])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(inputs @ line, -30, 30)))
        information = (inputs * (weight * p * (1 - p))[:, None]).T @ inputs
        try:
            step = np.linalg.solve(information, inputs.T @ (weight * (churned - p)))
        except np.linalg.LinAlgError:
            break
        if np.abs(step).max() < 1e-6:
            return float(line[0]), float(line[1])
        line, worth = _downhill(line, step, worth, lambda at: _log_loss(inputs @ at, churned, weight))
    return float("nan"), float("nan")


def _downhill(
    start: np.ndarray, step: np.ndarray, worth: float, loss: Callable[[np.ndarray], float]
) -> tuple[np.ndarray, float]:
    """Return where a step leads and the loss there; a full step may run away, then it is halved until it does not."""
    worth = min(worth, loss(start))
    for _ in range(HALVINGS):
        if (there := loss(start + step)) <= worth:
            return start + step, there
        step = step / 2
    return start, worth


def _log_loss(log_odds: np.ndarray, churned: np.ndarray, weight: np.ndarray) -> float:
    return float((weight * (np.logaddexp(0, log_odds) - churned * log_odds)).sum())


def reliability_table(probability: np.ndarray, churned: np.ndarray, bins: Bins) -> list[dict[str, float]]:
    """Return one row per bin: `rows`, mean `predicted`, `observed` rate."""
    rows = np.bincount(bins.of_row, minlength=bins.number)
    predicted = np.bincount(bins.of_row, probability, minlength=bins.number)
    observed = np.bincount(bins.of_row, churned, minlength=bins.number)
    return [
        {"rows": int(n), "predicted": float(p / n), "observed": float(o / n)}
        for n, p, o in zip(rows, predicted, observed, strict=True)
        if n
    ]

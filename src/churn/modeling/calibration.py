"""From raw scores (log-odds) to probabilities, fitted on later dates than the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

LEAST_SLOPE = 0.01
LINE_SHARE = 0.01
PRIOR_LEAVERS = 20
BISECTIONS = 60
FURTHEST = 20.0  # in log-odds: from one in a thousand million to all but one
Method = Literal["none", "sigmoid", "isotonic", "centred"]


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Return probabilities of log-odds, without overflow; shape as given."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds, dtype=float))))


def logit(probability: np.ndarray, edge: float = 1e-9) -> np.ndarray:
    """Return log-odds of probabilities, clipped `edge` away from 0 and 1; shape as given."""
    clipped = np.clip(probability, edge, 1 - edge)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


@dataclass(frozen=True)
class Calibrator:
    """A monotone map from raw score to probability.

    `sigmoid`: sigmoid(slope * raw + intercept). `isotonic`: linear between (`x`, `y`). `none`: sigmoid(raw). `centred`:
    linear between the centres (`x`, `y`) of isotonic steps, with a hundredth of the sigmoid's part, so that it rises
    everywhere and no two different scores become one probability. `shift` is added to every raw score first.
    """

    method: Method
    slope: float = 1.0
    intercept: float = 0.0
    shift: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def predict(self, raw_score: np.ndarray) -> np.ndarray:
        """Return probabilities; shape as given."""
        raw_score = np.asarray(raw_score, dtype=float) + self.shift
        if self.method == "isotonic":
            return np.asarray(np.interp(raw_score, self.x, self.y))
        line = sigmoid(self.slope * raw_score + self.intercept)
        if self.method == "centred":
            return np.asarray((1 - LINE_SHARE) * np.interp(raw_score, self.x, self.y) + LINE_SHARE * line)
        return line

    def moved_to(self, raw_score: np.ndarray, churned: np.ndarray, weight: np.ndarray | None = None) -> Calibrator:
        """Return the same map for another model's raw scores (rows,): their mean probability is the share that churned.

        `none` stays as it is.
        """
        if self.method == "none":
            return self

        def mean(shift: float) -> float:
            return float(np.average(replace(self, shift=shift).predict(raw_score), weights=weight))

        rate = float(np.average(churned, weights=weight))
        return replace(self, shift=_where_mean_is(rate, mean, -FURTHEST, FURTHEST))

    def to_dict(self) -> dict[str, Any]:
        """Return plain content for JSON."""
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "shift": self.shift,
            "x": self.x,
            "y": self.y,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibrator:
        """Return the calibrator that `to_dict` wrote."""
        return cls(**{**content, "x": tuple(content["x"]), "y": tuple(content["y"])})


def fit_calibrator(
    method: Method, raw_score: np.ndarray, churned: np.ndarray, weight: np.ndarray | None = None
) -> Calibrator:
    """Return the calibrator fitted on raw scores (rows,) and outcomes (rows,) of 0 and 1.

    With weights (rows,) each row stands for so many, and probabilities come out at the rate of all of them.

    A fitted slope at or below zero would turn the ranking round: it is set to `LEAST_SLOPE`.

    References
    ----------
    Platt 1999 (sigmoid), Zadrozny and Elkan 2002 (isotonic), Oron and Flournoy 2017 (centred isotonic).
    """
    if method == "none" or len(np.unique(churned)) < 2:
        return Calibrator("none")
    if method == "isotonic":
        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        fitted = steps.fit(raw_score, churned, sample_weight=weight)
        return Calibrator("isotonic", x=tuple(fitted.X_thresholds_), y=tuple(fitted.y_thresholds_))
    weights = np.ones(len(churned)) if weight is None else weight
    line = _fit_line(raw_score, churned, weights)
    if method == "centred":
        x, y = _centres(raw_score, churned, weights)
        return replace(line, method="centred", x=x, y=y)
    return line


def _centres(
    raw_score: np.ndarray, churned: np.ndarray, weight: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the centres of isotonic steps: mean score and rate of each, the rates rising strictly."""
    steps = IsotonicRegression(y_min=0.0, y_max=1.0).fit(raw_score, churned, sample_weight=weight)
    rates, step = np.unique(steps.predict(raw_score), return_inverse=True)
    centres = np.bincount(step, weight * raw_score) / np.bincount(step, weight)
    return tuple(centres.tolist()), tuple(rates.tolist())


def _fit_line(raw_score: np.ndarray, churned: np.ndarray, weight: np.ndarray) -> Calibrator:
    """Return the sigmoid; with few leavers its slope is mostly noise, and is drawn towards one."""
    line = LogisticRegression(C=np.inf, max_iter=1000).fit(raw_score.reshape(-1, 1), churned, sample_weight=weight)
    free = float(line.coef_[0, 0])
    leavers = float(churned.sum())
    slope = 1 + (free - 1) * leavers / (leavers + PRIOR_LEAVERS)
    slope = max(slope, LEAST_SLOPE)
    return Calibrator("sigmoid", slope, _find_intercept(slope * raw_score, churned, weight))


def _find_intercept(log_odds: np.ndarray, churned: np.ndarray, weight: np.ndarray) -> float:
    """Return the shift of log-odds under which their mean probability is the share that churned, by bisection."""
    rate = float(np.average(churned, weights=weight))
    centre = float(logit(np.array([rate]))[0])

    def mean(shift: float) -> float:
        return float(np.average(sigmoid(log_odds + shift), weights=weight))

    return _where_mean_is(rate, mean, centre - float(log_odds.max()), centre - float(log_odds.min()))


def _where_mean_is(rate: float, mean: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising mean meets the rate, by bisection."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < rate else (low, middle)
    return (low + high) / 2

"""From raw scores (log-odds) to probabilities, fitted on later dates than the model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

log = logging.getLogger(__name__)
LEAST_SLOPE = 0.01


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Return probabilities of log-odds, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds, dtype=float))))


def logit(probability: np.ndarray, edge: float = 1e-9) -> np.ndarray:
    """Return log-odds of probabilities, clipped `edge` away from 0 and 1."""
    clipped = np.clip(probability, edge, 1 - edge)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


@dataclass(frozen=True)
class Calibrator:
    """A monotone map from raw score to probability.

    `sigmoid`: sigmoid(slope * raw + intercept). `isotonic`: linear between (`x`, `y`). `none`: sigmoid(raw).
    """

    method: Literal["none", "sigmoid", "isotonic"]
    slope: float = 1.0
    intercept: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def predict(self, raw_score: np.ndarray) -> np.ndarray:
        """Return probabilities; shape as given."""
        if self.method == "isotonic":
            return np.asarray(np.interp(raw_score, self.x, self.y))
        return sigmoid(self.slope * raw_score + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Return plain content for JSON."""
        return {"method": self.method, "slope": self.slope, "intercept": self.intercept, "x": self.x, "y": self.y}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibrator:
        """Return the calibrator that `to_dict` wrote."""
        return cls(**{**content, "x": tuple(content["x"]), "y": tuple(content["y"])})


def fit_calibrator(
    method: Literal["none", "sigmoid", "isotonic"], raw_score: np.ndarray, churned: np.ndarray
) -> Calibrator:
    """Return the calibrator fitted on raw scores (rows,) and outcomes (rows,) of 0 and 1.

    A fitted slope at or below zero would turn the ranking round: it is set to a small positive value and said.

    References
    ----------
    Platt 1999 (sigmoid), Zadrozny and Elkan 2002 (isotonic).
    """
    if method == "none" or len(np.unique(churned)) < 2:
        return Calibrator("none")
    if method == "isotonic":
        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw_score, churned)
        return Calibrator("isotonic", x=tuple(fitted.X_thresholds_), y=tuple(fitted.y_thresholds_))
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(raw_score.reshape(-1, 1), churned)
    slope = float(fitted.coef_[0, 0])
    if slope < LEAST_SLOPE:
        log.warning("calibration: scores do not rise with the outcome on the calibration dates (slope %.3f)", slope)
        rate = logit(np.array([churned.mean()]))[0]
        return Calibrator("sigmoid", LEAST_SLOPE, float(rate - LEAST_SLOPE * raw_score.mean()))
    return Calibrator("sigmoid", slope, float(fitted.intercept_[0]))

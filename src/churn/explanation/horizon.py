"""Contributions to the log-odds of leaving within a horizon, from contributions to the hazard of each week."""

from __future__ import annotations

import numpy as np

from churn.explanation.paths import mean_gradient, share_out
from churn.modeling.hazard import TimeToChurn, log_odds_of


def explain_horizon(model: TimeToChurn, encoded: np.ndarray) -> tuple[np.ndarray, float]:
    """Return contributions (rows, inputs) and the base; their sum is the model's `decision_function`.

    Exact tree SHAP gives contributions to each week's log-odds. They are carried through the function from the weeks'
    log-odds to those of the horizon by its gradient, averaged along the straight line from the base to the row. What
    the number of the week itself contributes is part of the base; where it interacts with inputs, they share it by
    weight.

    References
    ----------
    Sundararajan, Taly, Yan 2017 (integrated gradients); Chen, Lundberg, Lee 2022 (Shapley values through a series of
    models).
    """
    shares = model.exposures(model.horizon_days)
    by_week = np.stack([model.contributions(encoded, number) for number in range(len(shares))], axis=1)
    base = by_week[..., -1] + model.period_effects_[: len(shares)]
    values = share_out(by_week[..., :-2], by_week[..., -2] - model.period_effects_[: len(shares)])
    path = values.sum(axis=-1)

    def gradient(margins: np.ndarray) -> np.ndarray:
        hazard = np.logaddexp(0.0, margins) @ shares
        return np.asarray(shares / (1 + np.exp(-margins)) / -np.expm1(-hazard)[:, None])

    weights = mean_gradient(base, path, gradient)
    summed = np.einsum("rw,rwi->ri", weights, values)
    start = float(log_odds_of(np.logaddexp(0.0, base[:1]) @ shares)[0]) if len(encoded) else 0.0
    missing = log_odds_of(np.logaddexp(0.0, base + path) @ shares) - start - summed.sum(axis=1)
    return share_out(summed, missing), start

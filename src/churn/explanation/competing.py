"""Contributions to the log-odds of leaving, from contributions to the hazard of each cause."""

from __future__ import annotations

import numpy as np

from churn.explanation.paths import mean_gradient, share_out
from churn.explanation.trees import explain_trees
from churn.modeling.blend import Blend
from churn.modeling.competing import CompetingCauses
from churn.modeling.hazard import log_odds_of


def explain_causes(model: CompetingCauses, encoded: np.ndarray) -> tuple[np.ndarray, float]:
    """Return contributions (rows, inputs) and the base; their sum is the model's `decision_function`.

    Exact tree SHAP gives contributions to what each ensemble adds to log-hazards. They are carried to the log-odds by
    its gradient, averaged along the straight line from the base to the row: a cause counts for as much as it has of the
    whole hazard, and what is common to causes for as much as they have together.

    References
    ----------
    Sundararajan, Taly, Yan 2017 (integrated gradients); Chen, Lundberg, Lee 2022 (Shapley values through a series of
    models).
    """
    grown, loadings = model.grown(encoded), model.loadings_
    parts = [
        explain_trees(booster, encoded[:, columns], grown[:, ensemble])
        for ensemble, (booster, columns) in enumerate(zip(model.boosters_, model.columns_, strict=True))
    ]
    base = model.start_ + loadings @ np.array([start for _, start in parts])
    margins = model.start_ + grown @ loadings.T
    weights = mean_gradient(base, margins - base, _gradient) @ loadings
    summed = np.zeros(encoded.shape)
    for ensemble, ((values, _), columns) in enumerate(zip(parts, model.columns_, strict=True)):
        summed[:, columns] += weights[:, [ensemble]] * values
    start = float(log_odds_of(np.exp(base).sum()))
    missing = log_odds_of(np.exp(margins).sum(axis=1)) - start - summed.sum(axis=1)
    return share_out(summed, missing), start


def explain_blend(model: Blend, encoded: np.ndarray) -> tuple[np.ndarray, float]:
    """Return contributions (rows, inputs) and the base of a blend: the mean of its two parts', by their shares."""
    values, start = np.zeros(encoded.shape), 0.0
    one, _ = model.scores(encoded)
    if model.one_ is not None:
        of_one, base = explain_trees(model.one_.booster_, encoded, one)
        values, start = (1 - model.share_) * of_one, (1 - model.share_) * base
    if model.causes_ is not None:
        of_causes, base = explain_causes(model.causes_, encoded)
        values, start = values + model.share_ * of_causes, start + model.share_ * base
    return values, start


def _gradient(margins: np.ndarray) -> np.ndarray:
    """Return the gradient of the log-odds by each log-hazard, shape (rows, causes) both."""
    hazards = np.exp(margins)
    return np.asarray(hazards / -np.expm1(-hazards.sum(axis=1, keepdims=True)))

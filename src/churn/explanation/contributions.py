"""Exact contributions of features to the raw score, in log-odds."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from churn.core.errors import DataRefused
from churn.explanation.competing import explain_blend, explain_causes
from churn.explanation.horizon import explain_horizon
from churn.explanation.trees import explain_trees
from churn.modeling.blend import Blend
from churn.modeling.bundle import Bundle
from churn.modeling.competing import CompetingCauses
from churn.modeling.encoding import feature_of_output
from churn.modeling.hazard import TimeToChurn

TOLERANCE = 1e-6


class Contributions(NamedTuple):
    """`values` of shape (rows, features) in catalogue order; `base` is the score of nobody in particular.

    For every row `base + values.sum() == raw_score`.
    """

    values: np.ndarray
    base: float
    raw_score: np.ndarray


def explain_rows(bundle: Bundle, features: pd.DataFrame) -> Contributions:
    """Return the contributions of every feature to every row's raw score.

    Trees: exact tree SHAP, LightGBM's (see `explain_trees`) or shap's; for the time to churn see `explain_horizon`,
    for competing causes `explain_causes`, for a blend `explain_blend`.
    Linear models: coefficient times centred value, which is exact SHAP for independent features. One-hot columns add up
    to their feature.

    Raises
    ------
    DataRefused
        For models that have no exact contributions, and when contributions do not add up.

    References
    ----------
    Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.
    """
    pipeline = bundle.pipeline
    model, encoder = pipeline.named_steps["model"], pipeline.named_steps["encode"]
    encoded = np.asarray(encoder.transform(bundle.select(features)), dtype=float)
    raw = bundle.raw_score(features)
    if hasattr(model, "booster_"):
        by_output, base = explain_trees(model.booster_, encoded, raw)
    elif isinstance(model, TimeToChurn):
        by_output, base = explain_horizon(model, encoded)
    elif isinstance(model, CompetingCauses):
        by_output, base = explain_causes(model, encoded)
    elif isinstance(model, Blend):
        by_output, base = explain_blend(model, encoded)
    elif type(model).__name__ == "HistGradientBoostingClassifier":
        by_output, base = _explain_histogram(model, encoded)
    elif hasattr(model, "coef_"):
        by_output, base = encoded * model.coef_[0], float(model.intercept_[0])
    else:
        raise DataRefused(
            f"{type(model).__name__} has no exact contributions", code="no_contributions",
            remedy="Explain and score with a LightGBM or a linear model",
        )  # fmt: skip
    owners = feature_of_output(encoder)
    columns = {name: position for position, name in enumerate(bundle.catalog.names)}
    summed = np.zeros((len(encoded), len(columns)))
    np.add.at(summed.T, [columns[name] for name in owners], by_output.T)
    gap = np.abs(summed.sum(axis=1) + base - raw).max(initial=0.0)
    if gap > TOLERANCE * max(1.0, float(np.abs(raw).max(initial=0.0))):
        raise DataRefused(
            f"contributions miss the raw score by up to {gap:.2g}", code="contributions_do_not_add_up",
            remedy="The model file and the encoder do not belong together: train again",
        )  # fmt: skip
    return Contributions(summed, base, raw)


def _explain_histogram(model: Any, encoded: np.ndarray) -> tuple[np.ndarray, float]:
    """Return exact tree SHAP of scikit-learn's histogram boosting, and its base."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns about while it is imported is its own affair
        from shap import TreeExplainer  # slow to import, and needed for this one model only

    explainer = TreeExplainer(model, feature_perturbation="tree_path_dependent")
    return np.asarray(explainer.shap_values(encoded), dtype=float), float(np.ravel(explainer.expected_value)[0])

"""A fitted model with all that is needed to use it again: columns, calibrator, words, settings, fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from churn.core.errors import DataRefused
from churn.features.catalog import Catalog
from churn.modeling.calibration import Calibrator, logit
from churn.modeling.encoding import text_topics
from churn.modeling.topics import describe_texts


@dataclass(frozen=True)
class Bundle:
    """What `fit_bundle` gives and what is stored, registered and loaded for scoring.

    Parameters
    ----------
    pipeline
        Fitted scikit-learn pipeline `encode` -> `model`.
    calibrator
        Raw score to probability.
    catalog
        The features, in column order.
    problem
        The settings (cohort, label, windows, features) under which the features were built.
    base_rate
        Share of churners in the rows the model was fitted on.
    typical
        Median (numbers) or most frequent value (categories) of each feature there.
    last_fit_date
        Last as-of date that model or calibrator has seen, ISO.
    alike
        Pairs of features that rise and fall together there: one reason of the two is enough.
    """

    pipeline: Pipeline
    calibrator: Calibrator
    catalog: Catalog
    model_name: str
    problem: Mapping[str, Any]
    base_rate: float
    typical: Mapping[str, Any] = field(default_factory=dict)
    last_fit_date: str = ""
    alike: Sequence[Sequence[str]] = ()

    def raw_score(self, features: pd.DataFrame) -> np.ndarray:
        """Return log-odds before calibration, shape (rows,), by column name, never by position."""
        return raw_score_of(self.pipeline, self.select(features))

    def probability(self, raw_score: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, shape (rows,)."""
        return self.calibrator.predict(raw_score)

    def outlook(self, features: pd.DataFrame, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a time-to-churn model says beyond its horizon, by column, shape (rows,) each; else nothing."""
        model = self.pipeline.named_steps["model"]
        if not hasattr(model, "outlook"):
            return {}
        encoded = self.pipeline.named_steps["encode"].transform(self.select(features))
        found: dict[str, np.ndarray] = model.outlook(encoded, probability)
        return found

    def makeup(self) -> str:
        """Return what a model of several parts is made of and why, in words; of others nothing."""
        model = self.pipeline.named_steps["model"]
        return model.makeup() if hasattr(model, "makeup") else ""

    def in_words(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the features with the words of its strongest topic in place of every text: what may be quoted."""
        topics = text_topics(self.pipeline.named_steps["encode"])
        quoted = features.copy(deep=False)
        for name, part in topics.items():
            quoted[name] = describe_texts(part, features[[name]])
        return quoted

    def select(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the model's columns in its order."""
        self.require_columns(features.columns)
        return features[self.catalog.names]

    def require_columns(self, columns: Iterable[str]) -> None:
        """Refuse rows that lack a column of the model.

        Raises
        ------
        DataRefused
            Naming those that are not there.
        """
        there = set(columns)
        absent = [name for name in self.catalog.names if name not in there]
        if absent:
            raise DataRefused(
                f"the model needs {len(absent)} features that are not there: {', '.join(absent[:5])}",
                code="feature_mismatch",
                remedy="Score with the features the model was trained on, or train again",
            )


def raw_score_of(pipeline: Pipeline, features: pd.DataFrame) -> np.ndarray:
    """Return the log-odds of a fitted pipeline, shape (rows,)."""
    model = pipeline.named_steps["model"]
    encoded = pipeline.named_steps["encode"].transform(features)
    if hasattr(model, "booster_"):
        return np.asarray(model.booster_.predict(encoded, raw_score=True), dtype=float)
    if hasattr(model, "decision_function"):
        exact = np.asarray(encoded, dtype=float) if hasattr(model, "coef_") else encoded
        return np.asarray(model.decision_function(exact), dtype=float)
    return logit(np.asarray(model.predict_proba(encoded), dtype=float)[:, 1])

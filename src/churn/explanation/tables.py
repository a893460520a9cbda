"""Contributions as tables: one row per customer, date and feature, and a ranking of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from churn.explanation.contributions import Contributions
from churn.features.catalog import Catalog


def to_long(rows: pd.DataFrame, contributions: Contributions, catalog: Catalog) -> pd.DataFrame:
    """Return `explanations`: customer x as-of date x feature, with `contribution` in log-odds.

    Contributions of zero are left out; with `base` the rest sums to `raw_score`.
    """
    row, column = np.nonzero(contributions.values)
    return pd.DataFrame(
        {
            "customer_id": rows["customer_id"].to_numpy()[row],
            "as_of_date": rows["as_of_date"].dt.strftime("%Y-%m-%d").to_numpy()[row],
            "feature": np.array(catalog.names)[column],
            "cause": np.array([feature.cause for feature in catalog.features])[column],
            "contribution": contributions.values[row, column],
            "base": contributions.base,
            "raw_score": contributions.raw_score[row],
        }
    )


def rank_features(values: np.ndarray, catalog: Catalog) -> list[dict[str, Any]]:
    """Return features by mean absolute contribution, strongest first, with their meaning and cause."""
    strength = np.abs(values).mean(axis=0)
    order = np.argsort(-strength, kind="stable")
    return [
        {
            "feature": catalog.names[i],
            "mean_absolute_contribution": float(strength[i]),
            "cause": catalog.features[i].cause,
            "en": catalog.features[i].en,
            "ja": catalog.features[i].ja,
        }
        for i in order
    ]

"""The leak alarms of training: features that alone know the outcome too well, and models that do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from churn.core.errors import DataRefused
from churn.features.catalog import Catalog
from churn.modeling.certainty import CertainGroup
from churn.modeling.fit import TARGET
from churn.snapshots.splits import even_step

LEAST_ROWS_PER_CATEGORY = 50
ENOUGH_ROWS = 100_000


def single_feature_aucs(rows: pd.DataFrame, catalog: Catalog) -> dict[str, float]:
    """Return for each feature its AUC alone, in whichever direction it ranks better (0.5 to 1).

    Missing values form a group of their own at the low end; categories are ranked by their churn rate. Of many rows
    an even part is enough for an alarm.
    """
    rows = even_part(rows)
    target = rows[TARGET].to_numpy(dtype=bool)
    return {
        feature.name: _auc(_as_numbers(rows[feature.name], target, feature.kind), target)
        for feature in catalog.features
    }


def known_value_aucs(rows: pd.DataFrame, catalog: Catalog) -> dict[str, float]:
    """Return for each number its AUC over the rows in which it is known: above one half where more of it leaves."""
    rows, aucs = even_part(rows), {}
    target = rows[TARGET].to_numpy(dtype=bool)
    for feature in catalog.features:
        if feature.kind == "number":
            is_known = rows[feature.name].notna().to_numpy()
            aucs[feature.name] = auc_of(rows[feature.name].to_numpy(dtype=float)[is_known], target[is_known])
    return aucs


def even_part(rows: pd.DataFrame) -> pd.DataFrame:
    """Return as many of the rows as an alarm needs, evenly spaced."""
    return rows.iloc[:: even_step(len(rows), ENOUGH_ROWS)]


def raise_leak_alarm(aucs: dict[str, float], limit: float) -> None:
    """Refuse to train when a feature alone ranks better than any honest one does.

    Raises
    ------
    DataRefused
        Naming the suspects, best first.
    """
    suspects = sorted((name for name, auc in aucs.items() if auc > limit), key=lambda name: -aucs[name])
    if suspects:
        listed = ", ".join(f"{name} (AUC {aucs[name]:.3f})" for name in suspects[:5])
        raise DataRefused(
            f"{len(suspects)} single features rank the outcome above AUC {limit:g}: {listed}",
            code="suspected_leak",
            remedy="A column that exists because they left is a leak: leave it out of the mapping. "
            "If it is honest, raise evaluation.max_single_feature_auc and say why",
        )


def raise_certainty_alarm(groups: Sequence[CertainGroup], limit: float) -> None:
    """Refuse to train when a feature tells of some customers for certain that they leave.

    Raises
    ------
    DataRefused
        Naming the features, the largest group first.
    """
    if groups:
        listed = ", ".join(f"{g.feature} ({g.left:,} of {g.rows:,} with {g.values} left)" for g in groups[:5])
        raise DataRefused(
            f"single features tell of some customers that surely more than {limit:.0%} of them leave: {listed}",
            code="suspected_leak",
            remedy="A value that is written because they left is a leak: leave it out of the mapping. "
            "If it is honest, raise evaluation.max_certainty and say why",
        )


def raise_model_alarm(auc: float, leading: Sequence[str], limit: float) -> None:
    """Refuse a model that ranks better than any honest one does.

    Parameters
    ----------
    leading
        The features that contribute most to its scores, strongest first.

    Raises
    ------
    DataRefused
        Naming the suspects.
    """
    if auc > limit:
        raise DataRefused(
            f"the model ranks the outcome with AUC {auc:.3f}, above {limit:g}; what contributes most: "
            f"{', '.join(leading)}",
            code="suspected_leak",
            remedy="Run 'churn audit' with the same overrides; docs/leaks.md says how to find a leak. "
            "If there is none, raise evaluation.max_model_auc and say why",
        )


def _as_numbers(values: pd.Series, target: np.ndarray, kind: str) -> np.ndarray:
    if kind == "text":
        return np.zeros(len(values))  # no order to rank by
    if kind == "number":
        numbers = values.to_numpy(dtype=float)
        return np.where(np.isnan(numbers), -np.inf, numbers)
    frame = pd.DataFrame({"value": values.astype("object").fillna(""), "target": target})
    grouped = frame.groupby("value")["target"].agg(["mean", "size"])
    rate = grouped["mean"].where(grouped["size"] >= LEAST_ROWS_PER_CATEGORY, target.mean())
    return frame["value"].map(rate).to_numpy(dtype=float)


def _auc(values: np.ndarray, target: np.ndarray) -> float:
    auc = auc_of(values, target)
    return max(auc, 1 - auc)


def auc_of(values: np.ndarray, target: np.ndarray) -> float:
    """Return the share of pairs, one who left and one who stayed, in the right order; 0.5 where there are none.

    Ties count half.
    """
    left, stayed = np.sort(values[target]), np.sort(values[~target])
    if not len(left) or not len(stayed):
        return 0.5
    below, up_to = (np.searchsorted(stayed, left, side).sum() for side in ("left", "right"))
    return float((below + up_to) / (2 * len(left) * len(stayed)))

"""The alarm for what no rebuild can show: attributes that were overwritten after the date, and know how things went on.

An attribute without versions is the same on every date. An honest one was known at sign-up and says no more about the
years to come than people are alike; one that was computed at the export follows the future: it tells who will ever
leave, or moves with facts that are yet to come although those before the date are accounted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn.features.catalog import Catalog
from churn.modeling.certainty import LEAST_ODDS_RATIO, find_certain_groups
from churn.modeling.encoding import signed_log1p
from churn.modeling.fit import TARGET
from churn.modeling.leaks import even_part, single_feature_aucs

LEAST_ROWS = 50
OUTCOME, EVENTUALLY, FUTURE = "outcome", "leaving at any time later", "facts yet to come"


@dataclass(frozen=True)
class Suspect:
    """A feature that knows too much: what it knows, by which measure, and the limit it is above."""

    feature: str
    knows: str
    measure: float
    limit: float

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.feature} knows {self.knows} ({self.measure:.3f}, limit {self.limit:g})"


def find_outcome_suspects(rows: pd.DataFrame, catalog: Catalog, knows: str, limit: float) -> list[Suspect]:
    """Return the features that alone rank an outcome above a limit of AUC, best first.

    Parameters
    ----------
    rows
        Labelled rows with `churned`: the label's own window, or leaving at any time up to the end of the data.
    """
    aucs = single_feature_aucs(rows, catalog) if rows[TARGET].nunique() == 2 else {}
    ranked = sorted(aucs.items(), key=lambda item: -item[1])
    return [Suspect(name, knows, auc, limit) for name, auc in ranked if auc > limit]


def find_certain_suspects(
    rows: pd.DataFrame, catalog: Catalog, knows: str, limit: float, least_odds_ratio: float = LEAST_ODDS_RATIO
) -> list[Suspect]:
    """Return the features that know an outcome of some rows for certain, the largest group first.

    The measure is the share of the group that leaves at least.
    """
    if rows[TARGET].nunique() < 2:
        return []
    groups = find_certain_groups(even_part(rows), catalog, limit, least_odds_ratio)
    return [
        Suspect(g.feature, f"{knows} of some: {g.left:,} of {g.rows:,} with {g.values} left", g.share, limit)
        for g in groups
    ]


def find_future_suspects(
    rows: pd.DataFrame, attributes: Sequence[str], past: Sequence[str], future: Sequence[str], limit: float
) -> list[Suspect]:
    """Return the numeric attributes that move with facts of the future when all that was known is held fixed.

    The measure is the partial R squared (adjusted) of the future facts in a linear regression of the attribute, on the
    values or on their logarithms, whichever is larger: near 0 for what was known at the date, near 1 for totals over
    everything.

    Parameters
    ----------
    rows
        One row per customer of one as-of date.
    past, future
        Columns known on the date (features, counts and sums), and counts and sums after it.
    """
    found = [Suspect(name, FUTURE, future_share(rows, name, past, future), limit) for name in attributes]
    return sorted((s for s in found if s.measure > limit), key=lambda suspect: -suspect.measure)


def future_share(rows: pd.DataFrame, name: str, past: Sequence[str], future: Sequence[str]) -> float:
    """Return the share of an attribute's variance, left by what was known, that facts of the future explain."""
    known = rows[rows[name].notna()]
    return max(_partial_r2(known, name, past, future, is_log) for is_log in (False, True))


def _partial_r2(rows: pd.DataFrame, name: str, past: Sequence[str], future: Sequence[str], is_log: bool) -> float:
    target = _scaled(rows[[name]], is_log)[:, 0]
    before, after = _scaled(rows[list(past)], is_log), _scaled(rows[list(future)], is_log)
    left, freedom = _residual(target, before)
    still_left, less_freedom = _residual(target, np.column_stack([before, after]))
    total = float(np.sum((target - target.mean()) ** 2)) if len(target) else 0.0
    if less_freedom < LEAST_ROWS or left <= 1e-9 * total:  # too few rows, or the past explains all of it
        return 0.0
    return 1.0 - (still_left / less_freedom) / (left / freedom)


def _scaled(columns: pd.DataFrame, is_log: bool) -> np.ndarray:
    values = np.nan_to_num(columns.to_numpy(dtype=float), nan=0.0)
    return signed_log1p(values) if is_log else values


def _residual(target: np.ndarray, columns: np.ndarray) -> tuple[float, int]:
    """Return the squared error of the best linear fit, and its degrees of freedom."""
    design = np.column_stack([np.ones(len(target)), columns])
    design = design / np.maximum(np.abs(design).max(axis=0, initial=0.0), 1e-12)
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    return float(np.sum((target - design @ solution) ** 2)), len(target) - int(rank)

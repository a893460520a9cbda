"""The alarm for features that know the outcome of some: a group of rows of whom nearly everybody left.

A column that is filled in for a third of those who left ranks all of them poorly, and these it knows for certain. No
honest feature does: of those whose payments are three weeks overdue, every third stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn.features.catalog import Catalog, Feature
from churn.modeling.fit import TARGET
from churn.snapshots.sampling import WEIGHT

# Standard deviations of the lower bound: one honest group in two hundred is above its own rate by chance.
CONFIDENCE = 2.576
# Of leaving in the group to leaving outside; where nearly everybody leaves, a group of leavers is nothing special.
LEAST_ODDS_RATIO = 30.0
NOTED_ODDS_RATIO = 5.0  # worth a look: where half of all leave, a mark on leavers comes to no more than 10 to 30


@dataclass(frozen=True)
class CertainGroup:
    """Rows with one kind of value of a feature: how many there are, how many left, at least what share does."""

    feature: str
    values: str
    rows: int
    left: int
    share: float


def find_certain_groups(
    rows: pd.DataFrame, catalog: Catalog, limit: float, least_odds_ratio: float = LEAST_ODDS_RATIO
) -> list[CertainGroup]:
    """Return for each feature the group that leaves most surely, where that is above a limit; the largest first.

    Groups are the rows without a value, those of one category, and those of a number from some value up or down. The
    share is the lower end of its interval, so that a handful of rows is never certain, and of a sample that of the rows
    it stands for.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    target = rows[TARGET].to_numpy(dtype=bool)
    thinned = _thinned(rows, target)
    most_stayed = int(target.sum() * (1 - limit) / (limit * thinned))
    surest = [
        max(groups, key=lambda group: group.share)
        for feature in catalog.features
        if feature.kind != "text"
        and (groups := list(_groups_of(rows[feature.name], target, feature, thinned, most_stayed)))
    ]
    certain = [g for g in surest if g.share > limit and _odds_ratio(g, target, thinned) > least_odds_ratio]
    return sorted(certain, key=lambda group: -group.left)


def _thinned(rows: pd.DataFrame, target: np.ndarray) -> float:
    """Return how many rows one who stayed stands for, to one who left: 1 where the rows are no sample."""
    if WEIGHT not in rows or target.all() or not target.any():
        return 1.0
    weights = rows[WEIGHT].to_numpy(dtype=float)
    return float(weights[~target].mean() / weights[target].mean())


def _groups_of(
    values: pd.Series, target: np.ndarray, feature: Feature, thinned: float, most_stayed: int
) -> Iterator[CertainGroup]:
    is_known = values.notna().to_numpy()
    counts = [("no value", int((~is_known).sum()), int(target[~is_known].sum()))]
    known, left = values[is_known], target[is_known]
    if feature.kind == "number":
        numbers = known.to_numpy(dtype=float)
        for sign in (1, -1):
            counts += _tail(sign * numbers[left], sign * numbers[~left], sign, most_stayed)
    else:
        by_level = pd.Series(left).groupby(known.astype(str).to_numpy()).agg(["size", "sum"])
        counts += [(f"'{level}'", int(n), int(k)) for level, n, k in by_level.itertuples()]
    for values_text, n, k in counts:
        if n:
            share = float(_lower_bound(np.array(k), np.array(n)))
            yield CertainGroup(feature.name, values_text, n, k, share / (share + (1 - share) * thinned))


def _tail(left: np.ndarray, stayed: np.ndarray, sign: int, most_stayed: int) -> list[tuple[str, int, int]]:
    """Return the surest part of the numbers from some value up, all of a value at once, if any can be sure.

    No group with more who stayed than `most_stayed` is, so only the largest numbers of these are looked at.

    Parameters
    ----------
    left, stayed
        Numbers, times `sign`, of those who left and those who stayed.
    """
    spare = len(stayed) - most_stayed - 1
    largest = np.sort(np.partition(stayed, spare)[spare:] if spare > 0 else stayed)
    ends = np.unique(left if spare <= 0 else left[left > largest[0]])
    if not len(ends):
        return []
    gone = len(left) - np.searchsorted(np.sort(left), ends)
    rows = gone + len(largest) - np.searchsorted(largest, ends)
    best = int(np.argmax(_lower_bound(gone, rows)))
    return [(f"{sign * ends[best]:.6g} or {'more' if sign > 0 else 'less'}", int(rows[best]), int(gone[best]))]


def _lower_bound(left: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the lower end of Wilson's interval for a share."""
    share, spread = left / rows, CONFIDENCE**2 / rows
    lowest = (share + spread / 2 - np.sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)
    return np.asarray(lowest)


def _odds_ratio(group: CertainGroup, target: np.ndarray, thinned: float) -> float:
    left, rows = int(target.sum()) - group.left, len(target) - group.rows
    stayed = (rows - left) * thinned
    inside = group.share / (1 - group.share)
    return inside * stayed / left if left else float("inf")

"""What is known of a leaver's cause: by will or not, and what the customer named; and what that says of each cause.

References
----------
Craiu and Duchesne 2004 (competing risks whose causes are known of some only); Dawid and Skene 1979 (answers that are
right with some probability).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from churn.core.contract import CAUSES
from churn.modeling.hazard import INVOLUNTARY, LEAST_OF_A_KIND

SHARED = ("journey_stage", "unexplained")  # one cause to a model: what all causes share
OF_INVOLUNTARY = "payment_failure"  # the one cause of those who do not leave by will
BY_WILL = 3  # as a kind of outcome; 0: stayed, 1: left, nobody knows how, INVOLUNTARY: a failed payment
NAMED = 4  # NAMED + n: left by will, and named the n-th of CAUSES
MISNAMED = 0.2  # of the answers: people are polite, or do not know; from 0.15 to 0.3 it makes no difference


def kinds_of(rows: pd.DataFrame) -> np.ndarray:
    """Return what came of each row, shape (rows,): 0 stayed, 1 left, of unknown kind, else as above.

    Parameters
    ----------
    rows
        `churned`, and where the label tells them `churn_kind` and `stated_cause`.
    """
    kinds = rows["churned"].to_numpy(dtype=int)
    if "churn_kind" in rows:
        how = rows["churn_kind"].map({"involuntary": INVOLUNTARY, "voluntary": BY_WILL})
        kinds = kinds * how.fillna(1).to_numpy(dtype=int)
    if "stated_cause" in rows:
        named = rows["stated_cause"].map({cause: NAMED + n for n, cause in enumerate(CAUSES)})
        is_named = named.notna().to_numpy() & (kinds > 0) & (kinds != INVOLUNTARY)
        kinds = np.where(is_named, named.fillna(0).to_numpy(dtype=int), kinds)
    return np.asarray(kinds)


def chances_by_kind(kinds: np.ndarray, causes: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each kind of leaver there is, its rows, and how likely such a leaver is of each cause's leavers.

    Kinds count where a cause is that of involuntary leavers and at least LEAST_OF_A_KIND are known. A cause that was
    named and has no features says no more than that somebody left by will.

    Parameters
    ----------
    kinds
        As `kinds_of` returns them, shape (rows,).
    causes
        Names of the model's causes.

    Examples
    --------
    >>> kinds = np.repeat([0, 1, INVOLUNTARY, BY_WILL], 50)
    >>> [(len(rows), chances) for rows, chances in chances_by_kind(kinds, ["payment_failure", "poor_support"])]
    [(50, array([1., 1.])), (50, array([1., 0.])), (50, array([0., 1.]))]
    >>> [(rows, chances)] = chances_by_kind(np.array([NAMED + CAUSES.index("pricing")]), ["poor_support", "pricing"])
    >>> chances
    array([0.2, 0.8])
    """
    told = OF_INVOLUNTARY in causes and len(causes) > 1 and (kinds == INVOLUNTARY).sum() >= LEAST_OF_A_KIND
    is_unpaid = np.array([told and cause == OF_INVOLUNTARY for cause in causes])
    found = []
    for kind in np.unique(kinds[kinds > 0]).tolist():
        chances = np.ones(len(causes))
        if told and kind == INVOLUNTARY:
            chances = is_unpaid.astype(float)
        elif kind >= BY_WILL:
            chances = _named_rightly(kind, causes) * ~is_unpaid
        found.append((np.flatnonzero(kinds == kind), chances))
    return found


def _named_rightly(kind: int, causes: Sequence[str]) -> np.ndarray:
    """Return the chance that leavers of each cause name that of the kind; wrong answers go to all others alike."""
    named = CAUSES[kind - NAMED] if kind >= NAMED else None
    cause = SHARED[0] if named in SHARED else named
    if cause not in causes or len(causes) == 1:
        return np.ones(len(causes))
    wrong = MISNAMED / (len(causes) - 1)
    return np.where(np.array(causes) == cause, 1 - MISNAMED, wrong)

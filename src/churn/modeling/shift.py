"""The shift test: how much of a model's rank rests on the last days before customers leave.

The outcome window is moved some days later, so that those who leave first no longer count, and the same rows are
learned again. What a customer does over months fades slowly; a column written while somebody leaves (a closing form, a
refund, an account being emptied) knows the first days alone, and its rank collapses.

References
----------
Kaufman, Rosset, Perlich and Stitelman (2012), Leakage in data mining, ACM TKDD 6(4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from churn.features.catalog import Catalog
from churn.modeling.fit import TARGET, Candidate, fit_bundle
from churn.modeling.leaks import auc_of, single_feature_aucs
from churn.snapshots.splits import Fold, rows_in

LEAST_POSITIVES = 20


@dataclass(frozen=True)
class ShiftTest:
    """AUC as the problem is posed, AUC with the outcome moved by `days`, and the features that lost most of theirs."""

    days: int
    auc: float
    shifted_auc: float
    lost_by_feature: Mapping[str, float]

    @property
    def lost(self) -> float:
        """How much AUC is gone."""
        return self.auc - self.shifted_auc


def run_shift_test(
    rows: pd.DataFrame, shifted: pd.Series, fold: Fold, candidate: Candidate, catalog: Catalog, days: int
) -> ShiftTest | None:
    """Return the test on the rows labelled both ways, or None where too few leave to say anything.

    Parameters
    ----------
    rows
        Labelled rows with `churned`.
    shifted
        The label of the same rows with the outcome moved `days` later, missing where they left before.
    """
    whole = fold.to_the_last()
    near = _fold_auc(rows, whole, candidate, catalog)
    far_rows = rows.assign(**{TARGET: shifted})[shifted.notna()]
    kept = shifted.notna().to_numpy()
    far_fold = Fold(whole.name, whole.fit[kept], whole.calibrate[kept], whole.test[kept])
    far_rows = far_rows.assign(**{TARGET: far_rows[TARGET].astype(int)})
    far = _fold_auc(far_rows, far_fold, candidate, catalog)
    if near is None or far is None:
        return None
    before, after = single_feature_aucs(rows, catalog), single_feature_aucs(far_rows, catalog)
    lost = sorted(((before[n] - after[n], n) for n in catalog.names), reverse=True)
    return ShiftTest(days, near, far, {name: value for value, name in lost})


def _fold_auc(rows: pd.DataFrame, fold: Fold, candidate: Candidate, catalog: Catalog) -> float | None:
    target = rows[TARGET].to_numpy(dtype=bool)
    if any(min(target[part].sum(), (~target[part]).sum()) < LEAST_POSITIVES for part in (fold.fit, fold.test)):
        return None
    bundle = fit_bundle(rows, fold, candidate, catalog, "none", {})
    return auc_of(bundle.raw_score(rows_in(rows, fold.test)), target[fold.test])

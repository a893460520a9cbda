"""What differs between two builds of the same features: which feature, of which customer, and both values."""

from __future__ import annotations

import numpy as np
import pandas as pd

COLUMNS = ["check", "as_of_date", "feature", "customer_id", "value", "other_value"]
COHORT = "(cohort)"
ABSENT = "(no such column)"
TOLERANCE = 1e-9  # sums of the same numbers in another order differ in their last digits, and in nothing else


def find_differences(normal: pd.DataFrame, other: pd.DataFrame, check: str) -> pd.DataFrame:
    """Return one row per value that is not the same, ordered by date, feature and customer.

    Parameters
    ----------
    normal, other
        Feature tables of the same dates: `customer_id`, `as_of_date` and one column per feature.
    check
        Name of the comparison, kept with its rows.

    Returns
    -------
    DataFrame
        Columns `check`, `as_of_date`, `feature`, `customer_id`, `value` (normal build), `other_value`, values as text.
        A customer in one cohort alone differs in the feature `(cohort)`, a column in one table alone in every row.
    """
    keys = ["as_of_date", "customer_id"]
    left, right = (frame.set_index(keys).sort_index() for frame in (normal, other))
    both = left.index.intersection(right.index)
    found = [_rows(left.index.difference(right.index), COHORT, "in", "out")]
    found += [_rows(right.index.difference(left.index), COHORT, "out", "in")]
    left, right = left.loc[both], right.loc[both]
    for name in dict.fromkeys([*left.columns, *right.columns]):
        if name not in right.columns or name not in left.columns:
            values = (_text(left[name]), ABSENT) if name in left.columns else (ABSENT, _text(right[name]))
            found.append(_rows(both, name, *values))
            continue
        differs = ~_is_same(left[name], right[name])
        if differs.any():
            found.append(_rows(both[differs], name, _text(left[name][differs]), _text(right[name][differs])))
    return pd.concat(found, ignore_index=True).assign(check=check)[COLUMNS]


def _rows(index: pd.Index, feature: str, value: str | np.ndarray, other: str | np.ndarray) -> pd.DataFrame:
    keys = index.to_frame(index=False)
    return keys.assign(feature=feature, value=value, other_value=other)


def _text(values: pd.Series) -> np.ndarray:
    return values.astype(object).where(values.notna(), "null").astype(str).to_numpy()


def _is_same(left: pd.Series, right: pd.Series) -> np.ndarray:
    empty = left.isna().to_numpy() & right.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(left) and pd.api.types.is_numeric_dtype(right):
        close = np.isclose(left.to_numpy(dtype=float), right.to_numpy(dtype=float), rtol=TOLERANCE, atol=TOLERANCE)
        return np.asarray(close | empty)
    return np.asarray((left.astype(object) == right.astype(object)).fillna(False).to_numpy(dtype=bool) | empty)


def summarise_differences(differences: pd.DataFrame) -> pd.DataFrame:
    """Return one row per check and feature: how many values differ, on how many dates, and the first example."""
    grouped = differences.groupby(["check", "feature"], sort=False)
    summary = grouped.agg(
        values=("customer_id", "size"),
        dates=("as_of_date", "nunique"),
        as_of_date=("as_of_date", "first"),
        customer_id=("customer_id", "first"),
        value=("value", "first"),
        other_value=("other_value", "first"),
    )
    return summary.reset_index().sort_values("values", ascending=False, ignore_index=True, kind="stable")

"""What followed a row: for how long it was watched, and when and how its customer left."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn.core.errors import DataRefused
from churn.modeling.hazard import INVOLUNTARY
from churn.snapshots.splits import Fold

ONE_DAY = pd.Timedelta(days=1)


def follow_up(rows: pd.DataFrame, lead_days: int, until: pd.Timestamp | None = None) -> np.ndarray:
    """Return days followed, day of leaving and kind of each row, shape (rows, 3), as `expand_periods` takes them.

    Parameters
    ----------
    rows
        `as_of_date`, `left_on`, `left_kind`, `followed_until`; leavers of unknown kind count as having left by will.
    lead_days
        Days from the as-of date to the start of the outcome window.
    until
        What was known then: nothing on or after it counts.

    Raises
    ------
    DataRefused
        When the label does not tell when customers left.
    """
    if "followed_until" not in rows or rows["followed_until"].isna().any():
        raise DataRefused(
            "the label does not say on which day customers left, so the time to it cannot be learned",
            code="no_follow_up",
            remedy="Take a contractual label with model=time_to_churn, or another model",
        )
    start = rows["as_of_date"] + lead_days * ONE_DAY
    end = pd.to_datetime(rows["followed_until"])
    end = end if until is None else end.where(end < until, until)
    left = pd.to_datetime(rows["left_on"])
    left = left.where(left < end)
    kind = np.where(rows["left_kind"] == "involuntary", INVOLUNTARY, 1) * left.notna()
    return np.column_stack([(end - start) / ONE_DAY, (left - start) / ONE_DAY, kind]).astype(float)


def known_by(matrix: pd.DataFrame, fold: Fold) -> pd.Timestamp | None:
    """Return the first later date that calibrates or tests, or None where the fold is not one in time."""
    dates = matrix["as_of_date"]
    later = dates[(fold.calibrate | fold.test) & (dates > dates[fold.fit].max()).to_numpy()]
    is_in_time = len(later) == int((fold.calibrate | fold.test).sum()) and len(later) > 0
    return later.min() if is_in_time else None

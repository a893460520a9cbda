from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.modeling.follow_up import follow_up, known_by
from tests.unit.modeling.toys import DATES, make_fold, make_matrix

ROWS = pd.DataFrame(
    {
        "as_of_date": pd.to_datetime(["2024-01-01"] * 4),
        "left_on": pd.to_datetime(["2024-01-20", None, "2024-03-01", "2024-02-01"]),
        "left_kind": ["involuntary", None, "voluntary", None],
        "followed_until": pd.Timestamp("2024-04-01"),
    }
)


def test_days_count_from_the_start_of_the_outcome_window() -> None:
    found = follow_up(ROWS, lead_days=7)
    assert found[:, 0].tolist() == [84] * 4
    assert found[0].tolist() == [84, 12, 2]
    assert np.isnan(found[1, 1]) and found[1, 2] == 0
    assert found[3].tolist() == [84, 24, 1]


def test_what_was_not_known_yet_does_not_count() -> None:
    found = follow_up(ROWS, lead_days=7, until=pd.Timestamp("2024-02-15"))
    assert found[:, 0].tolist() == [38] * 4
    assert np.isnan(found[2, 1]) and found[2, 2] == 0
    assert found[0].tolist() == [38, 12, 2]


def test_a_leaving_on_the_very_day_is_not_known_yet() -> None:
    assert np.isnan(follow_up(ROWS, 0, pd.Timestamp("2024-01-20"))[0, 1])


@pytest.mark.parametrize("rows", [ROWS.drop(columns="followed_until"), ROWS.assign(followed_until=pd.NaT)])
def test_a_label_without_days_of_leaving_is_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(DataRefused, match="contractual label") as refused:
        follow_up(rows, 0)
    assert refused.value.code == "no_follow_up"


def test_fitting_knows_nothing_of_the_dates_that_calibrate() -> None:
    matrix = make_matrix(5)
    fold = make_fold(matrix)
    assert known_by(matrix, fold) == DATES[3]
    by_customer = make_fold(matrix)
    everything = np.ones(len(matrix), dtype=bool)
    assert known_by(matrix, type(fold)("by customer", everything, ~everything, by_customer.test)) is None

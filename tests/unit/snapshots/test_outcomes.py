from __future__ import annotations

from datetime import date

import pytest

from churn.snapshots.outcomes import Outcome, describe_odd_dates, describe_returns

DAYS = [date(2024, month, 1) for month in range(1, 7)]


def test_a_date_on_which_everybody_or_nobody_left_stands_out():
    usual = {day: Outcome(1000, 200 + n) for n, day in enumerate(DAYS[:-1])}
    (everybody,) = describe_odd_dates(usual | {DAYS[-1]: Outcome(1000, 1000)})
    assert "2024-06-01 (100.0%)" in everybody and everybody.count("(") == 1
    (nobody,) = describe_odd_dates(usual | {DAYS[-1]: Outcome(1000, 0)})
    assert "2024-06-01 (0.0%)" in nobody


def test_a_strong_season_does_not():
    assert (
        describe_odd_dates(dict(zip(DAYS, [Outcome(3000, n * 30) for n in (30, 35, 45, 50, 55, 58)], strict=True)))
        == []
    )


def test_few_rows_say_nothing():
    usual = {day: Outcome(20, 4) for day in DAYS[:-1]}
    assert describe_odd_dates(usual | {DAYS[-1]: Outcome(3, 3)}) == []
    assert describe_odd_dates({DAYS[0]: Outcome(1000, 10), DAYS[1]: Outcome(1000, 1000)}) == []


def test_dates_without_a_label_are_left_aside():
    assert describe_odd_dates({day: Outcome(0, 0) for day in DAYS}) == []


@pytest.mark.parametrize(("leavers", "returned", "is_said"), [(1000, 400, True), (1000, 50, False), (10, 9, False)])
def test_many_who_come_back_are_said(leavers: int, returned: int, is_said: bool):
    lines = describe_returns(DAYS[0], leavers, returned)
    assert bool(lines) == is_said
    assert all("at least 40% were active again" in line for line in lines)

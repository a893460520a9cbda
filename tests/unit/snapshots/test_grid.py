from __future__ import annotations

from datetime import date

import pytest

from churn.core.errors import DataRefused
from churn.core.problem import DateRange, LabelSettings
from churn.snapshots.coverage import Coverage
from churn.snapshots.grid import check_as_of_date, choose_as_of_dates, grid_table, outcome_windows
from tests.builders import CONTRACTUAL, days, make_windows, plain

SUBSCRIPTIONS = """
subscription_id | customer_id | started_at | ended_at
S1              | A           | 2020-05-01 |
S2              | B           | 2023-12-01 | 2025-01-01
"""
EVENTS = """
customer_id | occurred_at         | event_type
A           | 2024-01-03 09:00:00 | login
B           | 2024-06-29 23:59:59 | login
"""
COVERED = Coverage(date(2024, 1, 1), date(2024, 6, 30))


class TestChoice:
    def test_the_automatic_grid_uses_the_freshest_complete_label(self):
        windows = make_windows(history_days=60)
        label = LabelSettings(kind="contractual", grace_days=14)
        dates = choose_as_of_dates(COVERED, windows, label)
        assert dates == days("2024-03-11", "2024-04-10", "2024-05-10")
        (*_, last) = outcome_windows(dates, windows, label)
        assert last.complete_on == COVERED.end

    def test_only_the_latest_dates_are_kept(self):
        assert choose_as_of_dates(COVERED, make_windows(history_days=60, max_dates=2), CONTRACTUAL) == days(
            "2024-04-24", "2024-05-24"
        )

    def test_too_short_a_history_is_refused_with_what_there_is(self):
        with pytest.raises(DataRefused) as refused:
            choose_as_of_dates(COVERED, make_windows(history_days=200), CONTRACTUAL)
        assert refused.value.code == "too_short"
        assert "2024-01-01 to 2024-06-30" in str(refused.value)
        assert "200 days of history" in str(refused.value) and "37 days of outcome" in str(refused.value)

    def test_stated_ranges_are_joined_sorted_and_without_repeats(self):
        ranges = [
            DateRange(first=date(2024, 3, 1), last=date(2024, 4, 1)),
            DateRange(first=date(2024, 2, 1), last=date(2024, 3, 5)),
        ]
        dates = choose_as_of_dates(COVERED, make_windows(as_of=ranges), CONTRACTUAL)
        assert dates == days("2024-02-01", "2024-03-01", "2024-03-02", "2024-03-31")

    def test_a_stated_date_may_have_an_incomplete_label(self):
        ranges = [DateRange(first=date(2024, 6, 30), last=date(2024, 6, 30))]
        assert choose_as_of_dates(COVERED, make_windows(as_of=ranges), CONTRACTUAL) == days("2024-06-30")

    @pytest.mark.parametrize("day", ["2024-01-01", "2023-06-01", "2024-07-01", "2030-01-01"])
    def test_a_date_outside_the_data_is_refused_with_the_usable_range(self, day: str):
        with pytest.raises(DataRefused) as refused:
            check_as_of_date(date.fromisoformat(day), COVERED)
        assert refused.value.code == "as_of_outside_data"
        assert day in str(refused.value)
        assert "after 2024-01-01 and up to 2024-06-30" in str(refused.value)

    @pytest.mark.parametrize("day", ["2024-01-02", "2024-06-30"])
    def test_the_first_day_with_something_to_know_and_the_last_are_usable(self, day: str):
        check_as_of_date(date.fromisoformat(day), COVERED)


def test_the_grid_table_holds_every_bound(engine):
    label = LabelSettings(kind="contractual", grace_days=14)
    assert plain(grid_table(days("2024-02-01"), make_windows(), label)) == [
        {
            "as_of_date": date(2024, 2, 1),
            "observation_start": date(2023, 11, 3),
            "outcome_start": date(2024, 2, 8),
            "outcome_end": date(2024, 3, 9),
            "complete_on": date(2024, 3, 23),
        }
    ]

from __future__ import annotations

from datetime import date, timedelta

import pytest

from churn.core.errors import DataRefused
from churn.snapshots.coverage import Coverage, measure_coverage
from tests.builders import make_source, staged_table

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


class TestCoverage:
    def test_it_begins_with_the_event_log_and_ends_before_the_last_day(self, engine):
        staged = {
            "subscriptions": staged_table("subscriptions", SUBSCRIPTIONS),
            "events": staged_table("events", EVENTS),
        }
        assert measure_coverage(staged, make_source()) == Coverage(date(2024, 1, 3), date(2024, 6, 29))

    def test_the_latest_table_of_facts_counts(self, engine):
        tickets = staged_table("tickets", "ticket_id | customer_id | opened_at\nT1 | A | 2024-07-02 08:00:00")
        staged = {"events": staged_table("events", EVENTS), "tickets": tickets}
        assert measure_coverage(staged, make_source()).end == date(2024, 7, 2)

    def test_a_scheduled_end_is_not_yet_data_where_there_are_events(self, engine):
        staged = {
            "subscriptions": staged_table("subscriptions", SUBSCRIPTIONS),
            "events": staged_table("events", EVENTS),
        }
        assert measure_coverage(staged, make_source()).end == date(2024, 6, 29)
        del staged["events"]
        assert measure_coverage(staged, make_source()) == Coverage(date(2020, 5, 1), date(2025, 1, 1))

    def test_the_source_may_state_the_end(self, engine):
        staged = {"events": staged_table("events", EVENTS)}
        source = make_source(covered_until=date(2024, 7, 1))
        assert measure_coverage(staged, source) == Coverage(date(2024, 1, 3), date(2024, 7, 1))

    def test_an_empty_table_says_nothing(self, engine):
        staged = {"events": staged_table("events", EVENTS), "tickets": staged_table("tickets", [])}
        assert measure_coverage(staged, make_source()).end == date(2024, 6, 29)

    def test_no_fact_at_all_is_refused(self, engine):
        customers = staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01")
        with pytest.raises(DataRefused) as refused:
            measure_coverage({"customers": customers, "events": staged_table("events", [])}, make_source())
        assert refused.value.code == "no_rows"

    def test_a_stray_date_far_past_the_others_does_not_stretch_it(self, engine):
        rows = [f"A | 2024-{1 + n % 6:02d}-{1 + n % 28:02d} 10:00:00 | login" for n in range(1200)]
        staged = {"events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *rows]))}
        whole = measure_coverage(staged, make_source())
        stray = "A | 2024-09-30 10:00:00 | login"
        staged = {"events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *rows, stray]))}
        found = measure_coverage(staged, make_source())
        assert (found.start, found.end) == (whole.start, whole.end)
        assert found.notes[0].startswith(f"events: 1 rows lie far past the others, which end on {whole.end}")

    def test_a_stray_date_long_before_the_others_does_not_either(self, engine):
        rows = [f"A | 2024-{1 + n % 6:02d}-{1 + n % 28:02d} 10:00:00 | login" for n in range(1200)]
        stray = "A | 2003-09-30 10:00:00 | login"
        staged = {"events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *rows, stray]))}
        found = measure_coverage(staged, make_source())
        assert found.start == date(2024, 1, 1)
        assert found.notes[0].startswith("events: 1 rows lie far before the others, which begin on 2024-01-01")

    def test_the_source_may_state_the_start(self, engine):
        staged = {"events": staged_table("events", EVENTS)}
        source = make_source(covered_from={"events": date(2023, 7, 1)})
        assert measure_coverage(staged, source).start == date(2023, 7, 1)

    @pytest.mark.parametrize("quiet", ["subscriptions", "events"])
    def test_it_ends_where_a_main_table_falls_silent(self, engine, quiet: str):
        def days_of(table: str) -> list[str]:
            last = 60 if table == quiet else 120
            return [str(date(2024, 1, 1) + timedelta(days=n)) for n in range(last)]

        events = [f"C{n} | {day} 10:00:00 | login" for n, day in enumerate(days_of("events"))]
        starts = [f"S{n} | C{n} | {day} 10:00:00 |" for n, day in enumerate(days_of("subscriptions"))]
        staged = {
            "events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *events])),
            "subscriptions": staged_table(
                "subscriptions", "\n".join(["subscription_id | customer_id | started_at | ended_at", *starts])
            ),
        }
        found = measure_coverage(staged, make_source())
        assert found.end == date(2024, 2, 29)
        assert found.notes == (f"{quiet}: nothing since 2024-02-29, where about 40 rows were to be expected",)

    def test_a_table_that_rarely_changes_is_not_silent(self, engine):
        events = [f"A | {date(2024, 1, 1) + timedelta(days=n)} 10:00:00 | login" for n in range(120)]
        staged = {
            "events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *events])),
            "subscriptions": staged_table("subscriptions", SUBSCRIPTIONS),
        }
        assert measure_coverage(staged, make_source()) == Coverage(date(2024, 1, 1), date(2024, 4, 29))

    def test_a_table_that_changes_once_a_month_is_not_silent_in_between(self, engine):
        events = [f"A | {date(2024, 1, 1) + timedelta(days=n)} 10:00:00 | login" for n in range(120)]
        starts = [f"S{month}{n} | A | 2024-{month:02d}-01 10:00:00 |" for month in (1, 2, 3, 4) for n in range(90)]
        header = "subscription_id | customer_id | started_at | ended_at"
        staged = {
            "events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *events])),
            "subscriptions": staged_table("subscriptions", "\n".join([header, *starts])),
        }
        assert measure_coverage(staged, make_source()) == Coverage(date(2024, 1, 1), date(2024, 4, 29))

    def test_it_ends_where_the_qualifying_events_fall_silent_though_others_go_on(self, engine):
        days = [date(2024, 1, 1) + timedelta(days=n) for n in range(120)]
        rows = [f"A | {day} 10:00:00 | visit" for day in days] + [f"A | {day} 11:00:00 | buy" for day in days[:60]]
        staged = {"events": staged_table("events", "\n".join(["customer_id | occurred_at | event_type", *rows]))}
        assert measure_coverage(staged, make_source()).end == date(2024, 4, 29)
        assert measure_coverage(staged, make_source(), ["visit", "buy"]).end == date(2024, 4, 29)
        found = measure_coverage(staged, make_source(), ["buy"])
        assert found.end == date(2024, 2, 29)
        assert found.notes == ("qualifying events: nothing since 2024-02-29, where about 40 rows were to be expected",)

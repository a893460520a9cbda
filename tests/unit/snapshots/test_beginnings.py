from __future__ import annotations

from datetime import date, timedelta

import ibis.expr.types as ir
import pytest

from churn.snapshots.beginnings import find_beginnings
from tests.builders import days, make_source, staged_table

DATES = days("2024-02-01", "2024-03-01", "2024-04-01")
FEBRUARY, MARCH, APRIL = DATES


def events(*rows: tuple[date, int], late: str = "") -> ir.Table:
    """Return so many events on each of some days, and one of long ago that became known late."""
    lines = [f"A | {day} 10:00:00 | login |" for day, count in rows for _ in range(count)]
    return staged_table("events", "\n".join(["customer_id | occurred_at | event_type | known_at", *lines, late]))


def tickets(first: date, every_days: int, count: int) -> ir.Table:
    moments = [first + timedelta(days=every_days * n) for n in range(count)]
    lines = [f"T{n} | A | {day} 10:00:00" for n, day in enumerate(moments)]
    return staged_table("tickets", "\n".join(["ticket_id | customer_id | opened_at", *lines]))


def each_day(first: date, count: int) -> list[tuple[date, int]]:
    return [(first + timedelta(days=n), 1) for n in range(count)]


NEW_YEAR = date(2024, 1, 1)
DAILY = each_day(NEW_YEAR, 90)


def beginnings(source=None, **staged: ir.Table) -> dict[str, list[date | None]]:
    found = find_beginnings(staged, source or make_source(), DATES)
    return {table: [by_date.get(day) for day in DATES] for table, by_date in found.items()}


def test_a_table_begins_with_its_first_fact(engine):
    assert beginnings(events=events(*DAILY)) == {"events": [NEW_YEAR] * 3}


def test_a_fact_of_long_ago_that_became_known_late_counts_from_the_date_that_sees_it(engine):
    late = "A | 2023-12-05 10:00:00 | login | 2024-02-15 00:00:00"
    assert beginnings(events=events(*DAILY, late=late))["events"] == [NEW_YEAR, date(2023, 12, 5), date(2023, 12, 5)]


def test_a_table_of_which_nothing_is_known_yet_begins_on_the_date_itself(engine):
    found = beginnings(events=events(*DAILY), tickets=tickets(date(2024, 2, 20), 1, 60))
    assert found["tickets"] == [FEBRUARY, date(2024, 2, 20), date(2024, 2, 20)]
    assert beginnings(events=events((MARCH, 1)))["events"] == [FEBRUARY, MARCH, MARCH]


def test_a_rare_table_begins_with_the_main_one_and_may_begin_before_it(engine):
    rare = tickets(date(2024, 1, 25), 30, 3)
    assert beginnings(events=events(*DAILY), tickets=rare)["tickets"] == [NEW_YEAR] * 3
    older = tickets(date(2023, 5, 1), 1, 300)
    assert beginnings(events=events(*DAILY), tickets=older)["tickets"] == [date(2023, 5, 1)] * 3


def test_a_few_stray_days_of_long_ago_are_left_aside(engine):
    many = [(day, 40) for day, _ in DAILY]
    stray = (date(2014, 1, 5), 1)
    assert beginnings(events=events(stray, *many))["events"] == [NEW_YEAR] * 3
    assert beginnings(events=events(stray, *DAILY))["events"] == [date(2014, 1, 5)] * 3


def test_what_the_source_states_stands(engine):
    source = make_source(covered_from={"tickets": date(2023, 7, 1), "payments": date(2020, 1, 1)})
    found = beginnings(source, events=events(*DAILY), tickets=tickets(date(2024, 2, 20), 1, 60))
    assert found == {"events": [NEW_YEAR] * 3, "tickets": [date(2023, 7, 1)] * 3}


def customers(*signed_up: date) -> ir.Table:
    lines = [f"C{n} | {day}" for n, day in enumerate(signed_up)]
    return staged_table("customers", "\n".join(["customer_id | signed_up_at", *lines]))


def test_nothing_is_missing_of_customers_who_all_came_later(engine):
    came = [NEW_YEAR + timedelta(days=n) for n in range(60)]
    assert beginnings(events=events(*DAILY), customers=customers(*came))["events"] == [None] * 3
    early = [NEW_YEAR - timedelta(days=1)] * 2  # more than 5 % of those of 1 February, not of those of 1 March
    found = beginnings(events=events(*DAILY), customers=customers(*early, *came))
    assert found["events"] == [NEW_YEAR, None, None]


def test_incidents_are_too_rare_to_tell(engine):
    incidents = staged_table("incidents", "incident_id | started_at | kind\nI | 2024-01-20 | outage")
    assert set(beginnings(events=events(*DAILY), incidents=incidents)) == {"events"}
    source = make_source(tables={"customers": "", "events": "", "incidents": ""}, covered_from={"incidents": NEW_YEAR})
    assert beginnings(source, events=events(*DAILY), incidents=incidents)["incidents"] == [NEW_YEAR] * 3


@pytest.mark.parametrize("table", ["event", "nothing"])
def test_a_beginning_of_no_table_is_refused(table: str):
    with pytest.raises(ValueError, match=f"unknown table '{table}'"):
        make_source(covered_from={table: NEW_YEAR})

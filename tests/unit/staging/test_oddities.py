from __future__ import annotations

from datetime import date, datetime, timedelta

import ibis
import pyarrow as pa

from churn.staging.oddities import note_oddities, note_silent_days
from tests.builders import make_source

FIRST = datetime(2024, 1, 1)
CUSTOMERS = ibis.memtable(pa.table({"customer_id": ["A", "a "], "signed_up_at": [FIRST, FIRST]}))


def events(hour: int, days=range(40)):
    times = [FIRST + timedelta(days=day, hours=hour) for day in days for _ in range(60)]
    return ibis.memtable(
        pa.table({"customer_id": ["A"] * len(times), "occurred_at": times, "event_type": ["use"] * len(times)})
    )


def notes(hour: int, **source) -> str:
    tables = {"customers": CUSTOMERS, "events": events(hour)}
    return "\n".join(note_oddities(tables, make_source(**{"time_zone": "Asia/Tokyo", **source})))


def test_days_of_another_zone_are_told_with_the_lag_that_puts_them_right():
    assert "times of events are days without hours, and in Asia/Tokyo" in notes(15)
    assert "lag_hours: {events: 24}" in notes(15)


def test_a_stated_lag_or_midnight_utc_needs_no_word():
    assert "days without hours" not in notes(15, lag_hours={"events": 24})
    assert "days without hours" not in notes(0)
    assert "days without hours" not in notes(14, time_zone="UTC")


def test_what_happens_at_one_hour_utc_is_no_day_that_was_moved():
    tables = {"customers": CUSTOMERS, "events": events(9)}
    for zone in ("UTC", None):
        assert "days without hours" not in "\n".join(note_oddities(tables, make_source(time_zone=zone)))


def test_kinds_with_a_value_in_some_rows_alone_are_noted():
    rated = events(9).mutate(
        value=ibis.ifelse(ibis._.occurred_at < FIRST + timedelta(days=20), 5.0, ibis.null("float64"))
    )
    assert "no value in many rows ('use' 50%)" in "\n".join(
        note_oddities({"customers": CUSTOMERS, "events": rated}, make_source(time_zone="UTC"))
    )


def test_ids_that_may_be_one_are_shown():
    assert "'A' and 'a '" in notes(0)


def test_a_silent_day_counts_within_what_is_covered_alone():
    tables = {"events": events(9, [day for day in range(40) if day != 20])}
    silent = FIRST.date() + timedelta(days=20)
    assert str(silent) in note_silent_days(tables, FIRST.date(), date(2024, 3, 1))[0]
    assert note_silent_days(tables, FIRST.date(), silent) == []
    assert note_silent_days({}, FIRST.date(), silent) == []

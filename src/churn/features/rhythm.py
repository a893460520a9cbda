"""Rhythm: how regular a customer's use is, how long it pauses, and at which times of the week it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import days_before_expression, days_between, first_visible_date
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.measures import Measure, Value, select_measures
from churn.features.words import describe

FAMILY, TABLE = "rhythm", "events"
SATURDAY = 5
NIGHT = (22, 6)  # hours UTC, [22, 6)
PART_HOURS = 6
PARTS = range(24 // PART_HOURS)


def build_rhythm(inputs: FeatureInputs) -> FamilyTable:
    """Return rhythm features over the longest window; grain customer x as-of date, for customers with an event in it.

    Gaps are days from one active day to the next; a customer with one active day has none.
    """
    days = max(inputs.settings.windows_days)
    rows = _with_gaps(_active_days(inputs, days))
    sums = rows.group_by(*KEY).agg(
        active=rows.count(),
        last_day=rows.day.max(),
        gap_mean=rows.gap.mean(),
        gap_max=rows.gap.max(),
        gap_sd=_deviation(rows.gap),
        events=rows.events.sum(),
        night=rows.night.sum(),
        weekend=rows.events.sum(where=rows.day.day_of_week.index() >= SATURDAY).fill_null(0),
        weekday=_most([rows.events.sum(where=rows.day.day_of_week.index() == n).fill_null(0) for n in range(7)]),
        day_part=_most([rows[f"part{n}"].sum() for n in PARTS]),
    )
    streaks = rows.group_by(*KEY, "streak").agg(length=rows.count(), last_day=rows.day.max())
    is_present = streaks.last_day == days_before_expression(streaks.as_of_date, 1)
    longest = streaks.group_by(*KEY).agg(
        streak=streaks.length.max(), present_streak=streaks.length.max(where=is_present).fill_null(0)
    )
    table = sums.join(longest, KEY)
    measures = [Measure(describe(FAMILY, name, days=days), value) for name, value in _values().items()]
    return select_measures(table, measures)


def _active_days(inputs: FeatureInputs, days: int) -> ir.Table:
    """Return each active day of the window as known on each date, with its events: grain customer x date x day."""
    events = inputs.staged[TABLE]
    hour = events.occurred_at.hour()
    daily = events.mutate(
        day=events.occurred_at.date(),
        visible_from=first_visible_date(events.occurred_at, events[DELAY]),
        hour=hour,
        is_night=((hour >= NIGHT[0]) | (hour < NIGHT[1])).cast("int64"),
    )
    daily = daily.group_by("customer_id", "day", "visible_from").agg(
        events=daily.count(),
        night=daily.is_night.sum(),
        **{f"part{n}": daily.count(where=daily.hour.between(PART_HOURS * n, PART_HOURS * (n + 1) - 1)) for n in PARTS},
    )
    cohort = inputs.snapshots
    joined = cohort.join(
        daily,
        [
            cohort.customer_id == daily.customer_id,
            daily.visible_from <= cohort.as_of_date,
            daily.day >= days_before_expression(cohort.as_of_date, days),
        ],
    )
    sums = {name: joined[name].sum() for name in ("events", "night", *(f"part{n}" for n in PARTS))}
    return joined.group_by(*KEY, "day").agg(**sums)


def _deviation(days: ir.NumericColumn) -> Any:
    """Return the standard deviation of whole days, by whole sums: the same bits in whatever order they are added."""
    count, total, squares = days.count(), days.sum(), (days * days).sum()
    return (count * squares - total * total).sqrt() / count.nullif(0)


def _most(sums: Sequence[Any]) -> Any:
    return ibis.greatest(*sums).cast("float64")


def _with_gaps(rows: ir.Table) -> ir.Table:
    """Add `gap`, days since the active day before, and `streak`, the same for days that follow one another."""
    in_time = ibis.window(group_by=list(KEY), order_by=rows.day)
    rows = rows.mutate(
        gap=days_between(rows.day.lag().over(in_time), rows.day).cast("float64"),
        place=ibis.row_number().over(in_time),
    )
    return rows.mutate(streak=days_between(rows.day, rows.as_of_date) + rows.place)


def _values() -> dict[str, Value]:
    def silence(t: ir.Table) -> Any:
        return days_between(t.last_day, t.as_of_date).cast("float64") / t.gap_mean

    return {
        "rhy_gap_days_mean": lambda t: t.gap_mean,
        "rhy_gap_days_max": lambda t: t.gap_max,
        "rhy_irregularity_ratio": lambda t: t.gap_sd / t.gap_mean,
        "rhy_silence_ratio": silence,
        "rhy_streak_days_max": lambda t: t.streak,
        "rhy_streak_days_last": lambda t: t.present_streak,
        "rhy_weekday_ratio": lambda t: t.weekday / t.events,
        "rhy_day_part_ratio": lambda t: t.day_part / t.events,
        "rhy_weekend_ratio": lambda t: t.weekend.cast("float64") / t.events,
        "rhy_night_ratio": lambda t: t.night.cast("float64") / t.events,
    }

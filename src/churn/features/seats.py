"""Seats: how many different people of a business customer use the product."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.windows import days_before_expression
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.measures import Value, aggregate_measures, over_windows
from churn.features.segments import plan_segments
from churn.features.window_sums import mark_days, place_days

FAMILY, TABLE = "seats", "events"


def build_seats(inputs: FeatureInputs) -> FamilyTable:
    """Return seat features; grain customer x as-of date, for customers with a named user in the observation window.

    A seat is active in a window when its last event known on the date lies in it.
    """
    return aggregate_measures(_last_use(inputs), over_windows(FAMILY, inputs, _over_window))


def _last_use(inputs: FeatureInputs) -> ir.Table:
    """Return the last day of use of every seat, as known on each date: grain customer x seat x as-of date.

    Days are summed up once per date from which they are seen, and only these few rows meet the dates.
    """
    events = inputs.staged[TABLE]
    plan = plan_segments(inputs.as_of_dates, (), inputs.observation_days)
    placed = place_days(mark_days(events.filter(events.user_id.notnull()), plan), plan)
    placed = placed.filter(placed.seen_from.notnull())
    steps = placed.group_by("customer_id", "user_id", "seen_from").agg(day=placed.day.max())
    cohort = inputs.snapshots.join(inputs.grid, "as_of_date")
    joined = cohort.join(steps, [cohort.customer_id == steps.customer_id, steps.seen_from <= cohort.as_of_date])
    seen = joined.filter(joined.day >= joined.observation_start)
    return seen.group_by(*KEY, "user_id").agg(last_day=seen.day.max())


def _over_window(days: int) -> dict[str, Value]:
    def active(t: ir.Table) -> Any:
        return t.count(where=t.last_day >= days_before_expression(t.as_of_date, days))

    return {
        "seat_active_count": active,
        "seat_active_ratio": lambda t: active(t).cast("float64") / t.count(),
    }

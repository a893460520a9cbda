"""Use around the last incident that touched a customer: whether it broke off with it."""

from __future__ import annotations

import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import days_after_expression, days_before_expression, days_between, first_visible_date
from churn.features.family import FamilyTable, FeatureInputs, join_beside
from churn.features.words import describe

FAMILY = "quality"
SPAN_DAYS = 14  # long enough to hold two working weeks, short enough that another cause seldom falls into it


def build_use_around(inputs: FeatureInputs, touched: ir.Table) -> FamilyTable:
    """Return days active after the last incident, as many days before it, and their log ratio.

    Both stretches are as long as the time since the incident, 14 days at most; its own day belongs to the time after.
    Grain customer x as-of date, for customers with an incident before which that much time was observed.

    Parameters
    ----------
    touched
        Incidents that have begun and touched them: `customer_id`, `as_of_date`, `observation_start`, `started_at`.
    """
    last = touched.group_by(*KEY).agg(
        begun=touched.started_at.date().max(), observation_start=touched.observation_start.max()
    )
    last = last.mutate(span=days_between(last.begun, last.as_of_date).clip(upper=SPAN_DAYS))
    last = last.filter(days_between(last.observation_start, last.begun) >= last.span)
    active = _active_days(inputs, last)
    is_after = active.day >= active.begun
    counted = active.group_by(*KEY).agg(
        after=active.day.nunique(where=is_after), before=active.day.nunique(where=~is_after)
    )
    rows = join_beside(last.select(*KEY), counted)
    after, before = (rows[name].fill_null(0).cast("float64") for name in ("after", "before"))
    values = {
        "inc_use_days_count": after,
        "inc_use_days_prior": before,
        "inc_use_days_trend": ((after + 1) / (before + 1)).ln(),
    }
    return FamilyTable(rows.select(*KEY, **values), tuple(describe(FAMILY, name) for name in values))


def _active_days(inputs: FeatureInputs, last: ir.Table) -> ir.Table:
    """Return the active days around the last incident as known on each date; days may repeat."""
    events = inputs.staged["events"]
    daily = events.select(
        "customer_id",
        day=events.occurred_at.date(),
        visible_from=first_visible_date(events.occurred_at, events[DELAY]),
    ).distinct()
    around = last.mutate(
        first=days_before_expression(last.begun, SPAN_DAYS), until=days_after_expression(last.begun, SPAN_DAYS)
    )
    joined = around.join(
        daily,
        [
            around.customer_id == daily.customer_id,
            daily.visible_from <= around.as_of_date,
            daily.day >= around.first,
            daily.day < around.until,
        ],
    )
    offset = days_between(joined.begun, joined.day)
    return joined.filter(offset >= -joined.span, offset < joined.span)

"""Who is asked about on a date, and who is not and why."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.problem import CohortSettings
from churn.core.windows import days_before_expression, days_between, first_visible_date

EXCLUDED = "excluded_because"


def build_candidates(staged: Mapping[str, ir.Table], grid: ir.Table, cohort: CohortSettings) -> ir.Table:
    """Return every customer active on an as-of date, with the reason for leaving them out, if any.

    Grain: customer x as-of date. Columns `customer_id`, `as_of_date`, `excluded_because` (`too_young`,
    `cancellation_requested`, or null for the cohort).
    """
    active = _with_subscription(staged, grid) if cohort.active == "subscription" else _with_events(staged, grid, cohort)
    signed_up = staged["customers"].group_by("customer_id").agg(signed_up_at=lambda t: t.signed_up_at.min())
    aged = active.left_join(signed_up, "customer_id")
    age_days = days_between(aged.signed_up_at.date(), aged.as_of_date)
    reason = ibis.cases(
        (aged.has_decided, "cancellation_requested"),
        (age_days < max(cohort.min_tenure_days, 1), "too_young"),
        else_=ibis.null("string"),
    )
    return aged.select(*KEY, **{EXCLUDED: reason})


def build_snapshots(candidates: ir.Table) -> ir.Table:
    """Return the cohort: one row per customer and as-of date that is asked about."""
    return candidates.filter(candidates[EXCLUDED].isnull()).select(*KEY)


def running_subscriptions(subscriptions: ir.Table, grid: ir.Table) -> ir.Table:
    """Return the subscriptions that run on each as-of date, as far as known then.

    Grain: subscription terms x as-of date. A start counts once visible; an end, or a cancellation request, is masked
    until it is. An end exactly at the as-of instant is not known yet: its owner is still asked about.
    """
    delay = subscriptions[DELAY]
    columns = {"visible_from": first_visible_date(subscriptions.started_at, delay)}
    for name in ("ended_at", "cancel_requested_at"):
        if name in subscriptions.columns:
            columns[f"{name}_visible_from"] = first_visible_date(subscriptions[name], delay)
    marked = subscriptions.mutate(**columns)
    joined = marked.join(grid, marked.visible_from <= grid.as_of_date)
    if "ended_at" in subscriptions.columns:
        end = joined.ended_at_visible_from
        joined = joined.filter(end.isnull() | (end > joined.as_of_date))
    requested = (
        ibis.coalesce(joined.cancel_requested_at_visible_from <= joined.as_of_date, False)
        if "cancel_requested_at" in subscriptions.columns
        else ibis.literal(False)
    )
    return joined.mutate(is_cancellation_requested=requested)


def _with_subscription(staged: Mapping[str, ir.Table], grid: ir.Table) -> ir.Table:
    running = running_subscriptions(staged["subscriptions"], grid)
    return running.group_by(*KEY).agg(has_decided=running.is_cancellation_requested.all())


def _with_events(staged: Mapping[str, ir.Table], grid: ir.Table, cohort: CohortSettings) -> ir.Table:
    events = qualifying_days(staged["events"], cohort.qualifying_events)
    joined = events.join(
        grid,
        [
            events.visible_from <= grid.as_of_date,
            events.day >= days_before_expression(grid.as_of_date, cohort.active_days),
        ],
    )
    return joined.select(*KEY).distinct().mutate(has_decided=ibis.literal(False))


def qualifying_days(events: ir.Table, event_types: list[str]) -> ir.Table:
    """Return one row per customer and day with a qualifying event: `customer_id`, `day`, `visible_from`."""
    kept = events.filter(events.event_type.isin(event_types)) if event_types else events
    marked = kept.select(
        "customer_id", day=kept.occurred_at.date(), visible=first_visible_date(kept.occurred_at, kept[DELAY])
    )
    return marked.group_by("customer_id", "day").agg(visible_from=marked.visible.min())

"""Quality and change: outages, price and policy changes, removed features, rivals and whom they touched.

Incidents are company-wide. One touches a customer whose subscription ran when it began, on the plan it names (or on
any, where it names none); without subscriptions, everyone who had signed up by then.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import days_between, first_visible_date, hours_between
from churn.features.aftermath import build_use_around
from churn.features.family import FamilyTable, FeatureInputs, days_since_last, is_within, join_beside
from churn.features.measures import Measure, Value, aggregate_measures
from churn.features.words import describe

FAMILY = "quality"
KINDS = ("outage", "price_change", "feature_removed", "policy_change", "competitor_launch")
ANNOUNCED = ("price_change", "feature_removed", "policy_change")


def build_quality(inputs: FeatureInputs) -> FamilyTable:
    """Return incident features; grain customer x as-of date, one row per snapshot with an incident in sight.

    What began in the observation window counts from the moment it began; what is announced for later counts as ahead
    once it was announced. With events, use is compared before and after the last of them.
    """
    contact = _contacts(inputs)
    cohort = inputs.snapshots.join(inputs.grid, "as_of_date")
    joined = cohort.join(contact, [cohort.customer_id == contact.customer_id, contact.seen_from <= cohort.as_of_date])
    held = joined.filter(joined.seen_until.isnull() | (joined.seen_until > joined.as_of_date))
    marked = held.mutate(has_begun=held.begins_from <= held.as_of_date, ended_at=_known_end(held))
    in_sight = marked.filter(~marked.has_begun | (marked.started_at.date() >= marked.observation_start))
    once = in_sight.drop("seen_from", "seen_until", "begins_from", "end_from", "customer_id_right").distinct()
    newest_first = ibis.window(
        group_by=[*KEY, "kind", "has_begun"], order_by=[once.started_at.desc(), once.incident_id.desc()]
    )
    rows = once.mutate(place=ibis.row_number().over(newest_first))
    measures = _measures(inputs, set(contact.columns))
    built = aggregate_measures(rows, measures)
    if "events" not in inputs.staged:
        return built
    use = build_use_around(inputs, rows.filter(rows.has_begun))
    return FamilyTable(join_beside(built.table, use.table), (*built.features, *use.features))


def _contacts(inputs: FeatureInputs) -> ir.Table:
    """Return one row per customer and incident that touched them or will.

    `seen_from`: first as-of date on which the company knows of both; `seen_until`: from when on it knows that the
    subscription had ended before; `begins_from`: first as-of date on which the incident has begun.
    """
    incidents = _incidents(inputs.staged["incidents"])
    if "subscriptions" not in inputs.staged:
        customers = inputs.staged["customers"].group_by("customer_id").agg(begun=lambda t: t.signed_up_at.min())
        everyone = incidents.filter(incidents.plan.isnull()) if "plan" in incidents.columns else incidents
        joined = customers.join(everyone, customers.begun <= everyone.started_at)
        kept = joined.mutate(
            seen_from=ibis.greatest(first_visible_date(joined.begun, ibis.literal(0)), joined.told_from),
            seen_until=ibis.null("date"),
        )
        return _columns(kept)
    terms = _terms(inputs.staged["subscriptions"])
    joined = terms.join(incidents, terms.term_started <= incidents.started_at)
    if {"plan", "term_plan"} <= set(joined.columns):
        joined = joined.filter(joined.plan.isnull() | (joined.plan == joined.term_plan))
    elif "plan" in joined.columns:
        joined = joined.filter(joined.plan.isnull())
    was_over = (joined.term_ended <= joined.started_at).fill_null(False)
    kept = joined.mutate(
        seen_from=ibis.greatest(joined.term_from, joined.told_from),
        seen_until=ibis.ifelse(was_over, joined.term_until, ibis.null("date")),
    )
    return _columns(kept.filter(kept.seen_until.isnull() | (kept.seen_until > kept.seen_from)))


def _columns(contacts: ir.Table) -> ir.Table:
    names = ("incident_id", "kind", "started_at", "ended_at", "magnitude", "begins_from", "end_from")
    return contacts.select(
        "customer_id", *[name for name in names if name in contacts.columns], "seen_from", "seen_until"
    )


def _incidents(incidents: ir.Table) -> ir.Table:
    at_once = ibis.literal(0)  # incidents carry no delay: what concerns the whole company is known when it happens
    begins = first_visible_date(incidents.started_at, at_once)
    announced = first_visible_date(incidents.announced_at, at_once) if "announced_at" in incidents.columns else begins
    told = ibis.ifelse(incidents.kind.isin(ANNOUNCED), ibis.least(begins, ibis.coalesce(announced, begins)), begins)
    end = first_visible_date(incidents.ended_at, at_once) if "ended_at" in incidents.columns else ibis.null("date")
    ended_at = incidents.ended_at if "ended_at" in incidents.columns else ibis.null("timestamp(6)")
    return incidents.mutate(begins_from=begins, told_from=told, end_from=end, ended_at=ended_at)


def _terms(subscriptions: ir.Table) -> ir.Table:
    delay = subscriptions[DELAY]
    ended = subscriptions.ended_at if "ended_at" in subscriptions.columns else ibis.null("timestamp(6)")
    plan = {"term_plan": subscriptions.plan} if "plan" in subscriptions.columns else {}
    return subscriptions.select(
        "customer_id",
        term_started=subscriptions.started_at,
        term_ended=ended,
        term_from=first_visible_date(subscriptions.started_at, delay),
        term_until=first_visible_date(ended, delay),
        **plan,
    )


def _known_end(rows: ir.Table) -> Any:
    """Return when an incident ended, or the as-of instant where its end is not known yet."""
    return ibis.ifelse(rows.end_from <= rows.as_of_date, rows.ended_at, rows.as_of_date.cast("timestamp(6)"))


def _measures(inputs: FeatureInputs, there: set[str]) -> list[Measure]:
    reach = inputs.observation_days
    found = [
        Measure(describe(FAMILY, "inc_outage_count", days=days), _outages(days))
        for days in sorted(inputs.settings.windows_days)
    ]
    if "ended_at" in inputs.staged["incidents"].columns:
        found.append(Measure(describe(FAMILY, "inc_outage_hours_sum", reach=reach), _hours_down))
    for kind in KINDS:
        found.append(Measure(describe(FAMILY, f"inc_{kind}_recency_days", reach=reach), _since(kind, reach)))
        if "magnitude" in there:
            found.append(Measure(describe(FAMILY, f"inc_{kind}_size_last"), _size(kind)))
        if kind in ANNOUNCED and "announced_at" in inputs.staged["incidents"].columns:
            found.append(Measure(describe(FAMILY, f"inc_{kind}_ahead_days"), _ahead(kind)))
    return found


def _outages(days: int) -> Value:
    return lambda t: t.count(where=t.has_begun & (t.kind == "outage") & is_within(t, "started_at", days))


def _hours_down(rows: ir.Table) -> Any:
    hours = hours_between(rows.started_at, rows.ended_at)
    return hours.sum(where=rows.has_begun & (rows.kind == "outage")).fill_null(0.0)


def _since(kind: str, reach: int) -> Value:
    return lambda t: days_since_last(t, "started_at", reach, t.has_begun & (t.kind == kind))


def _size(kind: str) -> Value:
    return lambda t: t.magnitude.max(where=t.has_begun & (t.kind == kind) & (t.place == 0))


def _ahead(kind: str) -> Value:
    def value(t: ir.Table) -> Any:
        following = t.started_at.date().min(where=~t.has_begun & (t.kind == kind))
        return days_between(t.as_of_date.max(), following)

    return value

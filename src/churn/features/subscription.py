"""Subscription: plan, price, how long, and how far to renewal, or the end of a trial or discount, as of the date."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import days_between, first_visible_date, next_anniversary
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.measures import Value, computable, on_date, select_measures

FAMILY, TABLE = "subscription", "subscriptions"


def build_subscription(inputs: FeatureInputs) -> FamilyTable:
    """Return subscription features; grain customer x as-of date, for customers with a subscription running then.

    Of several running subscriptions prices add up, and plan, terms and renewal are those of the latest. A change of
    plan or price opens new terms and moves no renewal: periods are counted on from the first terms of the subscription,
    or from the end of its trial, until the length of the period changes or the subscription pauses.
    """
    terms = _with_billing_start(terms_as_of(inputs))
    running = terms.filter(terms.is_running)
    latest = running.filter(running.recency_rank == 0)
    prices = {"mrr_total": running.mrr.sum()} if "mrr" in running.columns else {}
    totals = running.group_by(*KEY).agg(running_count=running.count(), **prices)
    history = terms.group_by(*KEY).agg(
        first_started=terms.started_at.date().min(), ended_count=terms.count(where=~terms.is_running)
    )
    rows = latest.join(totals, KEY).join(history, KEY)
    return select_measures(rows, on_date(FAMILY, inputs, _values(rows.columns)))


def billing_as_of(inputs: FeatureInputs) -> ir.Table | None:
    """Return how often each customer pays on each date, by the latest terms: `billing_start` and `billing_months`.

    Grain customer x as-of date, for customers with a subscription running then. None where the company's subscriptions
    have no billing period.
    """
    if TABLE not in inputs.staged or "billing_period_months" not in inputs.staged[TABLE].columns:
        return None
    terms = _with_billing_start(terms_as_of(inputs))
    latest = terms.filter(terms.is_running, terms.recency_rank == 0)
    return latest.select(*KEY, "billing_start", billing_months=_billing_months(latest))


def terms_as_of(inputs: FeatureInputs) -> ir.Table:
    """Return all terms known on each date, ends masked until known, newest first by `recency_rank`.

    Grain: subscription terms x as-of date.
    """
    subscriptions = inputs.staged[TABLE]
    delay = subscriptions[DELAY]
    marked = subscriptions.mutate(visible_from=first_visible_date(subscriptions.started_at, delay))
    if "ended_at" in marked.columns:
        marked = marked.mutate(end_visible_from=first_visible_date(subscriptions.ended_at, delay))
    cohort = inputs.snapshots
    joined = cohort.join(marked, [cohort.customer_id == marked.customer_id, marked.visible_from <= cohort.as_of_date])
    is_running = (
        joined.end_visible_from.isnull() | (joined.end_visible_from > joined.as_of_date)
        if "ended_at" in marked.columns
        else ibis.literal(True)
    )
    rows = joined.mutate(is_running=is_running)
    newest = ibis.window(group_by=[*KEY, "is_running"], order_by=[rows.started_at.desc(), rows.subscription_id.desc()])
    in_time = ibis.window(group_by=list(KEY), order_by=[rows.started_at, rows.subscription_id])
    rows = rows.mutate(recency_rank=ibis.row_number().over(newest))
    return rows.mutate(former_mrr=rows.mrr.lag().over(in_time)) if "mrr" in rows.columns else rows


def _with_billing_start(terms: ir.Table) -> ir.Table:
    """Add `billing_start`, the day from which billing periods count, and give later terms the end of the trial."""
    keys = {"group_by": [*KEY, "subscription_id"], "order_by": terms.started_at}
    in_time, so_far = ibis.window(**keys), ibis.window(**keys, preceding=None, following=0)
    there, started = set(terms.columns), terms.started_at.date()
    begins, first = ibis.row_number().over(in_time) == 0, started
    if "billing_period_months" in there:
        begins |= ~terms.billing_period_months.identical_to(terms.billing_period_months.lag().over(in_time))
    if "ended_at" in there:
        known_end = terms.is_running.ifelse(ibis.null("date"), terms.ended_at.date())
        begins |= (known_end.lag().over(in_time) < started).fill_null(False)
    if "trial_ends_at" in there:
        first = ibis.greatest(started, terms.trial_ends_at.date().fill_null(started))
    found = terms.mutate(billing_start=begins.ifelse(first, ibis.null("date")))
    carried = ["billing_start", *({"trial_ends_at"} & there)]
    return found.mutate(**{name: found[name].max().over(so_far) for name in carried})


def _billing_months(terms: ir.Table) -> Any:
    return terms.billing_period_months.round().cast("int64").nullif(0)


def _values(there: Collection[str]) -> dict[str, Value]:
    """Return what is read off the present terms, as far as the company's columns allow."""

    def renewals(t: ir.Table) -> Any:
        return next_anniversary(t.billing_start, _billing_months(t), t.as_of_date)

    values: dict[str, tuple[set[str], Value]] = {
        "sub_tenure_days": (set(), lambda t: days_between(t.first_started, t.as_of_date)),
        "sub_terms_age_days": (set(), lambda t: days_between(t.started_at.date(), t.as_of_date)),
        "sub_running_count": (set(), lambda t: t.running_count),
        "sub_ended_count": (set(), lambda t: t.ended_count),
        "sub_plan_last": ({"plan"}, lambda t: t.plan),
        "sub_mrr_sum": ({"mrr"}, lambda t: t.mrr_total),
        "sub_mrr_change_ratio": ({"mrr"}, lambda t: t.mrr / t.former_mrr.nullif(0.0)),
        "sub_billing_period_last": ({"billing_period_months"}, lambda t: t.billing_period_months),
        "sub_to_renewal_days": (
            {"billing_period_months"},
            lambda t: days_between(t.as_of_date, renewals(t)[0]),
        ),
        "sub_renewals_count": ({"billing_period_months"}, lambda t: renewals(t)[1]),
        "sub_to_trial_end_days": ({"trial_ends_at"}, lambda t: _days_to(t, "trial_ends_at")),
        "sub_to_discount_end_days": ({"discount_ends_at"}, lambda t: _days_to(t, "discount_ends_at")),
    }
    return computable(there, values)


def _days_to(rows: ir.Table, end: str) -> Any:
    """Return the days to a planned end, null where there is none or it has passed."""
    left = days_between(rows.as_of_date, rows[end].date())
    return ibis.ifelse(left >= 0, left, ibis.null("int64"))

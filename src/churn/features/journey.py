"""Journey: what happened to a customer's terms, when, and which spell with the company this is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.windows import days_between
from churn.features.family import FamilyTable, FeatureInputs, days_since_last
from churn.features.measures import Value, aggregate_measures, computable, on_date
from churn.features.subscription import terms_as_of

FAMILY, TABLE = "journey", "subscriptions"


def build_journey(inputs: FeatureInputs) -> FamilyTable:
    """Return journey features; grain customer x as-of date, for customers with a subscription known then.

    Terms are compared with those that began before them: a price that rose on the same plan was felt as a rise, a lower
    price on another plan is a downgrade. A spell begins where no earlier subscription still ran.
    """
    terms = terms_as_of(inputs)
    in_time = ibis.window(group_by=list(KEY), order_by=[terms.started_at, terms.subscription_id])
    earlier = ibis.window(group_by=list(KEY), order_by=[terms.started_at, terms.subscription_id], preceding=(None, 1))
    columns = {"begins_spell": _begins_spell(terms, earlier)}
    if {"mrr", "plan"} <= set(terms.columns):
        columns["former_plan"] = terms.plan.lag().over(in_time)
    rows = terms.mutate(**columns)
    return aggregate_measures(rows, on_date(FAMILY, inputs, _values(rows.columns, inputs.observation_days)))


def _begins_spell(terms: ir.Table, earlier: Any) -> Any:
    """Return 1 where all earlier terms had ended by the day before; the first terms begin a spell."""
    if "ended_at" not in terms.columns:
        return (ibis.row_number().over(earlier) == 0).cast("int64")
    others = terms.count().over(earlier)
    ended = terms.is_running.ifelse(ibis.null("date"), terms.ended_at.date())
    last_end, ends = ended.max().over(earlier), ended.count().over(earlier)
    return ((ends == others) & (last_end.isnull() | (last_end < terms.started_at.date()))).cast("int64")


def _values(there: Collection[str], reach: int) -> dict[str, Value]:
    """Return what is read off the sequence of terms, as far as the company's columns allow."""

    def has_risen(t: ir.Table) -> Any:
        return (t.mrr > t.former_mrr) & (t.plan == t.former_plan)

    def is_lowered(t: ir.Table) -> Any:
        return (t.mrr < t.former_mrr) & (t.plan != t.former_plan)

    def since_end(t: ir.Table, end: str) -> Any:
        return days_since_last(t, end, reach, t[end].date() < t.as_of_date)

    values: dict[str, tuple[set[str], Value]] = {
        "jour_spells_count": (set(), lambda t: t.begins_spell.sum()),
        "jour_spell_days": (
            set(),
            lambda t: days_between(t.started_at.date().max(where=t.begins_spell == 1), t.as_of_date.max()),
        ),
        "jour_price_rise_recency_days": (
            {"former_plan"},
            lambda t: days_since_last(t, "started_at", reach, has_risen(t)),
        ),
        "jour_price_rise_ratio": (
            {"former_plan"},
            lambda t: (t.mrr / t.former_mrr.nullif(0.0)).max(where=has_risen(t)),
        ),
        "jour_downgrade_recency_days": (
            {"former_plan"},
            lambda t: days_since_last(t, "started_at", reach, is_lowered(t)),
        ),
        "jour_trial_end_recency_days": ({"trial_ends_at"}, lambda t: since_end(t, "trial_ends_at")),
        "jour_discount_end_recency_days": ({"discount_ends_at"}, lambda t: since_end(t, "discount_ends_at")),
    }
    return computable(there, values)

"""Obligations: what a customer has to do by a date, whether they did it in time, and what comes next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.windows import days_after_expression, days_between
from churn.features.family import FamilyTable, FeatureInputs, days_since_last, facts_as_of, is_within
from churn.features.measures import Value, aggregate_measures, computable, on_date, over_windows

FAMILY, TABLE = "obligations", "obligations"


def build_obligations(inputs: FeatureInputs) -> FamilyTable:
    """Return features of obligations; grain customer x as-of date, for customers with one in sight.

    In sight are those that came into being or were due in the observation window, are yet to come, or were never met.
    The day an obligation is due is known with it; that it was met, and how well, from the day after. One that is due
    at the as-of instant is overdue, one met at the instant it is due was late.
    """
    facts = facts_as_of(inputs, TABLE, ["opened_at", "met_at"], still_open=_is_unsettled)
    rows = _marked(facts)
    state = _on_date(rows.columns, inputs.observation_days)
    windows = over_windows(FAMILY, inputs, _over_window)
    return aggregate_measures(rows, [*windows, *on_date(FAMILY, inputs, state)])


def _is_unsettled(rows: ir.Table) -> Any:
    return rows.met_at.isnull() | (rows.due_at.date() >= rows.observation_start)


def _marked(facts: ir.Table) -> ir.Table:
    """Add `is_due`, `is_met`, `is_missed`, `lead_days`, and `place` among those met, the last first."""
    is_met = facts.met_at.notnull()
    is_due = facts.due_at <= facts.as_of_date.cast("timestamp(6)")
    columns = {"score": is_met.ifelse(facts.score, ibis.null("float64"))} if "score" in facts.columns else {}
    rows = facts.mutate(
        is_due=is_due,
        is_met=is_met,
        is_missed=is_due & (~is_met | (facts.met_at >= facts.due_at)),
        lead_days=days_between(facts.met_at.date(), facts.due_at.date()),
        **columns,
    )
    newest = ibis.window(
        group_by=[*KEY, "is_met"], order_by=[rows.met_at.desc(), rows.due_at.desc(), rows.obligation_id.desc()]
    )
    return rows.mutate(place=ibis.row_number().over(newest))


def _over_window(days: int) -> dict[str, Value]:
    def was_due(t: ir.Table) -> Any:
        return t.is_due & is_within(t, "due_at", days)

    def comes(t: ir.Table) -> Any:
        return ~t.is_due & (t.due_at.date() <= days_after_expression(t.as_of_date, days))

    return {
        "obl_due_count": lambda t: t.count(where=was_due(t)),
        "obl_missed_count": lambda t: t.count(where=was_due(t) & t.is_missed),
        "obl_met_count": lambda t: t.count(where=t.is_met & is_within(t, "met_at", days)),
        "obl_coming_count": lambda t: t.count(where=comes(t)),
        "obl_coming_open_count": lambda t: t.count(where=comes(t) & ~t.is_met),
    }


def _on_date(there: Collection[str], reach: int) -> dict[str, Value]:
    def overdue(t: ir.Table) -> Any:
        return t.is_due & ~t.is_met

    values: dict[str, tuple[set[str], Value]] = {
        "obl_overdue_count": (set(), lambda t: t.count(where=overdue(t))),
        "obl_overdue_age_days": (
            set(),
            lambda t: days_between(t.due_at.date().min(where=overdue(t)), t.as_of_date.max()).fill_null(0),
        ),
        "obl_overdue_weight_sum": ({"weight"}, lambda t: t.weight.sum(where=overdue(t))),
        "obl_missed_ratio": (
            set(),
            lambda t: t.count(where=t.is_missed).cast("float64") / t.count(where=t.is_due).nullif(0),
        ),
        "obl_due_recency_days": (set(), lambda t: days_since_last(t, "due_at", reach, t.is_due)),
        "obl_met_recency_days": (set(), lambda t: days_since_last(t, "met_at", reach, t.is_met)),
        "obl_to_next_days": (
            set(),
            lambda t: days_between(t.as_of_date.max(), t.due_at.date().min(where=~t.is_due)),
        ),
        "obl_lead_days_mean": (set(), lambda t: t.lead_days.mean()),
        "obl_lead_days_last": (set(), lambda t: t.lead_days.max(where=t.is_met & (t.place == 0))),
        "obl_score_mean": ({"score"}, lambda t: t.score.mean()),
        "obl_score_last": ({"score"}, lambda t: t.score.max(where=t.place == 0)),
    }
    return computable(there, values)

"""Obligations: what a customer has to do by a date, whether they did it in time, and what comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.windows import days_after_expression, days_between
from churn.features.family import KEY, FamilyTable, FeatureInputs, Measure, aggregate_measures, facts_as_of, is_within
from churn.features.words import describe

FAMILY, TABLE = "obligations", "obligations"


def build_obligations(inputs: FeatureInputs) -> FamilyTable:
    """Return features of obligations; grain customer x as-of date, for customers with one in sight.

    In sight are those that came into being or were due in the observation window, are yet to come, or were never met.
    The day an obligation is due is known with it; that it was met, and how well, from the day after. One that is due
    at the as-of instant is overdue, one met at the instant it is due was late.
    """
    facts = facts_as_of(inputs, TABLE, ["opened_at", "met_at"], still_open=_is_unsettled)
    rows = _marked(facts)
    reach = inputs.observation_days
    windows = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(days).items()
    ]
    state = [Measure(describe(FAMILY, name, reach=reach), v) for name, v in _as_of(set(rows.columns), reach).items()]
    return aggregate_measures(rows, [*windows, *state])


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


def _over_window(days: int) -> dict[str, Callable[[ir.Table], Any]]:
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


def _as_of(there: set[str], reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    """Return the state of a customer's obligations on the date, as far as the company's columns allow."""

    def since(t: ir.Table, time: str, where: Any) -> Any:
        last = t[time].date().max(where=where)
        return days_between(last, t.as_of_date.max()).clip(upper=reach).fill_null(reach)

    def overdue(t: ir.Table) -> Any:
        return t.is_due & ~t.is_met

    needs: dict[str, tuple[set[str], Callable[[ir.Table], Any]]] = {
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
        "obl_due_recency_days": (set(), lambda t: since(t, "due_at", t.is_due)),
        "obl_met_recency_days": (set(), lambda t: since(t, "met_at", t.is_met)),
        "obl_to_next_days": (
            set(),
            lambda t: days_between(t.as_of_date.max(), t.due_at.date().min(where=~t.is_due)),
        ),
        "obl_lead_days_mean": (set(), lambda t: t.lead_days.mean()),
        "obl_lead_days_last": (set(), lambda t: t.lead_days.max(where=t.is_met & (t.place == 0))),
        "obl_score_mean": ({"score"}, lambda t: t.score.mean()),
        "obl_score_last": ({"score"}, lambda t: t.score.max(where=t.place == 0)),
    }
    return {name: value for name, (columns, value) in needs.items() if columns <= there}

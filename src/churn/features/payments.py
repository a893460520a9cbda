"""Payments: attempts, failures, what was paid, and whether the customer is past due on the date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from churn.core.windows import days_between
from churn.features.family import FamilyTable, FeatureInputs, Measure, aggregate_measures, facts_as_of, is_within
from churn.features.words import describe

FAMILY, TABLE = "payments", "payments"


def build_payments(inputs: FeatureInputs) -> FamilyTable:
    """Return payment features; grain customer x as-of date, for customers with an attempt in the observation window."""
    rows, reach = facts_as_of(inputs, TABLE, ["attempted_at"]), inputs.observation_days
    recent = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(days).items()
    ]
    state = [Measure(describe(FAMILY, name, reach=reach), value) for name, value in _as_of(reach).items()]
    return aggregate_measures(rows, [*recent, *state])


def _over_window(days: int) -> dict[str, Callable[[ir.Table], Any]]:
    def having(t: ir.Table, *status: str) -> Any:
        return t.status.isin(status) & is_within(t, "attempted_at", days)

    return {
        "pay_failed_count": lambda t: t.count(where=having(t, "failed")),
        "pay_refunded_count": lambda t: t.count(where=having(t, "refunded", "disputed")),
        "pay_paid_sum": lambda t: t.amount.sum(where=having(t, "succeeded")),
    }


def _as_of(reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    def since(t: ir.Table, status: str) -> Any:
        last = t.attempted_at.date().max(where=t.status == status)
        return days_between(last, t.as_of_date.max()).fill_null(reach)

    return {
        "pay_failed_recency_days": lambda t: since(t, "failed"),
        "pay_succeeded_recency_days": lambda t: since(t, "succeeded"),
        "pay_past_due_last": _is_past_due,
    }


def _is_past_due(rows: ir.Table) -> Any:
    """Return 1 where the last attempt failed; of attempts at one instant, any that did not fail settles it."""
    is_failed = rows.status == "failed"
    failed, settled = rows.attempted_at.max(where=is_failed), rows.attempted_at.max(where=~is_failed)
    return (failed.notnull() & (settled.isnull() | (failed > settled))).cast("int64")

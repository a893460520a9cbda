"""Payments: attempts, failures, what was paid, and whether the customer is past due on the date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.windows import days_between
from churn.features.family import (
    KEY,
    FamilyTable,
    FeatureInputs,
    Measure,
    aggregate_measures,
    facts_as_of,
    is_within,
)
from churn.features.words import describe

FAMILY, TABLE = "payments", "payments"


def build_payments(inputs: FeatureInputs) -> FamilyTable:
    """Return payment features; grain customer x as-of date, for customers with an attempt in the observation window.

    Attempts at one instant come in the order of their ids; one that does not fail there settles those that do.
    """
    rows, reach = _in_order(facts_as_of(inputs, TABLE, ["attempted_at"])), inputs.observation_days
    recent = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(days).items()
    ]
    state = [
        Measure(describe(FAMILY, name, reach=reach), value) for name, value in _as_of(set(rows.columns), reach).items()
    ]
    return aggregate_measures(rows, [*recent, *state])


def _in_order(rows: ir.Table) -> ir.Table:
    """Add `is_retry`, `settled_at` (last attempt that did not fail), `place` and `failure_place`, 0 for the newest."""
    rows = rows.mutate(is_failed=rows.status == "failed")
    in_time = ibis.window(group_by=list(KEY), order_by=[rows.attempted_at, rows.payment_id])
    newest = {"order_by": [rows.attempted_at.desc(), rows.payment_id.desc()]}
    return rows.mutate(
        is_retry=rows.is_failed.lag().over(in_time).fill_null(False),
        settled_at=rows.attempted_at.max(where=~rows.is_failed).over(ibis.window(group_by=list(KEY))),
        place=ibis.row_number().over(ibis.window(group_by=list(KEY), **newest)),
        failure_place=ibis.row_number().over(ibis.window(group_by=[*KEY, "is_failed"], **newest)),
    )


def _over_window(days: int) -> dict[str, Callable[[ir.Table], Any]]:
    def having(t: ir.Table, *status: str) -> Any:
        return t.status.isin(status) & is_within(t, "attempted_at", days)

    return {
        "pay_failed_count": lambda t: t.count(where=having(t, "failed")),
        "pay_retried_count": lambda t: t.count(where=t.is_retry & is_within(t, "attempted_at", days)),
        "pay_refunded_count": lambda t: t.count(where=having(t, "refunded", "disputed")),
        "pay_paid_sum": lambda t: t.amount.sum(where=having(t, "succeeded")),
    }


def _as_of(there: set[str], reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    def since(t: ir.Table, status: str) -> Any:
        last = t.attempted_at.date().max(where=t.status == status)
        return days_between(last, t.as_of_date.max()).fill_null(reach)

    def is_due(t: ir.Table) -> Any:
        return t.is_failed & (t.settled_at.isnull() | (t.attempted_at > t.settled_at))

    def due_days(t: ir.Table) -> Any:
        return days_between(t.attempted_at.date().min(where=is_due(t)), t.as_of_date.max()).fill_null(0)

    def card_days(t: ir.Table) -> Any:
        return days_between(t.as_of_date.max(), t.card_expires_at.date().max(where=t.place == 0))

    found: dict[str, Callable[[ir.Table], Any]] = {
        "pay_failed_recency_days": lambda t: since(t, "failed"),
        "pay_succeeded_recency_days": lambda t: since(t, "succeeded"),
        "pay_past_due_last": lambda t: is_due(t).any().cast("int64"),
        "pay_past_due_days": due_days,
    }
    if "failure_code" in there:
        found["pay_failure_code_last"] = lambda t: t.failure_code.max(where=t.is_failed & (t.failure_place == 0))
    if "card_expires_at" in there:
        found["pay_to_card_end_days"] = lambda t: _no_less(card_days(t), 0, ibis.null("int64"))
        found["pay_card_expired_days"] = lambda t: _no_less(-card_days(t), 0, 0)
    return found


def _no_less(days: Any, least: int, otherwise: Any) -> Any:
    return ibis.ifelse(days >= least, days, otherwise)

"""Payments: attempts, failures, what was paid, and whether the customer is past due on the date."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.windows import days_between, months_after_expression
from churn.features.family import FamilyTable, FeatureInputs, days_since_last, facts_as_of, is_within
from churn.features.measures import Value, aggregate_measures, computable, on_date, over_windows
from churn.features.subscription import billing_as_of

FAMILY, TABLE = "payments", "payments"


def build_payments(inputs: FeatureInputs) -> FamilyTable:
    """Return payment features; grain customer x as-of date, for customers with an attempt in the observation window.

    Attempts at one instant come in the order of their ids; one that does not fail there settles those that do. Where
    subscriptions have a billing period, the last successful payment is judged by it: a yearly one long ago is as it
    should be.
    """
    rows = _in_order(facts_as_of(inputs, TABLE, ["attempted_at"]))
    billing = billing_as_of(inputs)
    rows = rows if billing is None else rows.left_join(billing, KEY, rname="{name}_billed")
    state = _on_date(rows.columns, inputs.observation_days)
    windows = over_windows(FAMILY, inputs, _over_window)
    return aggregate_measures(rows, [*windows, *on_date(FAMILY, inputs, state)])


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


def _over_window(days: int) -> dict[str, Value]:
    def having(t: ir.Table, *status: str) -> Any:
        return t.status.isin(status) & is_within(t, "attempted_at", days)

    return {
        "pay_failed_count": lambda t: t.count(where=having(t, "failed")),
        "pay_retried_count": lambda t: t.count(where=t.is_retry & is_within(t, "attempted_at", days)),
        "pay_refunded_count": lambda t: t.count(where=having(t, "refunded", "disputed")),
        "pay_paid_sum": lambda t: t.amount.sum(where=having(t, "succeeded")),
    }


def _on_date(there: Collection[str], reach: int) -> dict[str, Value]:
    def is_due(t: ir.Table) -> Any:
        return t.is_failed & (t.settled_at.isnull() | (t.attempted_at > t.settled_at))

    def due_days(t: ir.Table) -> Any:
        return days_between(t.attempted_at.date().min(where=is_due(t)), t.as_of_date.max()).fill_null(0)

    def card_days(t: ir.Table) -> Any:
        return days_between(t.as_of_date.max(), t.card_expires_at.date().max(where=t.place == 0))

    def not_below_zero(days: Any, otherwise: Any) -> Any:
        return ibis.ifelse(days >= 0, days, otherwise)

    values: dict[str, tuple[set[str], Value]] = {
        "pay_failed_recency_days": (set(), lambda t: days_since_last(t, "attempted_at", reach, t.status == "failed")),
        **_last_success(there, reach),
        "pay_past_due_last": (set(), lambda t: is_due(t).any().cast("int64")),
        "pay_past_due_days": (set(), due_days),
        "pay_failure_code_last": (
            {"failure_code"},
            lambda t: t.failure_code.max(where=t.is_failed & (t.failure_place == 0)),
        ),
        "pay_to_card_end_days": ({"card_expires_at"}, lambda t: not_below_zero(card_days(t), ibis.null("int64"))),
        "pay_card_expired_days": ({"card_expires_at"}, lambda t: not_below_zero(-card_days(t), 0)),
    }
    return computable(there, values)


def _last_success(there: Collection[str], reach: int) -> dict[str, tuple[set[str], Value]]:
    """Return how long ago it was, or where there are billing periods, for how long the next one has been due.

    The next one is due a period after the last, or after the day from which periods count, whichever is later. Of whom
    none is in sight, nothing is known: they may pay elsewhere.
    """
    if "billing_months" not in there:
        return {
            "pay_succeeded_recency_days": (
                set(),
                lambda t: days_since_last(t, "attempted_at", reach, t.status == "succeeded"),
            )
        }

    def overdue_days(t: ir.Table) -> Any:
        paid = t.attempted_at.date().max(where=t.status == "succeeded")
        due = months_after_expression(ibis.greatest(paid, t.billing_start.max()), t.billing_months.max())
        return ibis.ifelse(paid.notnull(), days_between(due, t.as_of_date.max()).clip(lower=0), ibis.null("int64"))

    return {"pay_overdue_days": (set(), overdue_days)}

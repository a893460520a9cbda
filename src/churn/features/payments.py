"""Payments: attempts, failures, what was paid, and whether the customer is past due on the date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import ibis.expr.types as ir

from churn.core.windows import days_between
from churn.features.catalog import Feature
from churn.features.family import (
    FamilyTable,
    FeatureInputs,
    Measure,
    aggregate_measures,
    facts_as_of,
    is_within,
)

TABLE = "payments"
CAUSE = "payment_failure"
DIRECTIONS: Mapping[str, Literal[-1, 1]] = {
    "failed_count": 1, "refunded_count": 1, "failed_recency_days": -1, "succeeded_recency_days": 1, "past_due_last": 1,
}  # fmt: skip


def build_payments(inputs: FeatureInputs) -> FamilyTable:
    """Return payment features; grain customer x as-of date, for customers with an attempt in the observation window."""
    rows = facts_as_of(inputs, TABLE, ["attempted_at"])
    measures = [m for days in sorted(inputs.settings.windows_days) for m in _window_measures(days)]
    return aggregate_measures(rows, [*measures, *_state_measures(inputs.observation_days)])


def _window_measures(days: int) -> list[Measure]:
    last_en, last_ja = f"in the last {days} days", f"直近{days}日間"

    def measure(name: str, en: str, ja: str, value: Any, *, unit: str, cause: str, topic: str) -> Measure:
        suffix_ja = "件" if unit == "payments" else ""
        feature = Feature(
            f"pay_{name}_{days}d",
            "payments",
            cause,
            unit,
            f"{en} {last_en}",
            f"{last_ja}の{ja}",
            f"{en[:1].upper()}{en[1:]} {last_en}: {{value}} (typical: {{typical}})",
            f"{last_ja}の{ja}: {{value}}{suffix_ja}（標準: {{typical}}{suffix_ja}）",
            topic=topic,
            empty=0.0,
            direction=DIRECTIONS.get(name, 0),
        )
        return Measure(feature, value)

    def having(t: ir.Table, *status: str) -> Any:
        return t.status.isin(status) & is_within(t, "attempted_at", days)

    return [
        measure(
            "failed_count",
            "failed payments",
            "支払い失敗件数",
            lambda t: t.count(where=having(t, "failed")),
            unit="payments",
            cause=CAUSE,
            topic="failed",
        ),
        measure(
            "refunded_count",
            "refunded or disputed payments",
            "返金・異議申し立て件数",
            lambda t: t.count(where=having(t, "refunded", "disputed")),
            unit="payments",
            cause="poor_experience",
            topic="refunded",
        ),
        measure(
            "paid_sum",
            "amount paid",
            "支払額",
            lambda t: t.amount.sum(where=having(t, "succeeded")),
            unit="currency",
            cause="pricing",
            topic="paid",
        ),
    ]


def _is_past_due(rows: ir.Table) -> Any:
    """Return 1 where the last attempt failed; of attempts at one instant, any that did not fail settles it."""
    is_failed = rows.status == "failed"
    failed, settled = rows.attempted_at.max(where=is_failed), rows.attempted_at.max(where=~is_failed)
    return (failed.notnull() & (settled.isnull() | (failed > settled))).cast("int64")


def _state_measures(observation_days: int) -> list[Measure]:
    def feature(name: str, unit: str, en: str, ja: str, text: tuple[str, str], topic: str, empty: float) -> Feature:
        return Feature(
            f"pay_{name}",
            "payments",
            CAUSE,
            unit,
            en,
            ja,
            *text,
            topic=topic,
            empty=empty,
            ceiling=empty or None,
            direction=DIRECTIONS.get(name, 0),
        )

    def since(t: ir.Table, status: str) -> Any:
        last = t.attempted_at.date().max(where=t.status == status)
        return days_between(last, t.as_of_date.max()).fill_null(observation_days)

    return [
        Measure(
            feature(
                "failed_recency_days",
                "days",
                "days since the last failed payment",
                "最後の支払い失敗からの日数",
                (
                    "Last failed payment {value} days ago (typical: {typical})",
                    "最後の支払い失敗から{value}日（標準: {typical}日）",
                ),
                "failed",
                float(observation_days),
            ),
            lambda t: since(t, "failed"),
        ),
        Measure(
            feature(
                "succeeded_recency_days",
                "days",
                "days since the last successful payment",
                "最後の支払い成功からの日数",
                (
                    "Last successful payment {value} days ago (typical: {typical})",
                    "最後の支払い成功から{value}日（標準: {typical}日）",
                ),
                "paid_recency",
                float(observation_days),
            ),
            lambda t: since(t, "succeeded"),
        ),
        Measure(
            feature(
                "past_due_last",
                "flag",
                "the last payment failed",
                "直近の支払いが失敗",
                ("The most recent payment attempt failed", "直近の支払いが失敗しています"),
                "failed",
                0.0,
            ),
            _is_past_due,
        ),
    ]

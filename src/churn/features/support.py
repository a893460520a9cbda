"""Support: what a customer asked, how long they waited, and how it ended, as known on the date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import ibis
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

TABLE = "tickets"
CAUSE = "poor_support"
DIRECTIONS: Mapping[str, Literal[-1, 1]] = {
    "escalated_count": 1, "reopened_count": 1, "csat_mean": -1,
    "open_count": 1, "open_age_days": 1, "unanswered_count": 1,
}  # fmt: skip
TIMES = ("opened_at", "first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")


def build_support(inputs: FeatureInputs) -> FamilyTable:
    """Return support features; grain customer x as-of date, for customers with a ticket in sight.

    A ticket resolved on or after the as-of date is open on it, and a satisfaction score counts from the moment it was
    given (`csat_at`, or the resolution where no such time is recorded).
    """
    rows = facts_as_of(inputs, TABLE, TIMES, still_open=_is_open)
    measures = [m for days in sorted(inputs.settings.windows_days) for m in _window_measures(rows, days)]
    return aggregate_measures(rows, [*measures, *_state_measures(rows, inputs.observation_days)])


def _is_open(rows: ir.Table) -> Any:
    if "resolved_at" not in rows.columns:
        return ibis.literal(False)
    reopened = (rows.reopened_at > rows.resolved_at).fill_null(False) if "reopened_at" in rows.columns else False
    return rows.resolved_at.isnull() | reopened


def _hours(rows: ir.Table, end: str) -> Any:
    return rows[end].delta(rows.opened_at, unit="minute") / 60.0


def _window_measures(rows: ir.Table, days: int) -> list[Measure]:
    last_en, last_ja = f"in the last {days} days", f"直近{days}日間"

    def measure(name: str, unit: str, en: str, ja: str, value: Any, *, topic: str, count: bool = False) -> Measure:
        suffix_ja = {"tickets": "件", "hours": "時間"}.get(unit, "")
        suffix_en = " hours" if unit == "hours" else ""
        feature = Feature(
            f"sup_{name}_{days}d",
            "support",
            CAUSE,
            unit,
            f"{en} {last_en}",
            f"{last_ja}の{ja}",
            f"{en[:1].upper()}{en[1:]} {last_en}: {{value}}{suffix_en} (typical: {{typical}})",
            f"{last_ja}の{ja}: {{value}}{suffix_ja}（標準: {{typical}}{suffix_ja}）",
            topic=topic,
            empty=0.0 if count else None,
            direction=DIRECTIONS.get(name, 0),
        )
        return Measure(feature, value)

    def recent(t: ir.Table) -> Any:
        return is_within(t, "opened_at", days)

    measures = [
        measure(
            "tickets_count",
            "tickets",
            "support tickets",
            "問い合わせ件数",
            lambda t: t.count(where=recent(t)),
            topic="tickets",
            count=True,
        )
    ]
    for time, word, en, ja in (
        ("escalated_at", "escalated", "escalated tickets", "エスカレーション件数"),
        ("reopened_at", "reopened", "reopened tickets", "再オープン件数"),
    ):
        if time in rows.columns:
            measures.append(
                measure(
                    f"{word}_count",
                    "tickets",
                    en,
                    ja,
                    lambda t, time=time: t.count(where=is_within(t, time, days)),
                    topic=word,
                    count=True,
                )
            )
    for time, word, en, ja in (
        ("first_response_at", "first_response", "average wait for a first answer", "初回回答までの平均時間"),
        ("resolved_at", "resolution", "average time to a solution", "解決までの平均時間"),
    ):
        if time in rows.columns:
            measures.append(
                measure(
                    f"{word}_hours_mean",
                    "hours",
                    en,
                    ja,
                    lambda t, time=time: _hours(t, time).mean(where=recent(t)),
                    topic=word,
                )
            )
    if "csat" in rows.columns and {"csat_at", "resolved_at"} & set(rows.columns):
        given = "csat_at" if "csat_at" in rows.columns else "resolved_at"
        measures.append(
            measure(
                "csat_mean",
                "score",
                "average satisfaction with support",
                "サポート満足度の平均",
                lambda t: t.csat.mean(where=t[given].notnull() & recent(t)),
                topic="csat",
            )
        )
    return measures


def _state_measures(rows: ir.Table, observation_days: int) -> list[Measure]:
    def feature(name: str, unit: str, en: str, ja: str, text: tuple[str, str], topic: str, empty: float) -> Feature:
        return Feature(
            f"sup_{name}",
            "support",
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

    measures = [
        Measure(
            feature(
                "tickets_recency_days",
                "days",
                "days since the last ticket",
                "最後の問い合わせからの日数",
                (
                    "Last support ticket {value} days ago (typical: {typical})",
                    "最後の問い合わせから{value}日（標準: {typical}日）",
                ),
                "tickets",
                float(observation_days),
            ),
            lambda t: days_between(t.opened_at.date().max(), t.as_of_date.max()).clip(upper=observation_days),
        )
    ]
    if "resolved_at" in rows.columns:
        measures += [
            Measure(
                feature(
                    "open_count",
                    "tickets",
                    "open tickets",
                    "未解決の問い合わせ件数",
                    (
                        "Support tickets still open: {value} (typical: {typical})",
                        "未解決の問い合わせが{value}件（標準: {typical}件）",
                    ),
                    "open",
                    0.0,
                ),
                lambda t: t.count(where=_is_open(t)),
            ),
            Measure(
                feature(
                    "open_age_days",
                    "days",
                    "age of the oldest open ticket",
                    "最も古い未解決の問い合わせの経過日数",
                    (
                        "The oldest open ticket has waited {value} days (typical: {typical})",
                        "最も古い未解決の問い合わせは{value}日経過（標準: {typical}日）",
                    ),
                    "open",
                    0.0,
                ),
                lambda t: days_between(t.opened_at.date().min(where=_is_open(t)), t.as_of_date.max()),
            ),
        ]
    if "first_response_at" in rows.columns:
        measures.append(
            Measure(
                feature(
                    "unanswered_count",
                    "tickets",
                    "tickets without a first answer",
                    "未回答の問い合わせ件数",
                    (
                        "Support tickets without any answer yet: {value} (typical: {typical})",
                        "まだ回答のない問い合わせが{value}件（標準: {typical}件）",
                    ),
                    "open",
                    0.0,
                ),
                lambda t: t.count(where=t.first_response_at.isnull() & _is_open(t)),
            )
        )
    return measures

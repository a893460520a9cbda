"""Engagement: how much, how often, how recently and with what trend a customer uses the product."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis
import ibis.expr.types as ir

from churn.core.errors import ConfigRefused
from churn.core.settings import EventTypeSettings
from churn.core.windows import days_between
from churn.features.catalog import Feature
from churn.features.family import FamilyTable, FeatureInputs, Measure
from churn.features.segments import Lookback, plan_segments, roll_up_days, sum_segments

TABLE = "events"
CAUSE = "low_engagement"
TAKEN = ("activity", "active_days", "events", "types")


def build_engagement(inputs: FeatureInputs) -> FamilyTable:
    """Return engagement features; grain customer x as-of date, for customers with an event in sight."""
    windows = sorted(inputs.settings.windows_days)
    lookbacks = [Lookback(f"in_{days}", days) for days in windows]
    lookbacks += [Lookback(f"before_{days}", 2 * days, days) for days in _with_prior(windows, inputs.observation_days)]
    plan = plan_segments(inputs.as_of_dates, lookbacks, inputs.observation_days)
    event_types = inputs.settings.event_types
    value_types = inputs.settings.value_types or []
    sums = sum_segments(roll_up_days(inputs.staged[TABLE], plan), plan, event_types, value_types)
    measures = _measures(inputs, windows, event_types)
    table = sums.select(
        "customer_id", "as_of_date", **{m.feature.name: m.value(sums).cast("float64") for m in measures}
    )
    return FamilyTable(table, tuple(m.feature for m in measures))


def _with_prior(windows: Sequence[int], observation_days: int) -> list[int]:
    return [days for days in windows if 2 * days <= observation_days]


def _measures(inputs: FeatureInputs, windows: Sequence[int], event_types: Sequence[str]) -> list[Measure]:
    prior = set(_with_prior(windows, inputs.observation_days))
    measures = [m for days in windows for m in _window_measures(days, days in prior, len(event_types))]
    reach = inputs.observation_days
    measures.append(_recency("activity", "last_day", reach, EventTypeSettings(), "any activity", "利用"))
    for number, (event_type, (slug, words)) in enumerate(zip(event_types, _slugs(inputs, event_types), strict=True)):
        en, ja = words.en or event_type.replace("_", " "), words.ja or event_type.replace("_", " ")
        measures += [_type_count(slug, number, days, words, en, ja) for days in windows]
        if event_type in (inputs.settings.value_types or []):
            measures += [_type_value(slug, number, days, words, en, ja) for days in windows]
        measures.append(_recency(slug, f"last_day{number}", reach, words, en, ja))
    return measures


def _slugs(inputs: FeatureInputs, event_types: Sequence[str]) -> list[tuple[str, EventTypeSettings]]:
    words: Mapping[str, EventTypeSettings] = inputs.source.event_types
    slugs = [re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or f"type{i}" for i, name in enumerate(event_types)]
    clashes = sorted({s for s in slugs if slugs.count(s) > 1 or s in TAKEN})
    if clashes:
        raise ConfigRefused(
            [
                f"features.event_types: {', '.join(clashes)}: two event types become one column name, or "
                "one that is taken; rename them in the source's SELECT of events"
            ]
        )
    return [(slug, words.get(name, EventTypeSettings())) for slug, name in zip(slugs, event_types, strict=True)]


@dataclass(frozen=True)
class _Total:
    """A measure over all event types, in words with `{n}` for the days of its window."""

    name: str
    unit: str
    en: str
    ja: str
    reason_en: str
    reason_ja: str
    topic: str
    direction: Literal[-1, 0, 1]
    value: Callable[[ir.Table, int], Any]

    def over(self, days: int) -> Callable[[ir.Table], Any]:
        """Return the value over one window."""
        return lambda t: self.value(t, days)


_COMPARED = (
    "Active on {value} days in the last {n}, {prior} in the {n} before",
    "直近{n}日間の利用は{value}日、その前の{n}日間は{prior}日",
)
_ALONE = (
    "Active on {value} days in the last {n} (typical: {typical})",
    "直近{n}日間の利用は{value}日（標準: {typical}日）",
)
_ACTIVE_DAYS = _Total(
    "active_days_count", "days", "days active in the last {n}", "直近{n}日間の利用日数", *_COMPARED, "activity", -1,
    lambda t, n: t[f"in_{n}__days"],
)  # fmt: skip
_EVENTS = _Total(
    "events_count", "events", "actions in the last {n} days", "直近{n}日間の操作回数",
    "{value} actions in the last {n} days (typical: {typical})", "直近{n}日間の操作は{value}回（標準: {typical}回）",
    "volume", -1, lambda t, n: t[f"in_{n}__events"],
)  # fmt: skip
_AGAINST_BEFORE = (
    _Total(
        "active_days_prior", "days", "days active in the {n} days before the last {n}", "その前の{n}日間の利用日数",
        *_COMPARED, "activity", 0, lambda t, n: t[f"before_{n}__days"],
    ),
    _Total(
        "active_days_trend", "log ratio", "change in days active over {n} days", "{n}日間の利用日数の変化",
        *_COMPARED, "activity", -1, lambda t, n: _log_ratio(t[f"in_{n}__days"], t[f"before_{n}__days"]),
    ),
    _Total(
        "events_trend", "log ratio", "change in actions over {n} days", "{n}日間の操作回数の変化",
        *_COMPARED, "activity", -1, lambda t, n: _log_ratio(t[f"in_{n}__events"], t[f"before_{n}__events"]),
    ),
)  # fmt: skip


def _types(count: int) -> _Total:
    return _Total(
        "types_count", "kinds", "kinds of activity in the last {n} days", "直近{n}日間に使った機能の種類数",
        "Used {value} different kinds of activity in the last {n} days (typical: {typical})",
        "直近{n}日間に使った機能は{value}種類（標準: {typical}種類）", "breadth", -1,
        lambda t, n: sum((t[f"in_{n}__n{i}"] > 0).cast("int64") for i in range(count)),
    )  # fmt: skip


def _window_measures(days: int, has_prior: bool, type_count: int) -> list[Measure]:
    totals = [_ACTIVE_DAYS, _EVENTS]
    totals += [_types(type_count)] if type_count else []
    totals += _AGAINST_BEFORE if has_prior else []
    return [Measure(_describe_total(total, days, has_prior), total.over(days)) for total in totals]


def _describe_total(total: _Total, days: int, has_prior: bool) -> Feature:
    reasons = (total.reason_en, total.reason_ja)
    is_compared = reasons == _COMPARED
    worded = _ALONE if is_compared and not has_prior else reasons
    en, ja, reason_en, reason_ja = (text.replace("{n}", str(days)) for text in (total.en, total.ja, *worded))
    return Feature(
        f"eng_{total.name}_{days}d",
        "engagement",
        CAUSE,
        total.unit,
        en,
        ja,
        reason_en,
        reason_ja,
        topic=total.topic,
        empty=0.0,
        value_of=f"eng_active_days_count_{days}d" if is_compared else None,
        prior_of=f"eng_active_days_prior_{days}d" if is_compared and has_prior else None,
        direction=total.direction,
    )


def _log_ratio(now: ir.NumericValue, before: ir.NumericValue) -> ir.NumericValue:
    return ((now + 1).cast("float64") / (before + 1).cast("float64")).ln()


def _type_count(slug: str, number: int, days: int, words: EventTypeSettings, en: str, ja: str) -> Measure:
    feature = Feature(
        f"eng_{slug}_count_{days}d",
        "engagement",
        words.cause or CAUSE,
        "events",
        f"{en} in the last {days} days",
        f"{ja}: 直近{days}日間の回数",
        f"{_capital(en)}: {{value}} in the last {days} days (typical: {{typical}})",
        f"{ja}: 直近{days}日間で{{value}}回（標準: {{typical}}回）",
        topic=f"type:{slug}",
        empty=0.0,
        direction=words.direction,
    )
    return Measure(feature, lambda t: t[f"in_{days}__n{number}"])


def _type_value(slug: str, number: int, days: int, words: EventTypeSettings, en: str, ja: str) -> Measure:
    feature = Feature(
        f"eng_{slug}_value_sum_{days}d",
        "engagement",
        words.cause or CAUSE,
        "value",
        f"{en}, total value in the last {days} days",
        f"{ja}: 直近{days}日間の合計値",
        f"{_capital(en)}: total value {{value}} in the last {days} days (typical: {{typical}})",
        f"{ja}: 直近{days}日間の合計値は{{value}}（標準: {{typical}}）",
        topic=f"type:{slug}",
        empty=0.0,
        direction=words.direction,
    )
    return Measure(feature, lambda t: t[f"in_{days}__v{number}"])


def _recency(slug: str, column: str, reach: int, words: EventTypeSettings, en: str, ja: str) -> Measure:
    opposite: dict[int, Literal[-1, 0, 1]] = {-1: 1, 0: 0, 1: -1}
    feature = Feature(
        f"eng_{slug}_recency_days",
        "engagement",
        words.cause or CAUSE,
        "days",
        f"days since {en}",
        f"最後の{ja}からの日数",
        f"{{value}} days since {en} (typical: {{typical}})",
        f"最後の{ja}から{{value}}日（標準: {{typical}}日）",
        topic="recency" if slug == "activity" else f"type:{slug}",
        empty=float(reach),
        ceiling=float(reach),
        direction=opposite[words.direction],
    )
    return Measure(feature, lambda t: ibis.coalesce(days_between(t[column], t.as_of_date), reach))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

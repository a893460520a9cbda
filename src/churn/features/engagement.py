"""Engagement: how much, how often, how recently and with what trend a customer uses the product."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir

from churn.core.errors import ConfigRefused
from churn.core.settings import WordedSettings
from churn.core.windows import days_between
from churn.features.catalog import Feature
from churn.features.family import FamilyTable, FeatureInputs, Measure
from churn.features.segments import Lookback, plan_segments, roll_up_days, sum_segments

TABLE = "events"
CAUSE = "low_engagement"


def build_engagement(inputs: FeatureInputs) -> FamilyTable:
    """Return engagement features; grain customer x as-of date, for customers with any event in the observation window."""
    windows = sorted(inputs.settings.windows_days)
    lookbacks = [Lookback(f"in_{days}", days) for days in windows]
    lookbacks += [
        Lookback(f"before_{days}", 2 * days, days) for days in _with_prior(windows, inputs.observation_days)
    ]
    plan = plan_segments(inputs.as_of_dates, lookbacks, inputs.observation_days)
    event_types = inputs.settings.event_types
    sums = sum_segments(roll_up_days(inputs.staged[TABLE], plan), plan, event_types)
    measures = _measures(inputs, windows, event_types)
    table = sums.select(
        "customer_id", "as_of_date", **{m.feature.name: m.value(sums).cast("float64") for m in measures}
    )
    return FamilyTable(table, tuple(m.feature for m in measures))


def _with_prior(windows: Sequence[int], observation_days: int) -> list[int]:
    return [days for days in windows if 2 * days <= observation_days]


def _measures(inputs: FeatureInputs, windows: Sequence[int], event_types: Sequence[str]) -> list[Measure]:
    prior = set(_with_prior(windows, inputs.observation_days))
    has_value = "value" in inputs.staged[TABLE].columns
    measures = [
        m for days in windows for m in _window_measures(days, days in prior, has_value, len(event_types))
    ]
    measures.append(_recency("activity", "last_day", inputs, CAUSE, "any activity", "利用"))
    for number, (event_type, (slug, words)) in enumerate(
        zip(event_types, _slugs(inputs, event_types), strict=True)
    ):
        cause = words.cause or CAUSE
        en, ja = words.en or event_type.replace("_", " "), words.ja or event_type.replace("_", " ")
        measures += [_type_count(slug, number, days, cause, en, ja) for days in windows]
        measures.append(_recency(slug, f"last_day{number}", inputs, cause, en, ja))
    return measures


def _slugs(inputs: FeatureInputs, event_types: Sequence[str]) -> list[tuple[str, WordedSettings]]:
    words: Mapping[str, WordedSettings] = inputs.source.event_types
    slugs = [
        re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or f"type{i}"
        for i, name in enumerate(event_types)
    ]
    clashes = sorted(
        {s for s in slugs if slugs.count(s) > 1 or s in ("activity", "active_days", "events", "types")}
    )
    if clashes:
        raise ConfigRefused(
            [
                f"features.event_types: {', '.join(clashes)}: two event types become one column name, or "
                "one that is taken; rename them in the source's SELECT of events"
            ]
        )
    return [(slug, words.get(name, WordedSettings())) for slug, name in zip(slugs, event_types, strict=True)]


def _window_measures(days: int, has_prior: bool, has_value: bool, type_count: int) -> list[Measure]:
    inside, before = f"in_{days}__", f"before_{days}__"
    count, prior = f"eng_active_days_count_{days}d", f"eng_active_days_prior_{days}d"
    compared_en = f"Active on {{value}} days in the last {days}, {{prior}} in the {days} before"
    compared_ja = f"直近{days}日間の利用は{{value}}日、その前の{days}日間は{{prior}}日"
    alone_en = f"Active on {{value}} days in the last {days} (typical: {{typical}})"
    alone_ja = f"直近{days}日間の利用は{{value}}日（標準: {{typical}}日）"
    worded = (compared_en, compared_ja) if has_prior else (alone_en, alone_ja)

    def feature(name: str, unit: str, en: str, ja: str, text: tuple[str, str], **more: str | None) -> Feature:
        topic = str(more.pop("topic", "activity"))
        return Feature(
            f"{name}_{days}d", "engagement", CAUSE, unit, en, ja, *text, topic=topic, empty=0.0, **more
        )  # type: ignore[arg-type]

    quoted: dict[str, str | None] = {"value_of": count, "prior_of": prior if has_prior else None}
    measures = [
        Measure(
            feature(
                "eng_active_days_count",
                "days",
                f"days active in the last {days}",
                f"直近{days}日間の利用日数",
                worded,
                **quoted,
            ),
            lambda t: t[inside + "days"],
        ),
        Measure(
            feature(
                "eng_events_count",
                "events",
                f"actions in the last {days} days",
                f"直近{days}日間の操作回数",
                (
                    f"{{value}} actions in the last {days} days (typical: {{typical}})",
                    f"直近{days}日間の操作は{{value}}回（標準: {{typical}}回）",
                ),
                topic="volume",
            ),
            lambda t: t[inside + "events"],
        ),
    ]
    if type_count:
        measures.append(
            Measure(
                feature(
                    "eng_types_count",
                    "kinds",
                    f"kinds of activity in the last {days} days",
                    f"直近{days}日間に使った機能の種類数",
                    (
                        f"Used {{value}} different kinds of activity in the last {days} days (typical: {{typical}})",
                        f"直近{days}日間に使った機能は{{value}}種類（標準: {{typical}}種類）",
                    ),
                    topic="breadth",
                ),
                lambda t: sum((t[f"{inside}n{i}"] > 0).cast("int64") for i in range(type_count)),
            )
        )
    if has_value:
        measures.append(
            Measure(
                feature(
                    "eng_value_sum",
                    "value",
                    f"total value of activity in the last {days} days",
                    f"直近{days}日間の利用量",
                    (
                        f"Activity worth {{value}} in the last {days} days (typical: {{typical}})",
                        f"直近{days}日間の利用量は{{value}}（標準: {{typical}}）",
                    ),
                    topic="value",
                ),
                lambda t: t[inside + "value"],
            )
        )
    if has_prior:
        measures += [
            Measure(
                feature(
                    "eng_active_days_prior",
                    "days",
                    f"days active in the {days} days before the last {days}",
                    f"その前の{days}日間の利用日数",
                    worded,
                    **quoted,
                ),
                lambda t: t[before + "days"],
            ),
            Measure(
                feature(
                    "eng_active_days_trend",
                    "log ratio",
                    f"change in days active over {days} days",
                    f"{days}日間の利用日数の変化",
                    worded,
                    **quoted,
                ),
                lambda t: _log_ratio(t[inside + "days"], t[before + "days"]),
            ),
            Measure(
                feature(
                    "eng_events_trend",
                    "log ratio",
                    f"change in actions over {days} days",
                    f"{days}日間の操作回数の変化",
                    worded,
                    **quoted,
                ),
                lambda t: _log_ratio(t[inside + "events"], t[before + "events"]),
            ),
        ]
    return measures


def _log_ratio(now: ir.NumericValue, before: ir.NumericValue) -> ir.NumericValue:
    return ((now + 1).cast("float64") / (before + 1).cast("float64")).ln()


def _type_count(slug: str, number: int, days: int, cause: str, en: str, ja: str) -> Measure:
    feature = Feature(
        f"eng_{slug}_count_{days}d",
        "engagement",
        cause,
        "events",
        f"{en}: times in the last {days} days",
        f"{ja}: 直近{days}日間の回数",
        f"{_capital(en)}: {{value}} in the last {days} days (typical: {{typical}})",
        f"{ja}: 直近{days}日間で{{value}}回（標準: {{typical}}回）",
        topic=f"type:{slug}",
        empty=0.0,
    )
    return Measure(feature, lambda t: t[f"in_{days}__n{number}"])


def _recency(slug: str, column: str, inputs: FeatureInputs, cause: str, en: str, ja: str) -> Measure:
    reach = inputs.observation_days
    feature = Feature(
        f"eng_{slug}_recency_days",
        "engagement",
        cause,
        "days",
        f"days since {en}",
        f"最後の{ja}からの日数",
        f"{{value}} days since {en} (typical: {{typical}})",
        f"最後の{ja}から{{value}}日（標準: {{typical}}日）",
        topic="recency" if slug == "activity" else f"type:{slug}",
        empty=float(reach),
        ceiling=float(reach),
    )
    return Measure(feature, lambda t: ibis.coalesce(days_between(t[column], t.as_of_date), reach))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

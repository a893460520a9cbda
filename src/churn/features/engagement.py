"""Engagement: how much, how often, how recently and with what trend a customer uses the product."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.source import EventTypeSettings
from churn.features.catalog import Feature
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.measures import Measure, Value, select_measures
from churn.features.rollup import SUMS
from churn.features.segments import Lookback, SegmentPlan, plan_segments
from churn.features.window_sums import mark_days, sum_segments
from churn.features.words import describe, describe_kind, slugs_of

FAMILY, TABLE = "engagement", "events"
TAKEN = ("activity", "active_days", "active_days_pace", "events", "types")


def build_engagement(inputs: FeatureInputs) -> FamilyTable:
    """Return engagement features; grain customer x as-of date, for customers with an event in sight."""
    plan, windows = plan_engagement(inputs), sorted(inputs.settings.windows_days)
    event_types = inputs.settings.event_types
    value_types = inputs.settings.value_types or []
    facts = inputs.staged[SUMS] if SUMS in inputs.staged else mark_days(inputs.staged[TABLE], plan)
    sums = sum_segments(facts, plan, event_types, value_types)
    return select_measures(sums, _measures(inputs, windows, event_types))


def plan_engagement(inputs: FeatureInputs) -> SegmentPlan:
    """Return how time is cut for the dates and windows asked for."""
    windows = sorted(inputs.settings.windows_days)
    lookbacks = [Lookback(f"in_{days}", days) for days in windows]
    lookbacks += [Lookback(f"before_{days}", 2 * days, days) for days in _with_prior(windows, inputs.observation_days)]
    return plan_segments(inputs.as_of_dates, lookbacks, inputs.observation_days)


def _with_prior(windows: Sequence[int], observation_days: int) -> list[int]:
    return [days for days in windows if 2 * days <= observation_days]


def _measures(inputs: FeatureInputs, windows: Sequence[int], event_types: Sequence[str]) -> list[Measure]:
    prior, reach = set(_with_prior(windows, inputs.observation_days)), inputs.observation_days
    measures = [m for days in windows for m in _totals(days, days in prior, len(event_types))]
    measures += [_pace(days, windows[-1]) for days in windows[:-1]]
    measures.append(Measure(describe(FAMILY, "eng_activity_recency_days", reach=reach), _days_since("since", reach)))
    slugs = slugs_of(event_types, TAKEN, "event_types", TABLE)
    for number, (event_type, slug) in enumerate(zip(event_types, slugs, strict=True)):
        words = inputs.source.event_types.get(event_type, EventTypeSettings())
        worded = partial(describe_kind, "event_type", slug=slug, kind=event_type, words=words)
        has_value = event_type in (inputs.settings.value_types or [])
        measures += _of_type(worded, number, windows, prior, has_value)
        measures.append(Measure(worded("eng_<type>_recency_days", reach=reach), _days_since(f"since{number}", reach)))
    return measures


def _of_type(
    worded: Callable[..., Feature], number: int, windows: Sequence[int], prior: Collection[int], has_value: bool
) -> list[Measure]:
    """Return the measures of one event type over the windows; those against the window before where it is in reach."""
    count, value = f"n{number}", f"v{number}"
    found = [Measure(worded("eng_<type>_count", days=n), _column(f"in_{n}__{count}")) for n in windows]
    found += [Measure(worded("eng_<type>_trend", days=n), _change(n, count)) for n in windows if n in prior]
    if has_value:
        found += [Measure(worded("eng_<type>_value_sum", days=n), _column(f"in_{n}__{value}")) for n in windows]
        found += [Measure(worded("eng_<type>_value_mean", days=n), _mean_value(f"in_{n}__", number)) for n in windows]
    return found


def _totals(days: int, has_prior: bool, type_count: int) -> list[Measure]:
    """Return the measures over all event types in one window; those against the window before where it is in reach."""
    inside, before = f"in_{days}__", f"before_{days}__"
    values: dict[str, Value] = {
        "eng_active_days_count": lambda t: t[inside + "days"],
        "eng_events_count": lambda t: t[inside + "events"],
    }
    if type_count:
        values["eng_types_count"] = lambda t: sum((t[f"{inside}n{i}"] > 0).cast("int64") for i in range(type_count))
    if has_prior:
        values["eng_active_days_prior"] = lambda t: t[before + "days"]
        values["eng_active_days_trend"] = lambda t: _log_ratio(t[inside + "days"], t[before + "days"])
        values["eng_events_trend"] = lambda t: _log_ratio(t[inside + "events"], t[before + "events"])
    return [Measure(describe(FAMILY, name, days=days, is_alone=not has_prior), v) for name, v in values.items()]


def _pace(days: int, longest: int) -> Measure:
    """Return active days in a window against the customer's own pace over the longest one, as a log ratio."""

    def value(t: ir.Table) -> Any:
        usual = t[f"in_{longest}__days"] * (days / longest)
        return _log_ratio(t[f"in_{days}__days"], usual)

    return Measure(describe(FAMILY, "eng_active_days_pace_trend", days=days, reach=longest), value)


def _mean_value(inside: str, number: int) -> Value:
    """Return the value per event; an event without a value counts as one of nothing."""
    return lambda t: t[f"{inside}v{number}"] / t[f"{inside}n{number}"].nullif(0)


def _change(days: int, count: str) -> Value:
    return lambda t: t[f"in_{days}__{count}"] - t[f"before_{days}__{count}"]


def _column(name: str) -> Value:
    return lambda t: t[name]


def _days_since(column: str, reach: int) -> Value:
    return lambda t: ibis.coalesce(t[column], reach)


def _log_ratio(now: ir.NumericValue, before: ir.NumericValue) -> ir.NumericValue:
    return ((now + 1).cast("float64") / (before + 1).cast("float64")).ln()

"""Feedback: what customers answer to surveys, and how that moves against their own earlier answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.windows import days_between
from churn.features.family import KEY, FamilyTable, FeatureInputs, Measure, aggregate_measures, facts_as_of, is_within
from churn.features.words import describe

FAMILY, TABLE = "feedback", "responses"
SURVEYS = ("nps", "csat", "ces")
"""The reason given on leaving (`cancellation`) is never a feature: it exists because they left."""


def build_feedback(inputs: FeatureInputs) -> FamilyTable:
    """Return survey features; grain customer x as-of date, for customers with a scored answer in sight.

    Of answers given at one instant the one with the highest id is the last.
    """
    facts = facts_as_of(inputs, TABLE, ["answered_at"])
    scored = facts.filter(facts.survey.isin(SURVEYS), facts.score.notnull())
    newest_first = ibis.window(
        group_by=[*KEY, "survey"], order_by=[scored.answered_at.desc(), scored.response_id.desc()]
    )
    rows, reach = scored.mutate(place=ibis.row_number().over(newest_first)), inputs.observation_days
    counts = [
        Measure(describe(FAMILY, "fb_answers_count", days=days), _count(days))
        for days in sorted(inputs.settings.windows_days)
    ]
    state = [
        Measure(describe(FAMILY, name, reach=reach), value)
        for survey in SURVEYS
        for name, value in _of_survey(survey, reach).items()
    ]
    return aggregate_measures(rows, [*counts, *state])


def _count(days: int) -> Callable[[ir.Table], Any]:
    return lambda t: t.count(where=is_within(t, "answered_at", days))


def _of_survey(survey: str, reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    def last(t: ir.Table) -> Any:
        return t.score.max(where=(t.survey == survey) & (t.place == 0))

    def before(t: ir.Table) -> Any:
        return t.score.mean(where=(t.survey == survey) & (t.place > 0))

    def since(t: ir.Table) -> Any:
        return days_between(t.answered_at.date().max(where=t.survey == survey), t.as_of_date.max()).fill_null(reach)

    return {
        f"fb_{survey}_last": last,
        f"fb_{survey}_prior": before,
        f"fb_{survey}_trend": lambda t: last(t) - before(t),
        f"fb_{survey}_recency_days": since,
    }

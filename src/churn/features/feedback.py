"""Feedback: what customers answer to surveys, and how that moves against their own earlier answers."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.features.family import FamilyTable, FeatureInputs, days_since_last, facts_as_of, is_within
from churn.features.measures import Value, aggregate_measures, on_date, over_windows

FAMILY, TABLE = "feedback", "responses"
# A reason given on leaving (`cancellation`) is no feature: it exists because they left.
SURVEYS = ("nps", "csat", "ces")


def build_feedback(inputs: FeatureInputs) -> FamilyTable:
    """Return survey features; grain customer x as-of date, for customers with a scored answer in sight.

    Of answers given at one instant the one with the highest id is the last.
    """
    facts = facts_as_of(inputs, TABLE, ["answered_at"])
    scored = facts.filter(facts.survey.isin(SURVEYS), facts.score.notnull())
    newest_first = ibis.window(
        group_by=[*KEY, "survey"], order_by=[scored.answered_at.desc(), scored.response_id.desc()]
    )
    rows = scored.mutate(place=ibis.row_number().over(newest_first))
    measures = over_windows(FAMILY, inputs, _over_window)
    for survey in SURVEYS:
        measures += on_date(FAMILY, inputs, _of_survey(survey, inputs.observation_days))
    return aggregate_measures(rows, measures)


def _over_window(days: int) -> dict[str, Value]:
    return {"fb_answers_count": lambda t: t.count(where=is_within(t, "answered_at", days))}


def _of_survey(survey: str, reach: int) -> dict[str, Value]:
    def last(t: ir.Table) -> Any:
        return t.score.max(where=(t.survey == survey) & (t.place == 0))

    def before(t: ir.Table) -> Any:
        return t.score.mean(where=(t.survey == survey) & (t.place > 0))

    return {
        f"fb_{survey}_last": last,
        f"fb_{survey}_prior": before,
        f"fb_{survey}_trend": lambda t: last(t) - before(t),
        f"fb_{survey}_recency_days": lambda t: days_since_last(t, "answered_at", reach, t.survey == survey),
    }

"""Texts: what a customer wrote lately, in tickets and survey answers, and the scores that came with it.

The text itself is a column of the matrix; which topics it touches, and how pleased it sounds, is learned with the
model, inside the fold.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.features.family import FamilyTable, FeatureInputs, facts_as_of, is_within
from churn.features.feedback import SURVEYS
from churn.features.words import describe

FAMILY = "texts"
SOURCES = {"tickets": ("opened_at", "ticket_id"), "responses": ("answered_at", "response_id")}
SCORED = ("csat", "nps")


def build_texts(inputs: FeatureInputs) -> FamilyTable:
    """Return text features; grain customer x as-of date, for customers who wrote in the longest window.

    Texts newest first, cut off at `max_text_characters`, and the mean of each kind of score that was given with one of
    them. What is written on leaving is never read.
    """
    parts = [_written(inputs, table) for table in SOURCES if "text" in _columns(inputs, table)]
    if not parts:
        return FamilyTable(inputs.snapshots, ())
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    newest_first = [rows.at.desc(), rows.text_id.desc()]
    joined = rows.text.group_concat(sep=" ", order_by=newest_first)
    feature = describe(FAMILY, "text_recent_last")
    scores = {kind: describe(FAMILY, f"text_{kind}_mean") for kind in _kinds(inputs)}
    table = rows.group_by(*KEY).agg(
        **{feature.name: joined.substr(0, inputs.settings.max_text_characters)},
        **{score.name: rows[kind].mean() for kind, score in scores.items()},
    )
    return FamilyTable(table, (feature, *scores.values()))


def _columns(inputs: FeatureInputs, table: str) -> tuple[str, ...]:
    return tuple(inputs.staged[table].columns) if table in inputs.staged else ()


def _kinds(inputs: FeatureInputs) -> list[str]:
    """Return the kinds of scores that the company's texts can come with."""
    by_survey = {"text", "score"} <= set(_columns(inputs, "responses"))
    by_ticket = {"text", "csat"} <= set(_columns(inputs, "tickets"))
    return [kind for kind, is_given in (("csat", by_survey or by_ticket), ("nps", by_survey)) if is_given]


def _written(inputs: FeatureInputs, table: str) -> ir.Table:
    """Return what was written lately, with the score that came along where it is known on the date."""
    time, key = SOURCES[table]
    there, none = set(_columns(inputs, table)), ibis.null("float64")
    given = "csat_at" if "csat_at" in there else "resolved_at"  # as the satisfaction with support is read
    rows = facts_as_of(inputs, table, [time, given])
    scores = dict.fromkeys(SCORED, none)
    if table == "responses":
        rows = rows.filter(rows.survey.isin(SURVEYS))
        if "score" in there:
            scores = {kind: ibis.ifelse(rows.survey == kind, rows.score, none) for kind in SCORED}
    elif {"csat", given} <= there:
        scores["csat"] = ibis.ifelse(rows[given].notnull(), rows.csat, none)
    rows = rows.mutate(**scores)
    rows = rows.filter(rows.text.notnull() & is_within(rows, time, max(inputs.settings.windows_days)))
    return rows.select(*KEY, *SCORED, at=rows[time], text_id=ibis.literal(f"{table}:") + rows[key], text=rows.text)

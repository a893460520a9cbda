"""Texts: what a customer wrote lately, in tickets and survey answers, as known on the date.

The text itself is a column of the matrix; which topics it touches is learned with the model, inside the fold.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn.features.family import KEY, FamilyTable, FeatureInputs, facts_as_of, is_within
from churn.features.feedback import SURVEYS
from churn.features.words import describe

FAMILY = "texts"
SOURCES = {"tickets": ("opened_at", "ticket_id"), "responses": ("answered_at", "response_id")}


def build_texts(inputs: FeatureInputs) -> FamilyTable:
    """Return `text_recent_last`; grain customer x as-of date, for customers who wrote in the longest window.

    Texts newest first, cut off at `max_text_characters`. What is written on leaving is never read.
    """
    parts = [_written(inputs, table) for table in SOURCES if "text" in _columns(inputs, table)]
    if not parts:
        return FamilyTable(inputs.snapshots, ())
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    newest_first = [rows.at.desc(), rows.text_id.desc()]
    joined = rows.text.group_concat(sep=" ", order_by=newest_first)
    feature = describe(FAMILY, "text_recent_last")
    table = rows.group_by(*KEY).agg(**{feature.name: joined.substr(0, inputs.settings.max_text_characters)})
    return FamilyTable(table, (feature,))


def _columns(inputs: FeatureInputs, table: str) -> tuple[str, ...]:
    return tuple(inputs.staged[table].columns) if table in inputs.staged else ()


def _written(inputs: FeatureInputs, table: str) -> ir.Table:
    time, key = SOURCES[table]
    rows = facts_as_of(inputs, table, [time])
    if table == "responses":
        rows = rows.filter(rows.survey.isin(SURVEYS))
    rows = rows.filter(rows.text.notnull() & is_within(rows, time, max(inputs.settings.windows_days)))
    return rows.select(*KEY, at=rows[time], text_id=ibis.literal(f"{table}:") + rows[key], text=rows.text)

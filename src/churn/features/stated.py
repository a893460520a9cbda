"""Kinds of events and tickets that the settings name: each must occur, else it is a slip of the pen."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir

from churn.core.errors import DataRefused, refuse_together
from churn.core.problem import Problem
from churn.core.suggestions import did_you_mean


def refuse_absent_kinds(tables: Mapping[str, ir.Table], problem: Problem) -> None:
    """Refuse settings that name event types or ticket categories of which the staged tables have no row at all.

    Raises
    ------
    DataRefused
        For every setting that does, with the nearest kind there is.
    """
    stated = (
        ("events", "event_type", "cohort.qualifying_events", problem.cohort.qualifying_events),
        ("events", "event_type", "label.qualifying_events", problem.label.qualifying_events),
        ("events", "event_type", "features.event_types", problem.features.event_types),
        ("events", "event_type", "features.value_types", problem.features.value_types or []),
        ("tickets", "category", "features.ticket_categories", problem.features.ticket_categories or []),
    )
    refusals = []
    for table, column, setting, names in stated:
        if names and table in tables and column in tables[table].columns:
            there = sorted(tables[table].select(column).distinct().drop_null().to_pyarrow()[column].to_pylist())
            refusals += [_absent(table, column, setting, name, there) for name in names if name not in there]
    refuse_together(refusals)


def _absent(table: str, column: str, setting: str, name: str, there: list[str]) -> DataRefused:
    return DataRefused(
        f"{setting} names '{name}', which no row has{did_you_mean(name, there)}",
        table=table,
        column=column,
        code="absent_kind",
        remedy=f"Correct the setting or the SELECT; there are {', '.join(there[:10]) or 'none'}"
        f"{' and others' if len(there) > 10 else ''}",
    )

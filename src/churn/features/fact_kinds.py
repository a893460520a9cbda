"""Kinds of events and tickets: those that the settings name must occur, those they leave open are found."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY
from churn.core.errors import DataRefused, refuse_together
from churn.core.problem import FeatureSettings, Problem
from churn.core.suggestions import did_you_mean
from churn.core.windows import first_visible_date
from churn.features.family import FeatureInputs


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


def complete_settings(inputs: FeatureInputs) -> FeatureSettings:
    """Return the feature settings with the event types, those with values, and the ticket categories left to be found.

    They are the most frequent ones among the facts known on the first as-of date. Those that appear later count in the
    totals only; list `features.event_types` and `features.ticket_categories` to choose them by hand.

    Raises
    ------
    DataRefused
        When no event is known on that date.
    """
    return inputs.settings.model_copy(update={**_found_event_types(inputs), **_found_categories(inputs)})


def _found_event_types(inputs: FeatureInputs) -> dict[str, list[str]]:
    settings = inputs.settings
    if "events" not in inputs.staged or (settings.event_types and settings.value_types is not None):
        return {}
    known = _known_first(inputs, "events", "occurred_at")
    values = {"values": known["value"].count()} if "value" in known.columns else {}
    counted = known.group_by("event_type").agg(rows=known.count(), **values)
    found = counted.order_by([counted.rows.desc(), counted.event_type]).to_pyarrow().to_pylist()
    names = settings.event_types or sorted(row["event_type"] for row in found[: settings.max_event_types])
    if not names:
        raise DataRefused(
            f"no event is known on the first as-of date, {min(inputs.as_of_dates)}", table="events",
            code="no_event_types",
            remedy="List features.event_types, or begin later (windows.history_days, windows.as_of)",
        )  # fmt: skip
    valued = sorted(row["event_type"] for row in found if row.get("values") and row["event_type"] in names)
    return {"event_types": names, "value_types": valued if settings.value_types is None else settings.value_types}


def _found_categories(inputs: FeatureInputs) -> dict[str, list[str]]:
    settings = inputs.settings
    is_there = "tickets" in inputs.staged and "category" in inputs.staged["tickets"].columns
    if settings.ticket_categories is not None or "support" not in settings.families or not is_there:
        return {}
    known = _known_first(inputs, "tickets", "opened_at")
    counted = known.filter(known.category.notnull()).group_by("category").agg(rows=lambda t: t.count())
    most = counted.order_by([counted.rows.desc(), counted.category]).limit(settings.max_ticket_categories)
    return {"ticket_categories": sorted(most.to_pyarrow()["category"].to_pylist())}


def _known_first(inputs: FeatureInputs, table: str, time: str) -> ir.Table:
    """Return the facts of a table known on the first as-of date."""
    facts, first = inputs.staged[table], min(inputs.as_of_dates)
    return facts.filter(first_visible_date(facts[time], facts[DELAY]) <= ibis.literal(first))

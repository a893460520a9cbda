"""Messages: how many a customer gets, how many of them are opened and clicked, and whether they want them at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from churn.core.windows import days_between
from churn.features.family import FamilyTable, FeatureInputs, Measure, aggregate_measures, facts_as_of, is_within
from churn.features.words import describe

FAMILY, TABLE = "messages", "messages"
TIMES = ("sent_at", "opened_at", "clicked_at", "unsubscribed_at")


def build_messages(inputs: FeatureInputs) -> FamilyTable:
    """Return message features; grain customer x as-of date, for customers with a message in the observation window.

    A message opened on or after the as-of date is unopened on it.
    """
    rows, reach = facts_as_of(inputs, TABLE, TIMES), inputs.observation_days
    recent = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(set(rows.columns), days).items()
    ]
    state = [Measure(describe(FAMILY, name, reach=reach), v) for name, v in _as_of(set(rows.columns), reach).items()]
    return aggregate_measures(rows, [*recent, *state])


def _over_window(there: set[str], days: int) -> dict[str, Callable[[ir.Table], Any]]:
    """Return what is measured over the messages sent in a window, as far as the company's columns allow."""

    def share(t: ir.Table, time: str) -> Any:
        inside = is_within(t, "sent_at", days)
        return t.count(where=inside & t[time].notnull()).cast("float64") / t.count(where=inside).nullif(0)

    needs: dict[str, tuple[set[str], Callable[[ir.Table], Any]]] = {
        "msg_sent_count": (set(), lambda t: t.count(where=is_within(t, "sent_at", days))),
        "msg_opened_ratio": ({"opened_at"}, lambda t: share(t, "opened_at")),
        "msg_clicked_ratio": ({"clicked_at"}, lambda t: share(t, "clicked_at")),
    }
    return {name: value for name, (columns, value) in needs.items() if columns <= there}


def _as_of(there: set[str], reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    def since_opened(t: ir.Table) -> Any:
        return days_between(t.opened_at.date().max(), t.as_of_date.max()).fill_null(reach)

    needs: dict[str, tuple[str, Callable[[ir.Table], Any]]] = {
        "msg_opened_recency_days": ("opened_at", since_opened),
        "msg_unsubscribed_count": ("unsubscribed_at", lambda t: t.unsubscribed_at.count()),
    }
    return {name: value for name, (column, value) in needs.items() if column in there}

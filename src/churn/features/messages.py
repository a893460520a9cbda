"""Messages: how many a customer gets, how many of them are opened and clicked, and whether they want them at all."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import ibis.expr.types as ir

from churn.features.family import FamilyTable, FeatureInputs, days_since_last, facts_as_of, is_within
from churn.features.measures import Value, aggregate_measures, computable, on_date, over_windows

FAMILY, TABLE = "messages", "messages"
TIMES = ("sent_at", "opened_at", "clicked_at", "unsubscribed_at")


def build_messages(inputs: FeatureInputs) -> FamilyTable:
    """Return message features; grain customer x as-of date, for customers with a message in the observation window.

    A message opened on or after the as-of date is unopened on it.
    """
    rows = facts_as_of(inputs, TABLE, TIMES)
    windows = over_windows(FAMILY, inputs, partial(_over_window, rows.columns))
    state = _on_date(rows.columns, inputs.observation_days)
    return aggregate_measures(rows, [*windows, *on_date(FAMILY, inputs, state)])


def _over_window(there: Collection[str], days: int) -> dict[str, Value]:
    def share(t: ir.Table, time: str) -> Any:
        inside = is_within(t, "sent_at", days)
        return t.count(where=inside & t[time].notnull()).cast("float64") / t.count(where=inside).nullif(0)

    return computable(
        there,
        {
            "msg_sent_count": (set(), lambda t: t.count(where=is_within(t, "sent_at", days))),
            "msg_opened_ratio": ({"opened_at"}, lambda t: share(t, "opened_at")),
            "msg_clicked_ratio": ({"clicked_at"}, lambda t: share(t, "clicked_at")),
        },
    )


def _on_date(there: Collection[str], reach: int) -> dict[str, Value]:
    return computable(
        there,
        {
            "msg_opened_recency_days": ({"opened_at"}, lambda t: days_since_last(t, "opened_at", reach)),
            "msg_unsubscribed_count": ({"unsubscribed_at"}, lambda t: t.unsubscribed_at.count()),
        },
    )

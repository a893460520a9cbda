"""Support: what a customer asked, how long they waited, and how it ended, as known on the date."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.source import TicketCategorySettings
from churn.core.windows import days_between, hours_between
from churn.features.family import FamilyTable, FeatureInputs, days_since_last, facts_as_of, is_within
from churn.features.measures import Measure, Value, aggregate_measures, computable, on_date, over_windows
from churn.features.words import describe_kind, slugs_of

FAMILY, TABLE = "support", "tickets"
TAKEN = ("tickets", "escalated", "reopened")
TIMES = ("opened_at", "first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")


def build_support(inputs: FeatureInputs) -> FamilyTable:
    """Return support features; grain customer x as-of date, for customers with a ticket in sight.

    A ticket resolved on or after the as-of date is open on it, and a satisfaction score counts from the moment it was
    given (`csat_at`, or the resolution where no such time is recorded).
    """
    rows = facts_as_of(inputs, TABLE, TIMES, still_open=_is_open)
    windows = over_windows(FAMILY, inputs, partial(_over_window, rows.columns))
    state = on_date(FAMILY, inputs, _on_date(rows.columns, inputs.observation_days))
    return aggregate_measures(rows, [*windows, *state, *_by_category(inputs, rows.columns)])


def _by_category(inputs: FeatureInputs, there: Collection[str]) -> list[Measure]:
    """Return tickets of each category over every window, and days since the last one."""
    if "category" not in there:
        return []
    categories, reach = inputs.settings.ticket_categories or [], inputs.observation_days
    slugs, measures = slugs_of(categories, TAKEN, "ticket_categories", TABLE), []
    for category, slug in zip(categories, slugs, strict=True):
        words = inputs.source.ticket_categories.get(category, TicketCategorySettings())
        worded = partial(describe_kind, "ticket_category", slug=slug, kind=category, words=words)
        for days in sorted(inputs.settings.windows_days):
            measures.append(Measure(worded("sup_<type>_tickets_count", days=days), _tickets_of(category, days)))
        measures.append(Measure(worded("sup_<type>_recency_days", reach=reach), _days_since(category, reach)))
    return measures


def _tickets_of(category: str, days: int) -> Value:
    return lambda t: t.count(where=(t.category == category) & is_within(t, "opened_at", days))


def _days_since(category: str, reach: int) -> Value:
    return lambda t: days_since_last(t, "opened_at", reach, t.category == category)


def _is_open(rows: ir.Table) -> Any:
    if "resolved_at" not in rows.columns:
        return ibis.literal(False)
    reopened = (rows.reopened_at > rows.resolved_at).fill_null(False) if "reopened_at" in rows.columns else False
    return rows.resolved_at.isnull() | reopened


def _over_window(there: Collection[str], days: int) -> dict[str, Value]:
    def hours(t: ir.Table, end: str) -> Any:
        return hours_between(t.opened_at, t[end]).mean(where=is_within(t, "opened_at", days))

    given = "csat_at" if "csat_at" in there else "resolved_at"
    values: dict[str, tuple[set[str], Value]] = {
        "sup_tickets_count": (set(), lambda t: t.count(where=is_within(t, "opened_at", days))),
        "sup_repeated_count": (
            {"category"},
            lambda t: (
                t.category.count(where=is_within(t, "opened_at", days))
                - t.category.nunique(where=is_within(t, "opened_at", days))
            ),
        ),
        "sup_escalated_count": ({"escalated_at"}, lambda t: t.count(where=is_within(t, "escalated_at", days))),
        "sup_reopened_count": ({"reopened_at"}, lambda t: t.count(where=is_within(t, "reopened_at", days))),
        "sup_first_response_hours_mean": ({"first_response_at"}, lambda t: hours(t, "first_response_at")),
        "sup_resolution_hours_mean": ({"resolved_at"}, lambda t: hours(t, "resolved_at")),
        "sup_csat_mean": (
            {"csat", given},
            lambda t: t.csat.mean(where=t[given].notnull() & is_within(t, "opened_at", days)),
        ),
    }
    return computable(there, values)


def _on_date(there: Collection[str], reach: int) -> dict[str, Value]:
    values: dict[str, tuple[set[str], Value]] = {
        "sup_tickets_recency_days": (set(), lambda t: days_since_last(t, "opened_at", reach)),
        "sup_open_count": ({"resolved_at"}, lambda t: t.count(where=_is_open(t))),
        "sup_open_age_days": (
            {"resolved_at"},
            lambda t: days_between(t.opened_at.date().min(where=_is_open(t)), t.as_of_date.max()),
        ),
        "sup_unanswered_count": (
            {"first_response_at"},
            lambda t: t.count(where=t.first_response_at.isnull() & _is_open(t)),
        ),
    }
    return computable(there, values)

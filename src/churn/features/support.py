"""Support: what a customer asked, how long they waited, and how it ended, as known on the date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.source import TicketCategorySettings
from churn.core.windows import days_between, hours_between
from churn.features.family import FamilyTable, FeatureInputs, Measure, aggregate_measures, facts_as_of, is_within
from churn.features.words import describe, describe_kind, slugs_of

FAMILY, TABLE = "support", "tickets"
TAKEN = ("tickets", "escalated", "reopened")
TIMES = ("opened_at", "first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")


def build_support(inputs: FeatureInputs) -> FamilyTable:
    """Return support features; grain customer x as-of date, for customers with a ticket in sight.

    A ticket resolved on or after the as-of date is open on it, and a satisfaction score counts from the moment it was
    given (`csat_at`, or the resolution where no such time is recorded).
    """
    rows = facts_as_of(inputs, TABLE, TIMES, still_open=_is_open)
    recent = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(set(rows.columns), days).items()
    ]
    reach = inputs.observation_days
    state = [Measure(describe(FAMILY, name, reach=reach), v) for name, v in _as_of(set(rows.columns), reach).items()]
    return aggregate_measures(rows, [*recent, *state, *_by_category(inputs, set(rows.columns))])


def _by_category(inputs: FeatureInputs, there: set[str]) -> list[Measure]:
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
        recency = worded("sup_<type>_recency_days", reach=reach)
        measures.append(Measure(recency, partial(_since_last, reach=reach, category=category)))
    return measures


def _tickets_of(category: str, days: int) -> Callable[[ir.Table], Any]:
    return lambda t: t.count(where=(t.category == category) & is_within(t, "opened_at", days))


def _since_last(rows: ir.Table, reach: int, category: str | None = None) -> Any:
    where = None if category is None else rows.category == category
    last = rows.opened_at.date().max(where=where)
    return days_between(last, rows.as_of_date.max()).clip(upper=reach).fill_null(reach)


def _is_open(rows: ir.Table) -> Any:
    if "resolved_at" not in rows.columns:
        return ibis.literal(False)
    reopened = (rows.reopened_at > rows.resolved_at).fill_null(False) if "reopened_at" in rows.columns else False
    return rows.resolved_at.isnull() | reopened


def _over_window(there: set[str], days: int) -> dict[str, Callable[[ir.Table], Any]]:
    """Return what is measured over a window, as far as the company's columns allow."""

    def hours(t: ir.Table, end: str) -> Any:
        return hours_between(t.opened_at, t[end]).mean(where=is_within(t, "opened_at", days))

    given = "csat_at" if "csat_at" in there else "resolved_at"
    needs: dict[str, tuple[set[str], Callable[[ir.Table], Any]]] = {
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
    return {name: value for name, (columns, value) in needs.items() if columns <= there}


def _as_of(there: set[str], reach: int) -> dict[str, Callable[[ir.Table], Any]]:
    """Return the state of a customer's tickets on the date, as far as the company's columns allow."""
    needs: dict[str, tuple[set[str], Callable[[ir.Table], Any]]] = {
        "sup_tickets_recency_days": (set(), partial(_since_last, reach=reach)),
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
    return {name: value for name, (columns, value) in needs.items() if columns <= there}

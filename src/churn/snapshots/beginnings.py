"""From which day on each table holds what happened, as one could tell on each as-of date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from churn.core.contract import CONTRACT, DELAY
from churn.core.source import SourceSettings
from churn.core.windows import whole_days
from churn.snapshots.coverage import MAIN, RATE_DAYS, first_day

CHANCE = 1 / 20_000  # of an empty beginning; what is likelier is no reason to call days unrecorded
FEW = 0.05  # of the customers: their false values are no reason to give up the right ones of all others


def find_beginnings(
    staged: Mapping[str, ir.Table], source: SourceSettings, as_of_dates: Sequence[date]
) -> dict[str, dict[date, date]]:
    """Return the first day on record, by table and as-of date, where customers had been there before.

    What the source states under `covered_from` stands. Else it is the first day of the facts known on the date, a few
    stray rows left aside (the date itself where nothing is known); a table that begins later than the main one, by no
    more than chance explains, began with it. Incidents are too rare to tell: they have a beginning only where it is
    stated. Dates on which nearly all customers signed up after the beginning are left out: nothing is missing of them.

    Nothing but what was known on a date is read, so that no later fact moves its beginnings.
    """
    dates = sorted(as_of_dates)
    facts = {name: _count(table, CONTRACT[name].time) for name, table in staged.items() if CONTRACT[name].is_fact}
    sign_ups = _count_sign_ups(staged["customers"]) if "customers" in staged else {}
    found: dict[str, dict[date, date]] = {name: {} for name in (*facts, *source.covered_from) if name in staged}
    for day in dates:
        known = {name: _known(counts, day) for name, counts in facts.items()}
        main = next((first_day(known[name])[0] for name in MAIN if known.get(name)), day)
        for name, by_date in found.items():
            begin = source.covered_from.get(name) or _beginning(known[name], main, day)
            if _were_there(_known(sign_ups, day), begin):
                by_date[day] = begin
    return found


def _count(facts: ir.Table, time: str) -> dict[tuple[date, date], int]:
    """Return the number of facts by the day they happened and the as-of date that sees them for certain.

    Delays are rounded up to days: so nothing is counted too early, and no instant has to be worked out for each fact.
    """
    counted = facts.group_by(day=facts[time].date(), delay_days=whole_days(facts[DELAY])).agg(rows=facts.count())
    return {
        (row["day"], row["day"] + timedelta(days=1 + row["delay_days"])): row["rows"]
        for row in counted.to_pyarrow().to_pylist()
    }


def _count_sign_ups(customers: ir.Table) -> dict[tuple[date, date], int]:
    """Return the number of customers (of their versions) by the day they signed up and the first date that sees it."""
    signed_up = customers.signed_up_at.date()
    valid_from = customers.valid_from.date() if "valid_from" in customers.columns else ibis.null("date")
    counted = customers.group_by(day=signed_up, since=ibis.greatest(signed_up, valid_from.fill_null(signed_up)))
    return {
        (row["day"], row["since"] + timedelta(days=1)): row["rows"]
        for row in counted.agg(rows=customers.count()).to_pyarrow().to_pylist()
        if row["day"] is not None
    }


def _known(counts: Mapping[tuple[date, date], int], as_of: date) -> dict[date, int]:
    known: dict[date, int] = {}
    for (day, seen_from), rows in counts.items():
        if seen_from <= as_of:
            known[day] = known.get(day, 0) + rows
    return known


def _beginning(rows: Mapping[date, int], main: date, as_of: date) -> date:
    """Return where a table begins: with the main one, unless it is earlier, or later than chance explains."""
    if not rows:
        return as_of
    first, _ = first_day(rows)
    return main if first > main and _is_by_chance(rows, first, main, as_of) else first


def _is_by_chance(rows: Mapping[date, int], first: date, main: date, as_of: date) -> bool:
    """Return whether the first days with rows may lie where they do, had the table been kept from `main` on.

    Spread evenly, all of n days lie in the later s of g + s days with the chance `(s / (g + s)) ** n`. Days, not rows:
    what is booked once a month comes many at a time.
    """
    seen_days = min((as_of - first).days, RATE_DAYS)
    busy_days = sum(day < first + timedelta(days=seen_days) for day in rows)
    return (1 + (first - main).days / seen_days) ** -busy_days > CHANCE


def _were_there(sign_ups: Mapping[date, int], begin: date) -> bool:
    """Return whether more than a few of the customers had signed up before a table begins."""
    before = sum(count for day, count in sign_ups.items() if day < begin)
    return not sign_ups or before > FEW * sum(sign_ups.values())

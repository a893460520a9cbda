"""The company as its systems held it at an as-of instant: what had not happened, or was not known, never existed.

Written from the contract alone and without the date arithmetic of the features, which it is there to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import CONTRACT, DELAY

# Values that arrive with a timestamp of their own and are unknown before it.
COMPANIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "subscriptions": {"ended_at": ("end_reason",)},
    "tickets": {"csat_at": ("csat",)},
    "interventions": {"outcome_at": ("outcome",)},
    "obligations": {"met_at": ("score",)},
}
# Timestamps that are planned: known with their row, wherever they lie.
PLANNED: Mapping[str, tuple[str, ...]] = {
    "subscriptions": ("trial_ends_at", "discount_ends_at"),
    "payments": ("card_expires_at",),
    "obligations": ("due_at",),
}


def midnight(as_of: date) -> ir.Scalar:
    """Return the as-of instant, 00:00 UTC."""
    return ibis.literal(datetime.combine(as_of, time()), "timestamp(6)")


def is_known(rows: ir.Table, name: str, as_of: date) -> Any:
    """Return whether a timestamp had come and was known at the instant: `t < as_of` and `t + delay <= as_of`."""
    at, instant = rows[name], midnight(as_of)
    if DELAY not in rows.columns:
        return (at < instant).fill_null(False)
    return ((at < instant) & (at + rows[DELAY].as_interval("us") <= instant)).fill_null(False)


def later_times(table: str, columns: tuple[str, ...] | list[str]) -> dict[str, tuple[str, ...]]:
    """Return the timestamps of a table that are facts of their own, each with the values that arrive with it."""
    contract, companions = CONTRACT[table], dict(COMPANIONS.get(table, {}))
    if table == "tickets" and "csat_at" not in columns:  # where nobody noted when, it came with the resolution
        companions["resolved_at"] = ("csat",)
    names = [n for n in contract.times if n != contract.time and n not in PLANNED.get(table, ()) and n in columns]
    return {name: tuple(c for c in companions.get(name, ()) if c in columns) for name in names}


def as_known(staged: Mapping[str, ir.Table], as_of: date) -> dict[str, ir.Table]:
    """Return the staged tables without anything that was not known at the instant, each timestamp on its own.

    Grain as before. Facts that had not happened, or that nobody knew of, are gone; of the others, timestamps yet to
    come are null together with the values that arrive with them; versions of customers that begin later are gone, and
    so are customers who had not signed up and of whom nothing was known.
    """
    facts = {name: _facts_known(name, table, as_of) for name, table in staged.items() if CONTRACT[name].is_fact}
    others = {"incidents": _incidents_known(staged["incidents"], as_of)} if "incidents" in staged else {}
    return {"customers": _customers_known(staged["customers"], list(facts.values()), as_of), **facts, **others}


def _facts_known(name: str, table: ir.Table, as_of: date) -> ir.Table:
    known = table.filter(is_known(table, CONTRACT[name].time, as_of))
    return _masked(name, known, as_of)


def _masked(name: str, known: ir.Table, as_of: date) -> ir.Table:
    hidden: dict[str, Any] = {}
    for at, companions in later_times(name, known.columns).items():
        has_come = is_known(known, at, as_of)
        hidden |= {c: ibis.ifelse(has_come, known[c], ibis.null(known[c].type())) for c in (at, *companions)}
    return known.mutate(**hidden) if hidden else known


def _incidents_known(incidents: ir.Table, as_of: date) -> ir.Table:
    """Return what had begun or been announced; the beginning of an announced change is part of the announcement."""
    has_begun = is_known(incidents, "started_at", as_of)
    if "announced_at" in incidents.columns:
        has_begun = has_begun | is_known(incidents, "announced_at", as_of)
    return _masked("incidents", incidents.filter(has_begun), as_of)


def _customers_known(customers: ir.Table, facts: list[ir.Table], as_of: date) -> ir.Table:
    if "valid_from" in customers.columns:
        customers = customers.filter(customers.valid_from.isnull() | (customers.valid_from < midnight(as_of)))
    heard_of = ibis.union(*[t.select("customer_id") for t in facts], distinct=True) if len(facts) > 1 else facts[0]
    marked = heard_of.select("customer_id").distinct().mutate(is_heard_of=True)
    joined = customers.left_join(marked, "customer_id")
    kept = joined.filter(is_known(joined, "signed_up_at", as_of) | joined.is_heard_of.notnull())
    return kept.select(customers.columns)

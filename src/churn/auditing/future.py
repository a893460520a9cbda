"""Other futures: facts at and after an as-of instant, and facts known only then, invented with extreme values.

Whatever is invented here was invisible at the instant, so no feature of that date may move. Half of it lies exactly on
the edge: at the instant itself, or known one microsecond after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.auditing.known import is_known, later_times, midnight
from churn.core.contract import CONTRACT, DELAY, Column, TableContract

MICROSECOND = timedelta(microseconds=1)
# When an invented fact happens, from the instant, and when it is known: at the edge, soon, in the outcome, or late.
PATTERNS = (
    (timedelta(), timedelta()),
    (timedelta(days=1, hours=12), timedelta(days=1, hours=12)),
    (timedelta(days=45), timedelta(days=45)),
    (timedelta(days=-1), MICROSECOND),
    (timedelta(days=-20), timedelta(days=3)),
)
EXTREME, INVENTED = 1e9, "invented"
STRANGERS = 50


def with_invented_future(
    staged: Mapping[str, ir.Table], customers: ir.Table, as_of: date, event_types: Iterable[str]
) -> dict[str, ir.Table]:
    """Return the staged tables with another future: new facts, other outcomes of the known ones, later versions.

    Parameters
    ----------
    customers
        `customer_id` of those who get new facts; strangers who sign up later are added.
    event_types
        Types that new events are of; one that nobody has seen is added.
    """
    told = {"events": [*event_types, f"{INVENTED}_type"]}
    whom = customers.select("customer_id").distinct().union(_strangers())
    out = {}
    for name, table in staged.items():
        if name == "customers":
            out[name] = _later_customers(table, customers, as_of)
            continue
        table = table.mutate(**{DELAY: table[DELAY].cast("int64")}) if DELAY in table.columns else table
        changed = _other_outcomes(name, table, as_of)
        news = _new_facts(name, table, whom if CONTRACT[name].has_customer else None, as_of, told.get(name))
        out[name] = changed.union(news)
    return out


def _strangers() -> ir.Table:
    names = [{"customer_id": f"{INVENTED}-{n}"} for n in range(STRANGERS)]
    return ibis.memtable(names, schema={"customer_id": "string"})


def _later_customers(customers: ir.Table, whom: ir.Table, as_of: date) -> ir.Table:
    """Return customers with strangers and, where the table has versions, two more versions of everybody."""
    instant = datetime.combine(as_of, time())
    attributes = [c for c in customers.columns if c not in ("customer_id", "signed_up_at", "valid_from")]
    moments = ibis.memtable(
        [{"begins": instant}, {"begins": instant + timedelta(days=10)}], schema={"begins": "timestamp(6)"}
    )
    extremes = {name: _extreme(customers, name) for name in attributes}
    strangers = _strangers().cross_join(moments.limit(1))
    starts = {"valid_from": strangers.begins} if "valid_from" in customers.columns else {}
    new = strangers.mutate(signed_up_at=strangers.begins, **starts, **extremes)
    out = customers.union(_like(new, customers))
    if starts:
        people = customers.group_by("customer_id").agg(signed_up_at=customers.signed_up_at.min())
        later = people.semi_join(whom, "customer_id").cross_join(moments)
        out = out.union(_like(later.mutate(valid_from=later.begins, **extremes), customers))
    return out


def _extreme(table: ir.Table, name: str) -> Any:
    kind = table[name].type()
    return ibis.literal(EXTREME if kind.is_numeric() else INVENTED).cast(kind)


def _like(rows: ir.Table, table: ir.Table) -> ir.Table:
    return rows.select(**{name: rows[name].cast(kind) for name, kind in table.schema().items()})


def _other_outcomes(name: str, table: ir.Table, as_of: date) -> ir.Table:
    """Return the facts with every timestamp not known yet replaced: none by one at the instant, others moved."""
    contract, changed = CONTRACT[name], {}
    is_there = is_known(table, contract.time, as_of)
    for at, companions in later_times(name, table.columns).items():
        to_come = is_there & ~is_known(table, at, as_of)
        other = ibis.ifelse(table[at].isnull(), midnight(as_of), midnight(as_of) + ibis.interval(hours=36))
        changed[at] = ibis.ifelse(to_come, other, table[at]).cast(table[at].type())
        for companion in companions:
            value = _invented_value(contract.column(companion), table, companion)
            changed[companion] = ibis.ifelse(to_come, value, table[companion]).cast(table[companion].type())
    return table.mutate(**changed) if changed else table


def _new_facts(name: str, table: ir.Table, whom: ir.Table | None, as_of: date, told: list[str] | None) -> ir.Table:
    """Return invented facts in the columns of the table: of everybody, in every pattern and of every kind."""
    contract = CONTRACT[name]
    kind = _kind_of(contract)
    kinds = told or list(contract.column(kind).allowed if kind else ("",))
    rows = ibis.memtable(
        list(_patterns(as_of, kinds, with_delay=DELAY in table.columns)),
        schema={"number": "int64", "at": "timestamp(6)", "delay": "int64", "kind": "string"},
    )
    rows = rows.cross_join(whom) if whom is not None else rows
    who = rows.customer_id if whom is not None else ibis.literal("")
    given: dict[str, Any] = {}
    for column, type_ in table.schema().items():
        known = {c.name: c for c in contract.columns}.get(column)
        if column == "customer_id":
            value = rows.customer_id
        elif column == DELAY:
            value = rows.delay
        elif column == kind:
            value = rows.kind
        elif column in contract.key:
            value = (
                rows.at
                if known and known.kind == "time"
                else ibis.literal(f"{INVENTED}-") + who + rows.number.cast("string")
            )
        elif column == contract.time:
            value = rows.at
        elif known is not None and known.kind == "time":
            value = rows.at + ibis.interval(hours=1)
        else:
            value = _invented_value(known, table, column)
        given[column] = value.cast(type_)
    return rows.select(**given)


def _patterns(as_of: date, kinds: list[str], with_delay: bool) -> Iterable[dict[str, Any]]:
    instant, number = datetime.combine(as_of, time()), 0
    for after, known_after in PATTERNS:
        if known_after != after and not with_delay:  # such a table knows no late facts
            continue
        for kind in kinds:
            yield {
                "number": number,
                "at": instant + after,
                "delay": (known_after - after) // MICROSECOND,
                "kind": kind,
            }
            number += 1


def _kind_of(contract: TableContract) -> str | None:
    """Return the column that says what kind of fact a row is, of which every kind is invented."""
    if contract.name == "events":
        return "event_type"
    return next((c.name for c in contract.columns if c.kind == "text" and c.required and c.allowed), None)


def _invented_value(column: Column | None, table: ir.Table, name: str) -> Any:
    if column is not None and column.allowed:
        return ibis.literal(column.allowed[-1])
    kind = table[name].type()
    if kind.is_numeric():
        high = column.high if column is not None and column.high is not None else EXTREME
        return ibis.literal(min(high, EXTREME))
    return ibis.literal(INVENTED)

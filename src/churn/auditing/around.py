"""What happened to each customer before a date and after it, for the one check that may look at both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir

from churn.auditing.known import midnight
from churn.core.contract import CONTRACT

PAST, FUTURE = "past_", "future_"
# Columns by whose most frequent values facts are counted apart: of logins alone, all events say little.
KINDS: Mapping[str, str] = {"events": "event_type", "tickets": "category", "payments": "status", "responses": "survey"}
MOST_KINDS = 8


def count_around(staged: Mapping[str, ir.Table], customers: ir.Table, as_of: date) -> ir.Table:
    """Return facts and sums of their numbers on either side of a date.

    Grain: customer. Columns `past_<table>`, `future_<table>` (facts; `..._is_<n>` those of one kind), `..._<number>`
    (sums), `..._mean` (means: a price is one, however many terms had it) and `future_<table>_days` (to the last fact);
    0 where there is none.
    """
    out = customers.select("customer_id").distinct()
    for name, table in staged.items():
        contract = CONTRACT[name]
        if not contract.is_fact:
            continue
        is_past = table[contract.time] < midnight(as_of)
        numbers = [c.name for c in contract.columns if c.kind == "number" and c.name in table.columns]
        last = table[contract.time].max(where=~is_past).date().delta(midnight(as_of).date(), unit="day")
        kinds = _frequent(table, KINDS[name]) if KINDS.get(name) in table.columns else []
        measures: dict[str, ir.Value] = {f"{FUTURE}{name}_days": last}
        for side, where in ((PAST, is_past), (FUTURE, ~is_past)):
            measures[f"{side}{name}"] = table.count(where=where)
            for number, kind in enumerate(kinds):
                measures[f"{side}{name}_is_{number}"] = table.count(where=where & (table[KINDS[name]] == kind))
            for column in numbers:
                measures[f"{side}{name}_{column}"] = table[column].sum(where=where)
                measures[f"{side}{name}_{column}_mean"] = table[column].mean(where=where)
        counted = table.group_by("customer_id").agg(**measures)
        out = out.left_join(counted, "customer_id").drop("customer_id_right")
    return out.fill_null(dict.fromkeys([c for c in out.columns if c != "customer_id"], 0))


def _frequent(table: ir.Table, column: str) -> list[str]:
    """Return the most frequent values of a column, ties by their names."""
    counted = table.filter(table[column].notnull()).group_by(column).agg(rows=lambda rows: rows.count())
    most = counted.order_by([counted.rows.desc(), counted[column]]).limit(MOST_KINDS)
    return sorted(most.to_pyarrow()[column].to_pylist())

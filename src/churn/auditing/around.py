"""What happened to each customer before a date and after it, for the one check that may look at both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir

from churn.auditing.known import midnight
from churn.core.contract import CONTRACT

PAST, FUTURE = "past_", "future_"


def count_around(staged: Mapping[str, ir.Table], customers: ir.Table, as_of: date) -> ir.Table:
    """Return facts and sums of their numbers on either side of a date.

    Grain: customer. Columns `past_<table>`, `future_<table>` (facts), `..._<number>` (sums), `past_..._mean` (means: a
    price is one, however many terms had it) and `future_<table>_days` (to the last fact); 0 where there is none.
    """
    out = customers.select("customer_id").distinct()
    for name, table in staged.items():
        contract = CONTRACT[name]
        if not contract.is_fact:
            continue
        is_past = table[contract.time] < midnight(as_of)
        numbers = [c.name for c in contract.columns if c.kind == "number" and c.name in table.columns]
        last = table[contract.time].max(where=~is_past).date().delta(midnight(as_of).date(), unit="day")
        counted = table.group_by("customer_id").agg(
            **{f"{PAST}{name}": table.count(where=is_past), f"{FUTURE}{name}": table.count(where=~is_past)},
            **{f"{PAST}{name}_{c}": table[c].sum(where=is_past) for c in numbers},
            **{f"{PAST}{name}_{c}_mean": table[c].mean(where=is_past) for c in numbers},
            **{f"{FUTURE}{name}_{c}": table[c].sum(where=~is_past) for c in numbers},
            **{f"{FUTURE}{name}_days": last},
        )
        out = out.left_join(counted, "customer_id").drop("customer_id_right")
    return out.fill_null(dict.fromkeys([c for c in out.columns if c != "customer_id"], 0))

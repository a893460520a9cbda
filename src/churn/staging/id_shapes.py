"""Ids that are the same but for how they are written: spaces, leading zeros, a decimal point, letter case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis.expr.types as ir

WRITINGS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "spaces around them": (lambda text: text.strip(), "trim({column})"),
    "a decimal point that numbers have gained": (
        lambda text: text.re_replace(r"\.0+$", ""),
        "regexp_replace({column}::VARCHAR, '\\.0+$', '')",
    ),
    "leading zeros": (lambda text: text.re_replace("^0+", ""), "ltrim({column}::VARCHAR, '0')"),
    "capital and small letters": (lambda text: text.upper(), "upper({column})"),
}
MOST = 0.5  # share of the strangers that must turn out to be customers


def explain_strangers(strangers: ir.Table, customers: ir.Table) -> str | None:
    """Return what to do about ids that would be customers if written alike, or None when they would not.

    Parameters
    ----------
    strangers
        Rows whose `customer_id` the customers table does not have.
    customers
        One row per customer: `customer_id`.
    """
    ids = strangers.select("customer_id").distinct()
    wanted = MOST * ids.count().to_pyarrow().as_py()
    for difference, (write, sql) in WRITINGS.items():
        written = ids.select(alike=write(ids.customer_id))
        known = customers.select(alike=write(customers.customer_id)).distinct()
        if written.semi_join(known, "alike").count().to_pyarrow().as_py() > wanted:
            return (
                f"Most of them are customers but for {difference}: write both tables' ids alike in the SELECTs, "
                f"for example {sql.format(column='customer_id')} AS customer_id"
            )
    return None

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


def find_alike(customers: ir.Table) -> list[tuple[str, str]]:
    """Return pairs of customers' ids that differ only by spaces around them or by letter case, sorted.

    Parameters
    ----------
    customers
        Staged customers: `customer_id`, perhaps several rows of each.
    """
    ids = customers.select("customer_id").distinct()
    alike = ids.group_by(written=ids.customer_id.strip().upper()).agg(
        first=ids.customer_id.min(), last=ids.customer_id.max()
    )
    pairs = alike.filter(alike["first"] != alike["last"]).order_by("written").to_pyarrow().to_pylist()
    return [(row["first"], row["last"]) for row in pairs]


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

"""Customers in groups, built one after the other, so that memory is bound by a group and not by the company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from churn.features.family import FeatureInputs, JoinedFamilies


class CustomerRange(NamedTuple):
    """Customers with ids in `[first, until)`; None is no bound."""

    first: str | None
    until: str | None

    def of(self, table: ir.Table) -> ir.Table:
        """Return the table's rows of these customers; a table without customers as it is."""
        if "customer_id" not in table.columns:
            return table
        if self.first is not None:
            table = table.filter(table.customer_id >= self.first)
        return table if self.until is None else table.filter(table.customer_id < self.until)


def customer_groups(snapshots: ir.Table, rows_per_group: int) -> tuple[CustomerRange, ...]:
    """Return ranges of customers, ascending and without gaps, of about `rows_per_group` snapshots each.

    Staged tables lie in the order of customers, so that a range reads only its own part of a file.
    """
    counted = snapshots.group_by("customer_id").agg(rows=snapshots.count())
    in_order = ibis.window(order_by="customer_id", preceding=None, following=0)
    placed = counted.mutate(number=((counted.rows.sum().over(in_order) - 1) // rows_per_group).cast("int64"))
    firsts = placed.group_by("number").agg(first=placed.customer_id.min()).order_by("number").to_pyarrow()
    bounds = [None, *firsts["first"].to_pylist()[1:], None]
    return tuple(CustomerRange(first, until) for first, until in pairwise(bounds))


def build_in_groups(
    build: Callable[[FeatureInputs], JoinedFamilies], inputs: FeatureInputs, groups: Sequence[CustomerRange]
) -> JoinedFamilies:
    """Return families built group by group; each part is computed, side by side, before the next begins.

    Only for families whose features of a customer depend on that customer alone. A single group is left uncomputed.
    """
    if len(groups) < 2:
        return build(inputs)
    parts = []
    for group in groups:
        staged = {name: group.of(table) for name, table in inputs.staged.items()}
        parts.append(build(replace(inputs, staged=staged, snapshots=group.of(inputs.snapshots))).computed())
    return replace(parts[0], table=ibis.union(*[part.table for part in parts], distinct=False))

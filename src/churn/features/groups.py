"""Customers in groups, built one after the other, so that memory is bound by a group and not by the company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name

from churn.features.family import FeatureInputs, JoinedFamilies

SNAPSHOTS = "snapshots"


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
    """Return families built group by group; each is computed and kept before the next begins.

    Only for families whose features of a customer depend on that customer alone. What is built is said once, of views
    that show one group after the other: to compile it takes longer than to run it for a small group. Without groups
    nothing is computed.
    """
    if len(groups) < 2:
        return build(inputs).computed() if groups else build(inputs)
    backend = inputs.snapshots.get_backend()
    tables = {**inputs.staged, SNAPSHOTS: inputs.snapshots}
    views = {name: gen_name(f"{name}_of_group") for name in tables}

    def show(group: CustomerRange) -> dict[str, ir.Table]:
        return {
            name: backend.create_view(views[name], group.of(table), overwrite=True) for name, table in tables.items()
        }

    shown = show(groups[0])
    built = build(replace(inputs, staged=shown, snapshots=shown[SNAPSHOTS]))
    rows = backend.create_view(gen_name("families_of_group"), built.table)
    kept = rows.cache()
    for group in groups[1:]:
        show(group)
        backend.insert(kept.op().name, rows)
    for view in (rows.get_name(), *views.values()):
        backend.drop_view(view)
    return replace(built, table=kept, is_computed=True)

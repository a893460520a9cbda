"""Pricing: what a customer pays for what they use, and how many of the seats they bought lie idle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis.expr.types as ir

from churn.features.family import KEY, FamilyTable, FeatureInputs, Measure
from churn.features.profile import customers_as_of
from churn.features.words import describe

FAMILY = "pricing"
DAYS_PER_MONTH = 30.0
PRICE = "sub_mrr_sum"


def build_pricing(inputs: FeatureInputs, built: Mapping[str, FamilyTable]) -> FamilyTable:
    """Return price against use; grain customer x as-of date, one row per snapshot.

    Parameters
    ----------
    built
        The families it reads: `engagement` and `subscription`, and `seats` where the company has named users. Seats
        bought are the attribute that the source names under `seats`.
    """
    rows = inputs.snapshots
    for family in built.values():
        rows = rows.left_join(family.table, KEY).drop([f"{k}_right" for k in KEY])
    bought = inputs.source.seats
    if bought is not None and bought in inputs.staged["customers"].columns:
        seats = customers_as_of(inputs.staged["customers"], inputs.snapshots).select(*KEY, bought_count=bought)
        rows = rows.left_join(seats, KEY).drop([f"{k}_right" for k in KEY])
    there = set(rows.columns)
    measures = [
        Measure(describe(FAMILY, name, days=days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in _over_window(there, days).items()
    ]
    if {PRICE, "bought_count"} <= there:
        measures.append(Measure(describe(FAMILY, "price_seat_mean"), lambda t: t[PRICE] / t.bought_count.nullif(0.0)))
    table = rows.select(*KEY, **{m.feature.name: m.value(rows).cast("float64") for m in measures})
    return FamilyTable(table, tuple(m.feature for m in measures))


def _over_window(there: set[str], days: int) -> dict[str, Callable[[ir.Table], Any]]:
    active_days, active_seats = f"eng_active_days_count_{days}d", f"seat_active_count_{days}d"

    def per_active_day(t: ir.Table) -> Any:
        return t[PRICE] * (days / DAYS_PER_MONTH) / t[active_days].fill_null(0).clip(lower=1)

    needs: dict[str, tuple[set[str], Callable[[ir.Table], Any]]] = {
        "price_active_day_mean": ({PRICE, active_days}, per_active_day),
        "price_seats_used_ratio": (
            {"bought_count", active_seats},
            lambda t: t[active_seats].fill_null(0) / t.bought_count.nullif(0.0),
        ),
    }
    return {name: value for name, (columns, value) in needs.items() if columns <= there}

"""Pricing: what a customer pays for what they use, and how many of the seats they bought lie idle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from churn.core.contract import KEY
from churn.features.catalog import MRR
from churn.features.family import FamilyTable, FeatureInputs, join_beside
from churn.features.measures import Value, computable, on_date, over_windows, select_measures
from churn.features.profile import customers_as_of

FAMILY = "pricing"
DAYS_PER_MONTH = 30.0


def build_pricing(inputs: FeatureInputs, built: Mapping[str, FamilyTable]) -> FamilyTable:
    """Return price against use; grain customer x as-of date, one row per snapshot.

    Parameters
    ----------
    built
        The families it reads: `engagement` and `subscription`, and `seats` where the company has named users. Seats
        bought are the attribute that the source names under `seats`.
    """
    rows = join_beside(inputs.snapshots, *[family.table for family in built.values()])
    bought = inputs.source.seats
    if bought is not None and bought in inputs.staged["customers"].columns:
        seats = customers_as_of(inputs.staged["customers"], inputs.snapshots).select(*KEY, bought_count=bought)
        rows = join_beside(rows, seats)
    per_seat = computable(
        rows.columns,
        {"price_seat_mean": ({MRR, "bought_count"}, lambda t: t[MRR] / t.bought_count.nullif(0.0))},
    )
    windows = over_windows(FAMILY, inputs, partial(_over_window, rows.columns))
    return select_measures(rows, [*windows, *on_date(FAMILY, inputs, per_seat)])


def _over_window(there: Collection[str], days: int) -> dict[str, Value]:
    active_days, active_seats = f"eng_active_days_count_{days}d", f"seat_active_count_{days}d"
    return computable(
        there,
        {
            "price_active_day_mean": (
                {MRR, active_days},
                lambda t: t[MRR] * (days / DAYS_PER_MONTH) / t[active_days].fill_null(0).clip(lower=1),
            ),
            "price_seats_used_ratio": (
                {"bought_count", active_seats},
                lambda t: t[active_seats].fill_null(0) / t.bought_count.nullif(0.0),
            ),
        },
    )

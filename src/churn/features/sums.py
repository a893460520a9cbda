"""Sums of events that can be merged: summed once by any key, and those sums again, to the same bits.

Counts and sums are float64: whole numbers in it add up exactly, and values are put on a binary grid first
(`exact_value`), so that no sum depends on the order of rows or on how they were grouped before. Days are bits, joined
by OR; of last days the latest counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

GRID = 2.0**20  # steps per unit of an event's value


def exact_value(value: ir.NumericValue) -> ir.NumericValue:
    """Return values on a grid of 2**-20, so that sums are exact below 2**33 (whole numbers: below 2**53).

    Floating point numbers on one grid add up without rounding, so in any order to the same bits.
    """
    return (value * GRID).round().cast("float64") / GRID


def sum_facts(
    facts: ir.Table, keys: Sequence[str], event_types: Sequence[str], value_types: Sequence[str] = ()
) -> ir.Table:
    """Return the sums of events by some keys, one of which should be the customer.

    Columns: `events`, `last` (number of the last day), `day_bits` (active days), and of the i-th event type `n<i>`
    (events), `v<i>` (summed values, for `value_types` only) and `last<i>` (0 where there is none).

    Parameters
    ----------
    facts
        Events with `event_type`, `value`, `day_number` (from 1970) and `day_bit` (the day as one bit).
    """
    is_type = [facts.event_type == name for name in event_types]
    return facts.group_by(*keys).agg(
        events=facts.count().cast("float64"),
        last=facts.day_number.max(),
        day_bits=facts.day_bit.bit_or(),
        **{f"n{i}": match.cast("float64").sum().fill_null(0.0) for i, match in enumerate(is_type)},
        **{
            f"v{i}": facts["value"].sum(where=is_type[i]).fill_null(0.0)
            for i, name in enumerate(event_types)
            if name in value_types
        },
        **{f"last{i}": match.ifelse(facts.day_number, 0).max() for i, match in enumerate(is_type)},
    )


def merge_sums(sums: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Return sums of `sum_facts` summed again by other keys: what the facts themselves would have given by them."""
    names = [name for name in sums.columns if name == "events" or name.strip("0123456789") in ("n", "v")]
    lasts = [name for name in sums.columns if name.strip("0123456789") == "last"]
    return sums.group_by(*keys).agg(
        **{name: sums[name].sum() for name in names},
        **{name: sums[name].max() for name in lasts},
        day_bits=sums.day_bits.bit_or(),
    )

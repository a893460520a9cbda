"""A daily rollup of events: what became known on a day, summed per customer, and those days summed to blocks.

A fact belongs to the day it became known, the last day before the first as-of date on which it counts. Facts of the day
they became known are summed into one row per customer; late ones keep the day they happened and from when they count.
So a block of days that no window edge cuts stands for its days: `sum_segments` takes either, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY
from churn.core.windows import EPOCH, Block, days_between, first_visible_date
from churn.features.sums import exact_value, merge_sums, sum_facts

LONGEST_DAYS = 16  # of the blocks that days are merged to; twice that would save a twentieth of the rows
SUMS = "event_sums"  # stands beside the staged tables where a rollup is used
KNOWN_ON = "known_on"
KEYS = ("customer_id", "day", "late_from")


def known_on(events: ir.Table) -> ir.Value:
    """Return the day on which each event became known: the last one before the first as-of date that sees it."""
    return _as_date(first_visible_date(events.occurred_at, events[DELAY]) - ibis.interval(days=1))


def sum_days(events: ir.Table, block: Block, event_types: Sequence[str], value_types: Sequence[str]) -> ir.Table:
    """Return the sums of what became known on each day of a block.

    Grain: day known x customer x day happened; `late_from` is null where the two days are one. Columns as `sum_facts`.
    """
    end = block.last + timedelta(days=1)
    known = (events[DELAY] == 0).ifelse(events.occurred_at.date(), known_on(events))
    facts = events.filter(events.occurred_at < ibis.literal(end).cast("timestamp(6)")).mutate(**{KNOWN_ON: known})
    facts = facts.filter(facts[KNOWN_ON].between(ibis.literal(block.first), ibis.literal(block.last)))
    day = facts.occurred_at.date()
    on_time = facts[KNOWN_ON] == day
    marked = facts.select(
        "customer_id",
        "event_type",
        KNOWN_ON,
        day=day,
        late_from=on_time.ifelse(ibis.null("date"), _as_date(facts[KNOWN_ON] + ibis.interval(days=1))),
        value=exact_value(facts["value"]) if "value" in facts.columns else ibis.null("float64"),
        day_number=days_between(ibis.literal(EPOCH), day).cast("int32"),
        day_bit=ibis.literal(1, "int64"),
    )
    return sum_facts(marked, (KNOWN_ON, *KEYS), event_types, value_types)


def merge_blocks(sums: ir.Table, days: int) -> ir.Table:
    """Return the sums of blocks of `days` days out of those of shorter ones; `known_on` is the last day of each.

    Facts on time are put on that day, which is bit 0 of their active days; what came late keeps its own.
    """
    is_late = sums.late_from.notnull()
    known = days_between(ibis.literal(EPOCH), is_late.ifelse(sums.late_from - ibis.interval(days=1), sums.day))
    last = _as_date(ibis.literal(EPOCH) + (known - known % days + days - 1).as_interval("D"))
    placed = sums.mutate(**{KNOWN_ON: last})
    moved = placed.mutate(
        day=is_late.ifelse(sums.day, placed[KNOWN_ON]),
        day_bits=sums.day_bits << is_late.ifelse(0, days_between(sums.day, placed[KNOWN_ON])),
    )
    return merge_sums(moved, (KNOWN_ON, *KEYS))


def _as_date(day: ir.Value) -> ir.Value:
    """Return a date plus or minus days as a date again: to DuckDB it is a timestamp, whatever Ibis says."""
    return day.cast("timestamp(6)").date()

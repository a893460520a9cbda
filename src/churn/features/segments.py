"""Time cut once at every window edge of every date: disjoint segments, of which each window is a union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.windows import (
    EPOCH,
    Segment,
    cut_segments,
    days_before,
    segment_days,
)

WORD_DAYS = 60  # days held in the bits of one int64; below 63, so that no sign bit is ever touched


@dataclass(frozen=True)
class Lookback:
    """A stretch of days before an as-of date, `[as_of - start_days, as_of - end_days)`, with the name of its flag."""

    name: str
    start_days: int
    end_days: int = 0


@dataclass(frozen=True)
class SegmentPlan:
    """The segments of a grid and, for each date, the segments it sees and the look-backs they belong to."""

    as_of_dates: tuple[date, ...]
    lookbacks: tuple[Lookback, ...]
    segments: tuple[Segment, ...]
    reach_days: int

    @property
    def words(self) -> range:
        """Numbers of the words of active days: word 0 holds the last `WORD_DAYS` days before the date, and so on."""
        return range(-(-self.reach_days // WORD_DAYS))

    def calendar(self) -> ir.Table:
        """Return `day`, `segment_id`, `day_number`, `day_bit`, `on_time`: one row per day that any window covers.

        Days are numbered from 1970; the last day of a segment is bit 0. `on_time` is the first as-of date after it.
        """
        rows = [
            {
                "day": day,
                "segment_id": number,
                "day_number": (day - EPOCH).days,
                "day_bit": 1 << (self.segments[number].end - day).days - 1,
                "on_time": min(d for d in self.as_of_dates if d > day),
            }
            for day, number in segment_days(self.segments)
        ]
        schema = {"day": "date", "segment_id": "int32", "day_number": "int32", "day_bit": "int64", "on_time": "date"}
        return ibis.memtable(rows, schema=schema)

    def membership(self) -> ir.Table:
        """Return `as_of_date`, `segment_id`, one 0/1 flag per look-back, and by how much day bits are shifted.

        `word<k>` is the power of two that carries the bits of the segment to their place in word k of the date, or 0
        where they belong to another word.
        """
        rows = [
            {"as_of_date": day, "segment_id": segment.segment_id}
            | {look.name: float(_covers(look, day, segment)) for look in self.lookbacks}
            | {f"word{k}": _shift((day - segment.end).days, k) for k in self.words}
            for day in self.as_of_dates
            for segment in self.segments
            if days_before(day, self.reach_days) <= segment.start and segment.end <= day
        ]
        flags = {look.name: "float64" for look in self.lookbacks} | {f"word{k}": "int64" for k in self.words}
        return ibis.memtable(rows, schema={"as_of_date": "date", "segment_id": "int32", **flags})

    def first_seen(self, facts: ir.Table) -> ir.DateValue:
        """Return the first as-of date that sees each fact, of `late_from` and `on_time`; null after the last date.

        Comparisons, made for the late facts alone: to join them with a table of dates, an engine may hash all facts.
        """
        late = facts.late_from
        first = ibis.cases(*[(late <= ibis.literal(day), ibis.literal(day)) for day in self.as_of_dates])
        return late.isnull().ifelse(facts.on_time, first)

    def count_days(self, rows: ir.Table, look: Lookback) -> ir.NumericValue:
        """Return the active days of a look-back out of the words of day bits in `rows`."""
        masks = [_mask(look.end_days - k * WORD_DAYS, look.start_days - k * WORD_DAYS) for k in self.words]
        counts = [_bit_count(rows[f"word{k}"] & mask).cast("float64") for k, mask in enumerate(masks) if mask]
        return sum(counts[1:], start=counts[0])


def plan_segments(as_of_dates: Sequence[date], lookbacks: Sequence[Lookback], reach_days: int) -> SegmentPlan:
    """Return the plan for a grid; `reach_days` bounds how far back anything is read."""
    words = range(0, reach_days, WORD_DAYS)
    edges = sorted({reach_days, *words, *(d for look in lookbacks for d in (look.start_days, look.end_days))})
    dates = tuple(sorted(as_of_dates))
    return SegmentPlan(dates, tuple(lookbacks), cut_segments(dates, edges), reach_days)


def _covers(look: Lookback, day: date, segment: Segment) -> bool:
    return days_before(day, look.start_days) <= segment.start and segment.end <= days_before(day, look.end_days)


def _shift(age_days: int, word: int) -> int:
    return 1 << age_days % WORD_DAYS if age_days // WORD_DAYS == word else 0


def _mask(first: int, last: int) -> int:
    """Return an int with the bits `first` to `last`, exclusive, set, as far as a word has them."""
    return sum(1 << bit for bit in range(max(first, 0), min(last, WORD_DAYS)))


@ibis.udf.scalar.builtin(name="bit_count")  # type: ignore[untyped-decorator]
def _bit_count(word: int) -> int:  # type: ignore[empty-body]
    """Return how many bits are set; the engine's own function."""

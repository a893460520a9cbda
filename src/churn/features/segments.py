"""Window sums over events, by cutting time once at every window edge.

Each event belongs to one disjoint segment; a window of a date is a union of segments. Events are grouped once by
customer and segment, and the segments are summed per date and window, multiplied by 0/1 membership flags. A fact that
became known late joins a date only from the first as-of date on that sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY
from churn.core.windows import Segment, cut_segments, days_before, first_visible_date, segment_days


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

    def calendar(self) -> ir.Table:
        """Return `day`, `segment_id`: one row per day that any window covers."""
        rows = [{"day": day, "segment_id": segment} for day, segment in segment_days(self.segments)]
        return ibis.memtable(rows, schema={"day": "date", "segment_id": "int64"})

    def membership(self) -> ir.Table:
        """Return `as_of_date`, `segment_id` and one 0/1 flag per look-back: what each date sees of each segment."""
        rows = [
            {"as_of_date": day, "segment_id": segment.segment_id}
            | {
                look.name: int(
                    days_before(day, look.start_days) <= segment.start
                    and segment.end <= days_before(day, look.end_days)
                )
                for look in self.lookbacks
            }
            for day in self.as_of_dates
            for segment in self.segments
            if days_before(day, self.reach_days) <= segment.start and segment.end <= day
        ]
        flags = {look.name: "int64" for look in self.lookbacks}
        return ibis.memtable(rows, schema={"as_of_date": "date", "segment_id": "int64", **flags})

    def first_dates(self) -> ir.Table:
        """Return `visible_from`, `seen_from`: the first as-of date on or after each day up to the last one."""
        start = self.segments[0].start
        days = [days_before(self.as_of_dates[-1], back) for back in range((self.as_of_dates[-1] - start).days + 1)]
        rows = [{"visible_from": day, "seen_from": min(d for d in self.as_of_dates if d >= day)} for day in days]
        return ibis.memtable(rows, schema={"visible_from": "date", "seen_from": "date"})


def plan_segments(as_of_dates: Sequence[date], lookbacks: Sequence[Lookback], reach_days: int) -> SegmentPlan:
    """Return the plan for a grid; `reach_days` bounds how far back anything is read."""
    edges = sorted({reach_days, *(d for look in lookbacks for d in (look.start_days, look.end_days))})
    dates = tuple(sorted(as_of_dates))
    return SegmentPlan(dates, tuple(lookbacks), cut_segments(dates, edges), reach_days)


def roll_up_days(events: ir.Table, plan: SegmentPlan) -> ir.Table:
    """Return events per customer, type, day and first visible date: columns `events`, `value`.

    Only the days that some window covers are read.
    """
    first, last = plan.segments[0].start, plan.segments[-1].end
    day = events.occurred_at.date()
    value = events["value"] if "value" in events.columns else ibis.null("float64")
    covered = events.filter(
        events.occurred_at >= ibis.literal(first).cast("timestamp(6)"),
        events.occurred_at < ibis.literal(last).cast("timestamp(6)"),
    )
    marked = covered.select(
        "customer_id",
        "event_type",
        day=day,
        value=value,
        visible_from=first_visible_date(covered.occurred_at, covered[DELAY]),
    )
    return marked.group_by("customer_id", "event_type", "day", "visible_from").agg(
        events=marked.count(), value=marked["value"].sum()
    )


def sum_segments(
    daily: ir.Table, plan: SegmentPlan, event_types: Sequence[str], value_types: Sequence[str] = ()
) -> ir.Table:
    """Return per customer and as-of date the sums over each look-back.

    Columns per look-back `L`: `L__events`, `L__days` (active days), `L__n<i>` and `L__v<i>` (events and summed values
    of the i-th type, values only for `value_types`; values of different types are never added up);
    and over the whole reach `last_day` and `last_day<i>`. Grain: customer x as-of date, customers with facts only.
    """
    counts = _per_segment(daily, plan, event_types, value_types)
    sums = [c for c in counts.columns if c.startswith(("events", "days", "n", "v"))]
    lasts = [c for c in counts.columns if c.startswith("last_day")]
    seen = counts.join(plan.membership(), "segment_id")
    seen = seen.filter(seen.seen_from <= seen.as_of_date)
    return seen.group_by("customer_id", "as_of_date").agg(
        **{f"{look.name}__{name}": (seen[name] * seen[look.name]).sum() for look in plan.lookbacks for name in sums},
        **{name: seen[name].max() for name in lasts},
    )


def _per_segment(
    daily: ir.Table, plan: SegmentPlan, event_types: Sequence[str], value_types: Sequence[str]
) -> ir.Table:
    """Return one row per customer, segment and first date that sees it; active days beside event counts."""
    placed = _place(daily, plan)
    is_type = [placed.event_type == name for name in event_types]
    valued = [i for i, name in enumerate(event_types) if name in value_types]
    counts = placed.group_by("customer_id", "segment_id", "seen_from").agg(
        events=placed.events.sum(),
        last_day=placed.day.max(),
        **{f"n{i}": placed.events.sum(where=match).fill_null(0) for i, match in enumerate(is_type)},
        **{f"v{i}": placed["value"].sum(where=is_type[i]).fill_null(0.0) for i in valued},
        **{f"last_day{i}": placed.day.max(where=match) for i, match in enumerate(is_type)},
    )
    by_day = daily.group_by("customer_id", "day").agg(visible_from=daily.visible_from.min())
    days = _place(by_day, plan)
    active = days.group_by("customer_id", "segment_id", "seen_from").agg(days=days.count())
    zeros = {"events": 0, **{f"n{i}": 0 for i in range(len(event_types))}}
    empty = {
        "last_day": ibis.null("date"),
        **{f"last_day{i}": ibis.null("date") for i in range(len(event_types))},
    }
    active = active.mutate(
        **{name: ibis.literal(zero, "int64") for name, zero in zeros.items()},
        **{f"v{i}": ibis.literal(0.0) for i in valued},
        **empty,
    )
    counts = counts.mutate(days=ibis.literal(0, "int64")).cast(dict.fromkeys(zeros, "int64"))
    return counts.union(active.select(counts.columns))


def _place(rows: ir.Table, plan: SegmentPlan) -> ir.Table:
    return rows.join(plan.calendar(), "day").join(plan.first_dates(), "visible_from")

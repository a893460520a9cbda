"""All date arithmetic: as-of grids, observation windows, outcome windows, embargoes and disjoint segments.

Every interval is half-open, `[start, end)`. An as-of date is a decision instant at 00:00 UTC; what happens exactly
then belongs to the outcome side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import ibis

EPOCH = date(1970, 1, 1)
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class OutcomeWindow:
    """The dates around one as-of date: `[as_of, start)` is lead time, `[start, end)` the outcome.

    `complete_on` is the first date on which data reaching up to it, exclusive, settles the label (grace included).
    """

    as_of_date: date
    start: date
    end: date
    complete_on: date


def outcome_window(as_of_date: date, lead_days: int, horizon_days: int, grace_days: int = 0) -> OutcomeWindow:
    """Return the outcome window of one as-of date.

    Examples
    --------
    >>> outcome_window(date(2024, 1, 1), lead_days=7, horizon_days=30).end
    datetime.date(2024, 2, 7)
    """
    start = as_of_date + timedelta(days=lead_days)
    end = start + timedelta(days=horizon_days)
    return OutcomeWindow(as_of_date, start, end, end + timedelta(days=grace_days))


def date_grid(first: date, last: date, cadence_days: int) -> tuple[date, ...]:
    """Return the dates `first, first + cadence_days, ...` up to `last` inclusive, ascending.

    Examples
    --------
    >>> [d.day for d in date_grid(date(2024, 1, 1), date(2024, 1, 15), 7)]
    [1, 8, 15]
    """
    steps = (last - first).days // cadence_days
    return tuple(first + timedelta(days=cadence_days * step) for step in range(steps + 1))


def automatic_grid(
    data_start: date, data_end: date, *, cadence_days: int, history_days: int, label_days: int
) -> tuple[date, ...]:
    """Return the as-of dates that have `history_days` behind them and `label_days` before `data_end`.

    The grid is laid backwards from the last date whose label is complete, so that the freshest label is used.
    """
    last = data_end - timedelta(days=label_days)
    first = data_start + timedelta(days=history_days)
    steps = (last - first).days // cadence_days
    return tuple(last - timedelta(days=cadence_days * step) for step in range(steps, -1, -1)) if steps >= 0 else ()


def before_embargo(dates: Iterable[date], first_later: date, embargo_days: int) -> tuple[date, ...]:
    """Return the dates at least `embargo_days` before `first_later`, ascending."""
    return tuple(sorted(d for d in dates if (first_later - d).days >= embargo_days))


def days_before(day: date, days: int) -> date:
    """Return the date `days` earlier."""
    return day - timedelta(days=days)


@dataclass(frozen=True)
class Segment:
    """A stretch of days `[start, end)` that no window edge of any as-of date cuts."""

    segment_id: int
    start: date
    end: date


def cut_segments(as_of_dates: Sequence[date], lookbacks_days: Sequence[int]) -> tuple[Segment, ...]:
    """Return the disjoint segments between all window edges, ascending; each window is a union of them.

    Parameters
    ----------
    as_of_dates
        Decision dates; windows end there.
    lookbacks_days
        How many days back each window edge lies; the largest bounds what is read.

    Examples
    --------
    >>> [(s.start.day, s.end.day) for s in cut_segments([date(2024, 1, 20)], [5, 10])]
    [(10, 15), (15, 20)]
    """
    reach = max(lookbacks_days)
    edges = sorted({d - timedelta(days=back) for d in as_of_dates for back in (0, *lookbacks_days)})
    covered = [(d - timedelta(days=reach), d) for d in as_of_dates]
    pairs = [(a, b) for a, b in pairwise(edges) if any(s <= a and b <= e for s, e in covered)]
    return tuple(Segment(number, start, end) for number, (start, end) in enumerate(pairs))


def segment_days(segments: Iterable[Segment]) -> list[tuple[date, int]]:
    """Return `(day, segment_id)` for every day of every segment."""
    return [
        (segment.start + timedelta(days=offset), segment.segment_id)
        for segment in segments
        for offset in range((segment.end - segment.start).days)
    ]


@dataclass(frozen=True, order=True)
class Block:
    """A stretch of `days` days from `first` on."""

    first: date
    days: int

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first + timedelta(days=self.days - 1)

    def dates(self) -> list[date]:
        """Return its days, ascending."""
        return [self.first + timedelta(days=offset) for offset in range(self.days)]

    def halves(self) -> tuple[Block, Block]:
        """Return the two blocks of half its length."""
        half = self.days // 2
        return Block(self.first, half), Block(self.first + timedelta(days=half), half)


def cover_segments(segments: Iterable[Segment], longest_days: int) -> tuple[Block, ...]:
    """Return the fewest blocks of 1, 2, 4, ... days that cover each segment and reach across none of its edges.

    A block begins where the number of the day (from 1970) is a multiple of its length, so that whatever is covered,
    blocks are the same ones, and each of them is two of half its length.

    Parameters
    ----------
    longest_days
        Length of the longest blocks, a power of two.

    Examples
    --------
    >>> [(b.first.day, b.days) for b in cover_segments([Segment(0, date(2024, 1, 1), date(2024, 1, 10))], 4)]
    [(1, 1), (2, 4), (6, 4)]
    """
    blocks = []
    for segment in segments:
        day = segment.start
        while day < segment.end:
            length = longest_days
            while (day - EPOCH).days % length or length > (segment.end - day).days:
                length //= 2
            blocks.append(Block(day, length))
            day += timedelta(days=length)
    return tuple(blocks)


def is_within_days(timestamp: Any, start: date, end: date) -> Any:
    """Return whether an Ibis timestamp lies in `[start, end)`."""
    return (timestamp >= ibis.literal(start).cast("timestamp(6)")) & (
        timestamp < ibis.literal(end).cast("timestamp(6)")
    )


def first_visible_date(timestamp: Any, delay_us: Any) -> Any:
    """Return the first as-of date for which a fact counts: after it happened, and not before it was known.

    A fact counts when `occurred_at < as_of` and `known_at <= as_of`, with as-of dates at 00:00 UTC; so it counts for
    every as-of date from this one on. Null where the timestamp is null.

    Parameters
    ----------
    timestamp
        Ibis timestamp expression, UTC.
    delay_us
        Ibis integer expression: microseconds between happening and being known.
    """
    day = ibis.interval(days=1)
    known_at = timestamp + delay_us.as_interval("us")
    day_known = (known_at - ibis.interval(microseconds=1)).date() + day
    return ibis.greatest(timestamp.date() + day, day_known)


def whole_days(delay_us: Any) -> Any:
    """Return a delay, an Ibis expression of whole microseconds, in days, rounded up."""
    return ((delay_us + (DAY_US - 1)) // DAY_US).cast("int64")


def days_between(earlier: Any, later: Any) -> Any:
    """Return whole days from one Ibis date to a later one (negative when it is earlier)."""
    return later.delta(earlier, unit="day")


def hours_between(earlier: Any, later: Any) -> Any:
    """Return hours from one Ibis timestamp to a later one, each cut to its whole second, as any engine can."""
    return (later.epoch_seconds().floor() - earlier.epoch_seconds().floor()).cast("float64") / 3600.0


def days_before_expression(day: Any, days: int) -> Any:
    """Return the Ibis date `days` before an Ibis date."""
    return day - ibis.interval(days=days)


def days_after_expression(day: Any, days: int) -> Any:
    """Return the Ibis date `days` after an Ibis date."""
    return day + ibis.interval(days=days)


def months_after_expression(day: Any, months: Any) -> Any:
    """Return the Ibis date whole months after an Ibis date, on the same day of the month or its last one."""
    return (day + months.as_interval("M")).cast("date")


def next_anniversary(start: Any, every_months: Any, day: Any) -> tuple[Any, Any]:
    """Return the first anniversary of `start` on or after `day`, and how many anniversaries lie before it.

    Ibis date expressions; `every_months` is a positive integer expression. A period of months ends on the same day of
    the month, or its last day (31 January plus one month is 28 or 29 February). The start is none, even if yet to come.
    """
    passed = (day.delta(start, unit="month") / every_months).floor().cast("int64").clip(lower=1)
    candidate = months_after_expression(start, passed * every_months)
    is_past = candidate < day
    following = months_after_expression(start, (passed + 1) * every_months)
    return ibis.ifelse(is_past, following, candidate), ibis.ifelse(is_past, passed, passed - 1).clip(lower=0)

"""The cut of time that the hand-written ways share, as plain rows: days, first dates, membership with day bits."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from benchmarks.feature_work.work import OBSERVATION_DAYS, WINDOWS_DAYS, Work

WORD = 60
BITS = tuple(f"word{k}" for k in range(-(-OBSERVATION_DAYS // WORD)))
_STRETCHES = {f"in_{d}": (0, d) for d in WINDOWS_DAYS} | {f"before_{d}": (d, 2 * d) for d in WINDOWS_DAYS}
LOOKS = {
    name: tuple(sum(1 << age - k * WORD for age in range(first, last) if age // WORD == k) for k in range(len(BITS)))
    for name, (first, last) in _STRETCHES.items()
}


def segments(work: Work) -> list[tuple[date, date]]:
    """Return the disjoint stretches of days `[start, end)` between all window edges."""
    backs = {0, OBSERVATION_DAYS, *range(0, OBSERVATION_DAYS, WORD), *(b for pair in _STRETCHES.values() for b in pair)}
    first = work.as_of_dates[0] - timedelta(days=OBSERVATION_DAYS)
    edges = sorted({day - timedelta(days=back) for day in work.as_of_dates for back in backs})
    return [(a, b) for a, b in pairwise(edges) if a >= first]


def calendar(work: Work) -> list[tuple[date, int, int]]:
    """Return day, number of its segment, and its bit; the last day of a segment is bit 0."""
    return [
        (start + timedelta(days=offset), number, 1 << (end - start).days - 1 - offset)
        for number, (start, end) in enumerate(segments(work))
        for offset in range((end - start).days)
    ]


def first_dates(work: Work) -> list[tuple[date, date]]:
    """Return each day and the first as-of date on or after it."""
    first, last = work.as_of_dates[0] - timedelta(days=OBSERVATION_DAYS), work.as_of_dates[-1]
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [(day, min(d for d in work.as_of_dates if d >= day)) for day in days]


def membership(work: Work) -> list[tuple[date | int | float, ...]]:
    """Return as-of date, segment, a 0/1 flag per look-back and the multiplier of the day bits per word."""
    rows: list[tuple[date | int | float, ...]] = []
    for day in work.as_of_dates:
        for number, (start, end) in enumerate(segments(work)):
            oldest, newest = (day - start).days, (day - end).days
            if newest < 0 or oldest > OBSERVATION_DAYS:
                continue
            flags = [float(first <= newest and oldest <= last) for first, last in _STRETCHES.values()]
            words = [1 << newest % WORD if newest // WORD == k else 0 for k in range(len(BITS))]
            rows.append((day, number, *flags, *words))
    return rows

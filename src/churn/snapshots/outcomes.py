"""What the labels of all dates look like side by side: a date unlike the others, leavers who come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from statistics import median
from typing import NamedTuple

MIN_DATES = 4
ODDS_FACTOR = (
    4.0  # of the share that left, against the other dates: beyond a season (Online Retail II: 3.2 between extremes)
)
DEVIATIONS = 5.0  # and further than chance: once in two million dates
MIN_LEAVERS = 50
MANY_RETURNS = 0.1


class Outcome(NamedTuple):
    """How many rows of a date are labelled, and how many of these left."""

    labelled: int
    churned: int

    @property
    def share(self) -> float:
        """The share that left."""
        return self.churned / self.labelled


def describe_odd_dates(outcomes: Mapping[date, Outcome]) -> list[str]:
    """Return a line that names the dates on which far more or far fewer left than on the others; none, no line.

    Examples
    --------
    >>> usual = {date(2024, month, 1): Outcome(1000, 200) for month in range(1, 6)}
    >>> describe_odd_dates(usual | {date(2024, 6, 1): Outcome(1000, 1000)})[0][:66]
    'labels: unlike the other dates, on which 20.0% left at the median,'
    """
    there = {day: found for day, found in sorted(outcomes.items()) if found.labelled}
    if len(there) < MIN_DATES:
        return []
    usual = median(found.share for found in there.values())
    odd = [f"{day} ({found.share:.1%})" for day, found in there.items() if _is_odd(found, usual)]
    if not odd:
        return []
    return [
        f"labels: unlike the other dates, on which {usual:.1%} left at the median, are {', '.join(odd)}: a season, or "
        "an outcome window in which not everything was recorded?"
    ]


def _is_odd(found: Outcome, usual: float) -> bool:
    stayed = found.labelled - found.churned
    odds = (found.churned + 0.5) / (stayed + 0.5) * (1 - usual + 1e-9) / (usual + 1e-9)
    spread = (found.labelled * usual * (1 - usual)) ** 0.5
    is_beyond_chance = abs(found.churned - found.labelled * usual) > DEVIATIONS * spread
    return is_beyond_chance and not 1 / ODDS_FACTOR < odds < ODDS_FACTOR


def describe_returns(day: date, leavers: int, returned: int) -> list[str]:
    """Return a line when many of those who left on the first date were active again later; few, no line."""
    if leavers < MIN_LEAVERS or returned < MANY_RETURNS * leavers:
        return []
    return [
        f"labels: of {leavers:,} who left by the label on {day}, at least {returned / leavers:.0%} were active again "
        "later; a longer windows.horizon_days (with contracts: label.grace_days) calls fewer of them lost"
    ]

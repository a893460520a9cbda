"""Nearest known names for a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"`, or an empty text where nothing known is close.

    Examples
    --------
    >>> did_you_mean("horizon_day", ["horizon_days", "lead_days"])
    "; did you mean 'horizon_days'?"
    >>> did_you_mean("zzz", ["horizon_days"])
    ''
    """
    by_fold = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.55)
    return f"; did you mean '{by_fold[close[0]]}'?" if close else ""

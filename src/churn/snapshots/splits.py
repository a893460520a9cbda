"""Which rows fit, calibrate and test: by time with an embargo, or by customer where there is one date only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from churn.core.errors import DataRefused
from churn.core.settings import SplitSettings
from churn.core.windows import before_embargo

LEAST_BACKTEST_FOLDS = 2


@dataclass(frozen=True)
class Fold:
    """One train-and-test arrangement: boolean row masks, each of shape (rows,).

    `between` are the rows of the embargo that keeps `fit` and `calibrate` apart: known well before the test dates.
    """

    name: str
    fit: np.ndarray
    calibrate: np.ndarray
    test: np.ndarray
    between: np.ndarray | None = None

    def to_the_last(self) -> Fold:
        """Return the fold that fits on all that is known before its test rows and calibrates on nothing."""
        every = self.fit | self.calibrate
        every = every if self.between is None else every | self.between
        return Fold(self.name, every, np.zeros_like(every), self.test)


def rows_in(rows: pd.DataFrame, is_in: np.ndarray) -> pd.DataFrame:
    """Return the rows of a part: where they lie side by side, as dates in their order do, without a copy of them.

    Parameters
    ----------
    is_in
        Which rows, shape (rows,), boolean.
    """
    places = np.flatnonzero(is_in)
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return rows.iloc[places[0] : places[-1] + 1]
    return rows.loc[is_in]


def even_step(count: int, most: int) -> int:
    """Return every how many of so many rows one is taken, evenly spaced, where at most `most` are enough."""
    return max(-(-count // most), 1)


@dataclass(frozen=True)
class DateSplit:
    """As-of dates by their part; parts lie an embargo apart, in this order."""

    fit: tuple[date, ...]
    calibrate: tuple[date, ...]
    test: tuple[date, ...]


def split_dates(dates: Sequence[date], split: SplitSettings, embargo_days: int) -> DateSplit:
    """Return the temporal split of labelled as-of dates.

    Raises
    ------
    DataRefused
        When a part would be empty.

    Examples
    --------
    >>> from churn.core.settings import SplitSettings
    >>> split = SplitSettings(kind="temporal", test_dates=1, calibration_dates=1)
    >>> parts = split_dates([date(2024, m, 1) for m in (1, 3, 5)], split, embargo_days=30)
    >>> [d.month for d in (*parts.fit, *parts.calibrate, *parts.test)]
    [1, 3, 5]
    """
    ordered = tuple(sorted(dates))
    parts = _split(ordered, split, embargo_days)
    if not _is_whole(parts):
        raise DataRefused(
            f"{len(ordered)} labelled as-of dates ({ordered[0] if ordered else 'none'} to "
            f"{ordered[-1] if ordered else 'none'}) leave {len(parts.fit)} to fit, {len(parts.calibrate)} to calibrate "
            f"and {len(parts.test)} to test, {embargo_days} days apart",
            code="too_few_dates",
            remedy=f"{_what_would_do(ordered, split, embargo_days)}; a table of a single date takes split=by_customer",
        )
    return parts


def _split(ordered: tuple[date, ...], split: SplitSettings, embargo_days: int) -> DateSplit:
    if split.test_from is not None:
        test = tuple(d for d in ordered if d >= split.test_from)
    else:
        test = ordered[-split.test_dates :]
    earlier = before_embargo(ordered, test[0], embargo_days) if test else ()
    calibrate = earlier[-split.calibration_dates :]
    fit = before_embargo(ordered, calibrate[0], embargo_days) if calibrate else ()
    return DateSplit(fit, calibrate, test)


def _is_whole(parts: DateSplit) -> bool:
    return bool(parts.fit and parts.calibrate and parts.test)


def _what_would_do(ordered: tuple[date, ...], split: SplitSettings, embargo_days: int) -> str:
    """Return in words what to change, with the most dates to test and to calibrate that leave some to fit."""
    for most in range(max(split.test_dates, split.calibration_dates), 0, -1):
        fewer = {name: min(getattr(split, name), most) for name in ("test_dates", "calibration_dates")}
        parts = _split(ordered, split.model_copy(update=fewer), embargo_days)
        if _is_whole(parts):
            stated = " ".join(f"split.{name}={value}" for name, value in fewer.items())
            rest = "dates closer together (windows.cadence_days) or a longer history"
            return f"Take {stated}, which leaves {len(parts.fit)} to fit, {rest}"
    return "Take dates closer together (windows.cadence_days), a shorter windows.horizon_days or a longer history"


def temporal_fold(rows: pd.DataFrame, parts: DateSplit) -> Fold:
    """Return the fold of a temporal split over rows with `as_of_date`."""
    dates = rows["as_of_date"]
    fit, calibrate, test = (
        dates.isin([pd.Timestamp(d) for d in p]).to_numpy() for p in (parts.fit, parts.calibrate, parts.test)
    )
    between = ((dates > pd.Timestamp(parts.fit[-1])) & (dates < pd.Timestamp(parts.calibrate[0]))).to_numpy()
    return Fold("temporal", fit, calibrate, test, between)


def rolling_folds(rows: pd.DataFrame, split: SplitSettings, embargo_days: int) -> list[Fold]:
    """Return the folds of a backtest, earliest first; none of them sees the test dates of the split.

    The dates before the test dates (an embargo apart) are walked back, `backtest_dates` at a time: each fold measures
    on the last of what is left, calibrates and fits on what lies before, with the same embargoes as the split itself.
    The measured dates of one fold may enter the fit of a later fold, never of an earlier one.

    Raises
    ------
    DataRefused
        When the dates do not suffice for two folds.

    References
    ----------
    Tashman 2000, Out-of-sample tests of forecasting accuracy: rolling origins.
    """
    dates = [d.date() for d in sorted(rows["as_of_date"].unique())]
    earlier = before_embargo(dates, split_dates(dates, split, embargo_days).test[0], embargo_days)
    step = split.model_copy(update={"test_from": None, "test_dates": split.backtest_dates})
    folds: list[Fold] = []
    for back in range(split.backtest_folds):
        try:
            parts = split_dates(earlier[: len(earlier) - back * split.backtest_dates], step, embargo_days)
        except DataRefused:
            break
        fold = temporal_fold(rows, parts)
        folds.append(replace(fold, name=f"fold-{parts.test[0]}"))
    if len(folds) < LEAST_BACKTEST_FOLDS:
        raise DataRefused(
            f"{len(earlier)} labelled as-of dates before the test dates give {len(folds)} of the "
            f"{LEAST_BACKTEST_FOLDS} folds that show a spread, {embargo_days} days apart",
            code="too_few_dates",
            remedy="Export a longer history, or lower split.test_dates or split.calibration_dates",
        )
    return folds[::-1]


def customer_folds(groups: pd.Series, split: SplitSettings) -> list[Fold]:
    """Return folds by customer (or group): no group is on both sides of any of them.

    A group's place depends on its id and the seed alone, so new rows never move old ones.
    """
    draws = groups.map({group: draw_share(str(group), split.seed) for group in groups.unique()}).to_numpy()
    fold_of = np.floor(draws * split.folds).astype(int)
    within = draws * split.folds - fold_of
    folds = []
    for number in range(split.folds):
        test = fold_of == number
        calibrate = ~test & (within < split.calibration_share)
        folds.append(Fold(f"fold-{number}", ~test & ~calibrate, calibrate, test))
    return folds


def draw_share(text: str, seed: int | str) -> float:
    """Return a number in [0, 1) that depends on the text and the seed alone."""
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

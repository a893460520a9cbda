"""The as-of dates of a source and, for each, where its outcome is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.errors import DataRefused
from churn.core.problem import LabelSettings, WindowSettings
from churn.core.windows import OutcomeWindow, automatic_grid, date_grid, days_before, outcome_window
from churn.snapshots.coverage import Coverage


def choose_as_of_dates(coverage: Coverage, windows: WindowSettings, label: LabelSettings) -> tuple[date, ...]:
    """Return the as-of dates to build, ascending: the stated ranges, else a grid that fits the data.

    Raises
    ------
    DataRefused
        When a stated date lies outside the data, or no date fits.
    """
    if windows.as_of:
        stated = sorted({d for r in windows.as_of for d in date_grid(r.first, r.last, windows.cadence_days)})
        for day in stated:
            check_as_of_date(day, coverage)
        return tuple(stated)
    label_days = windows.lead_days + windows.horizon_days + label.grace_days
    dates = automatic_grid(
        coverage.start,
        coverage.end,
        cadence_days=windows.cadence_days,
        history_days=windows.history_days,
        label_days=label_days,
    )
    if not dates:
        raise DataRefused(
            f"the data covers {coverage.start} to {coverage.end}, too short for {windows.history_days} days of history "
            f"and {label_days} days of outcome",
            code="too_short",
            remedy="Export a longer history or shorten windows.history_days / windows.horizon_days",
        )
    return dates[-windows.max_dates :]


def check_as_of_date(day: date, coverage: Coverage) -> None:
    """Refuse an as-of date on which nothing can be known yet, or that the data does not reach."""
    if not coverage.start < day <= coverage.end:
        raise DataRefused(
            f"as-of date {day} is outside the data",
            code="as_of_outside_data",
            remedy=f"Choose a date after {coverage.start} and up to {coverage.end} (the last day may be partial "
            "and is not counted; covered_until in the source file states another end)",
        )


def outcome_windows(
    as_of_dates: Sequence[date], windows: WindowSettings, label: LabelSettings
) -> tuple[OutcomeWindow, ...]:
    """Return one outcome window per as-of date."""
    return tuple(outcome_window(d, windows.lead_days, windows.horizon_days, label.grace_days) for d in as_of_dates)


def grid_table(as_of_dates: Sequence[date], windows: WindowSettings, label: LabelSettings) -> ir.Table:
    """Return the grid as a table: one row per `as_of_date` with every bound that snapshots, labels and features use.

    Columns `as_of_date`, `observation_start`, `outcome_start`, `outcome_end`, `complete_on`, all dates.
    """
    rows = [
        {
            "as_of_date": window.as_of_date,
            "observation_start": days_before(window.as_of_date, windows.observation_days),
            "outcome_start": window.start,
            "outcome_end": window.end,
            "complete_on": window.complete_on,
        }
        for window in outcome_windows(as_of_dates, windows, label)
    ]
    return ibis.memtable(rows, schema=dict.fromkeys(rows[0], "date"))

"""The as-of dates of a source and, for each, where its outcome is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.contract import CONTRACT
from churn.core.errors import DataRefused
from churn.core.problem import LabelSettings, WindowSettings
from churn.core.source import SourceSettings
from churn.core.windows import OutcomeWindow, automatic_grid, date_grid, days_before, outcome_window


@dataclass(frozen=True)
class Coverage:
    """What stretch of time the data covers: `[start, end)` in whole days."""

    start: date
    end: date


def measure_coverage(staged: Mapping[str, ir.Table], source: SourceSettings) -> Coverage:
    """Return the days the data covers.

    The start is the first event, or the first subscription where there are no events: contracts are often older than
    the event log, and before the log begins nobody's engagement is known. The end is the source's `covered_until`
    where stated, else the last day of the latest fact table (that day itself may be partial and is not counted).
    Subscription ends count only where a company has no events: a scheduled end is not yet data.
    """
    spans = {name: _span(table, name, "events" in staged) for name, table in staged.items() if CONTRACT[name].is_fact}
    known = {name: span for name, span in spans.items() if span is not None}
    if not known:
        raise DataRefused(
            "no fact in any table", code="no_rows", remedy="Check the paths and the SELECTs of the source"
        )
    main = next(name for name in ("events", "subscriptions", *known) if name in known)
    return Coverage(known[main][0], source.covered_until or max(last for _, last in known.values()))


def _span(table: ir.Table, name: str, has_events: bool) -> tuple[date, date] | None:
    times = [CONTRACT[name].time] + (["ended_at"] if name == "subscriptions" and not has_events else [])
    dates = [table[time].date() for time in times if time in table.columns]
    lasts = {f"last{n}": day.max() for n, day in enumerate(dates)}
    found = table.agg(first=dates[0].min(), **lasts).to_pyarrow().to_pylist()[0]
    known = [found[name] for name in lasts if found[name] is not None]
    return (found["first"], max(known)) if known else None


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
            remedy=f"Choose a date after {coverage.start} and up to {coverage.end}",
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

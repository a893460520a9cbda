"""The features of some dates built again, on the company as it was known then and on the company with another future.

The functions that build are those of `churn features` and `churn score`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from churn.auditing.differences import find_differences
from churn.auditing.future import with_invented_future
from churn.auditing.known import as_known
from churn.core.contract import CONTRACT
from churn.core.problem import FeatureSettings
from churn.core.settings import AuditSettings, ChurnSettings
from churn.features.catalog import Catalog
from churn.integrations.datasets import candidates_on, features_on
from churn.integrations.frames import to_frame
from churn.integrations.rollups import Rollup
from churn.snapshots.cohort import build_snapshots
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import check_as_of_date, choose_as_of_dates
from churn.snapshots.splits import draw_share

log = logging.getLogger(__name__)
WITHOUT_FUTURE, OTHER_FUTURE = "without the future", "with another future"
SETTINGS = "(features.event_types)"


@dataclass(frozen=True)
class Build:
    """Features of some dates as the stages build them; event types are found on the first date."""

    first_date: date
    snapshots: ir.Table
    features: pd.DataFrame
    catalog: Catalog
    settings: FeatureSettings


@dataclass(frozen=True)
class Rebuilds:
    """The normal build, the dates that were built again, and every value that was not the same."""

    normal: Build
    grid: tuple[date, ...]
    dates: tuple[date, ...]
    differences: pd.DataFrame
    compared: int


def rebuild(tables: Mapping[str, ir.Table], settings: ChurnSettings, rollup: Rollup | None = None) -> Rebuilds:
    """Return what differs between the normal build of all dates and the builds that know nothing of the future.

    Parameters
    ----------
    tables
        Staged tables, those of a sample of the customers where the company is large.
    rollup
        What the normal build takes its sums of events from, where the stages do; the others sum the events themselves.

    Raises
    ------
    DataRefused
        When the date asked for lies outside the data.
    """
    grid, dates = choose_dates(tables, settings)
    normal = build_on(tables, grid, grid, settings, rollup)
    found: list[pd.DataFrame] = []
    compared = 0
    with _said_once():
        for day in dates:
            again, size = _rebuild_day(tables, day, normal, settings)
            found, compared = [*found, *again], compared + size
    return Rebuilds(normal, grid, dates, pd.concat(found, ignore_index=True), compared)


def _rebuild_day(
    tables: Mapping[str, ir.Table], day: date, normal: Build, settings: ChurnSettings
) -> tuple[list[pd.DataFrame], int]:
    """Return the differences of one date, and how many values were compared."""
    expected = normal.features[normal.features["as_of_date"] == pd.Timestamp(day)]
    found, compared = [], 0
    for check, variant in _variants(tables, day, normal, expected).items():
        rebuilt = build_on(variant, (day,), (normal.first_date, day), settings)
        found += [find_differences(expected, rebuilt.features, check), _settings_differ(normal, rebuilt, day, check)]
        compared += expected.size
        log.info("audit: %s %s: %s customers compared", day, check, f"{len(expected):,}")
    return found, compared


@contextmanager
def _said_once() -> Iterator[None]:
    """Keep the families quiet: what is switched off was said by the normal build."""
    families = logging.getLogger("churn.features")
    former = families.level
    families.setLevel(logging.WARNING)
    try:
        yield
    finally:
        families.setLevel(former)


def choose_dates(tables: Mapping[str, ir.Table], settings: ChurnSettings) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Return the dates of the normal build, and those of them to build again: evenly spaced, the last among them."""
    coverage = measure_coverage(tables, settings.source, settings.label.qualifying_events)
    grid = choose_as_of_dates(coverage, settings.windows, settings.label)
    asked = settings.scoring.as_of
    if asked is not None:
        day = asked if isinstance(asked, date) else coverage.end
        check_as_of_date(day, coverage)
        return tuple(sorted({*grid, day})), (day,)
    count = min(settings.audit.dates, len(grid))
    return grid, tuple(grid[len(grid) - 1 - len(grid) * n // count] for n in range(count))[::-1]


def build_on(
    tables: Mapping[str, ir.Table],
    dates: Sequence[date],
    all_dates: Sequence[date],
    settings: ChurnSettings,
    rollup: Rollup | None = None,
) -> Build:
    """Return the features of the cohort on some dates; event types are found among `all_dates`, as ever."""
    snapshots = build_snapshots(candidates_on(tables, dates, settings)).cache()
    built, chosen = features_on(tables, snapshots, tuple(dict.fromkeys(all_dates)), settings, rollup)
    return Build(all_dates[0], snapshots, to_frame(built.table), built.catalog, chosen.features)


def sample_customers(tables: Mapping[str, ir.Table], audit: AuditSettings) -> dict[str, ir.Table]:
    """Return the tables of a sample of the customers (all of them where there are no more), held in memory."""
    customers = tables["customers"].select("customer_id").distinct()
    names = customers.to_pyarrow()["customer_id"].to_pylist()
    kept = sorted(names, key=lambda name: draw_share(name, audit.seed))[: audit.customers]
    if len(kept) == len(names):
        return {name: table.cache() for name, table in tables.items()}
    sample = ibis.memtable([{"customer_id": name} for name in kept], schema={"customer_id": "string"})
    return {
        name: (table.semi_join(sample, "customer_id") if CONTRACT[name].has_customer else table).cache()
        for name, table in tables.items()
    }


def _variants(
    tables: Mapping[str, ir.Table], day: date, normal: Build, expected: pd.DataFrame
) -> dict[str, dict[str, ir.Table]]:
    whom = ibis.memtable(expected[["customer_id"]], schema={"customer_id": "string"})
    return {
        WITHOUT_FUTURE: as_known(tables, day),
        OTHER_FUTURE: with_invented_future(tables, whom, day, normal.settings.event_types),
    }


def _settings_differ(normal: Build, rebuilt: Build, day: date, check: str) -> pd.DataFrame:
    """Return a row where other event types are found than in the normal build: the columns depend on the future."""
    types = [", ".join(build.settings.event_types) for build in (normal, rebuilt)]
    if types[0] == types[1]:
        return pd.DataFrame()
    row = {"check": check, "as_of_date": pd.Timestamp(day), "feature": SETTINGS, "customer_id": ""}
    return pd.DataFrame([{**row, "value": types[0], "other_value": types[1]}])

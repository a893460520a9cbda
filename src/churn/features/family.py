"""What every feature family is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.problem import FeatureSettings
from churn.core.source import SourceSettings
from churn.core.windows import days_before_expression, days_between, first_visible_date
from churn.features.catalog import Feature


@dataclass(frozen=True)
class FeatureInputs:
    """All a family may see: staged tables, the cohort, the grid of dates and the settings; never a label.

    `rows_per_group` bounds how many snapshots are built at a time where memory is tight; None builds all at once.
    `beginnings` says from which day on each table is on record, by as-of date; what it does not list always was.
    """

    staged: Mapping[str, ir.Table]
    snapshots: ir.Table
    grid: ir.Table
    as_of_dates: Sequence[Any]
    observation_days: int
    settings: FeatureSettings
    source: SourceSettings
    rows_per_group: int | None = None
    beginnings: Mapping[str, Mapping[date, date]] = field(default_factory=dict)


@dataclass(frozen=True)
class FamilyTable:
    """The features of one family: one row per customer and as-of date (customers without facts may be absent)."""

    table: ir.Table
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class JoinedFamilies:
    """Several families side by side: one row per snapshot, and the features of each by its name.

    `is_computed` tells whether the table lies ready in the engine, or is worked out whenever it is read.
    """

    table: ir.Table
    features: Mapping[str, tuple[Feature, ...]]
    is_computed: bool = False

    def family(self, name: str) -> FamilyTable:
        """Return one of them by itself; customers without facts have nulls."""
        features = self.features[name]
        return FamilyTable(self.table.select(*KEY, *[feature.name for feature in features]), features)

    def computed(self) -> JoinedFamilies:
        """Return the same, worked out once and kept in the engine."""
        return replace(self, table=self.table.cache(), is_computed=True)


def join_beside(rows: ir.Table, *tables: ir.Table) -> ir.Table:
    """Return rows with the columns of tables by customer and as-of date beside them, null where these have no row."""
    for table in tables:
        rows = rows.left_join(table, KEY).drop([f"{key}_right" for key in KEY])
    return rows


def join_families(snapshots: ir.Table, families: Mapping[str, FamilyTable]) -> JoinedFamilies:
    """Return the snapshots with the features of all families beside them."""
    table = join_beside(snapshots.select(*KEY), *[family.table for family in families.values() if family.features])
    return JoinedFamilies(table, {name: family.features for name, family in families.items()})


def facts_as_of(
    inputs: FeatureInputs,
    table: str,
    times: Sequence[str],
    still_open: Callable[[ir.Table], Any] | None = None,
) -> ir.Table:
    """Return the facts of a table that each cohort member had on each as-of date, as known then.

    Grain: fact x as-of date, for facts whose main timestamp lies in the observation window (or, with `still_open`,
    earlier ones for which it holds). Every timestamp that is not known yet on the date is null.

    Parameters
    ----------
    times
        The table's timestamps, the main one first.
    still_open
        Predicate over the joined rows, timestamps already masked.
    """
    facts = inputs.staged[table]
    times = [time for time in times if time in facts.columns]
    visible = {f"{time}_visible": first_visible_date(facts[time], facts[DELAY]) for time in times}
    marked = facts.mutate(**visible)
    cohort = inputs.snapshots.join(inputs.grid, "as_of_date")
    main = times[0]
    joined = cohort.join(
        marked, [cohort.customer_id == marked.customer_id, marked[f"{main}_visible"] <= cohort.as_of_date]
    )
    masked = joined.mutate(
        **{time: (joined[f"{time}_visible"] <= joined.as_of_date).ifelse(joined[time], None) for time in times[1:]}
    )
    recent = masked[main].date() >= masked.observation_start
    return masked.filter(recent | still_open(masked) if still_open else recent)


def is_within(rows: ir.Table, time: str, days: int) -> Any:
    """Return whether a (visible) timestamp lies in the last `days` before the as-of date."""
    return rows[time].date() >= days_before_expression(rows.as_of_date, days)


def days_since_last(rows: ir.Table, time: str, reach: int, where: Any = None) -> Any:
    """Return the days since the last of a customer's facts (`where` it holds), at most `reach`, that without any.

    An aggregate by customer and as-of date.
    """
    last = rows[time].date().max(where=where)
    return days_between(last, rows.as_of_date.max()).clip(upper=reach).fill_null(reach)

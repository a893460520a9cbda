"""Measures: features with the expressions that compute them, over each window or on the date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.features.catalog import Feature
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.words import describe

Value = Callable[[ir.Table], Any]


@dataclass(frozen=True)
class Measure:
    """A feature and how it is computed from the rows of its family (an aggregate or a row expression)."""

    feature: Feature
    value: Value


def computable(there: Collection[str], values: Mapping[str, tuple[set[str], Value]]) -> dict[str, Value]:
    """Return the values, by name, whose columns the company has."""
    return {name: value for name, (columns, value) in values.items() if columns <= set(there)}


def over_windows(family: str, inputs: FeatureInputs, values: Callable[[int], Mapping[str, Value]]) -> list[Measure]:
    """Return the measures of a family over each window, shortest first.

    Parameters
    ----------
    values
        What is measured over a window of so many days, by its name in the catalogue file.
    """
    return [
        Measure(describe(family, name, days=days, reach=inputs.observation_days), value)
        for days in sorted(inputs.settings.windows_days)
        for name, value in values(days).items()
    ]


def on_date(family: str, inputs: FeatureInputs, values: Mapping[str, Value]) -> list[Measure]:
    """Return the measures of a family's state on the date, by their names in the catalogue file."""
    return [Measure(describe(family, name, reach=inputs.observation_days), value) for name, value in values.items()]


def aggregate_measures(rows: ir.Table, measures: Sequence[Measure]) -> FamilyTable:
    """Return the measures aggregated per customer and as-of date."""
    columns = _columns(rows, measures)
    return FamilyTable(rows.group_by(*KEY).agg(**columns), tuple(m.feature for m in measures))


def select_measures(rows: ir.Table, measures: Sequence[Measure]) -> FamilyTable:
    """Return the measures of rows of which each is one customer on one as-of date."""
    return FamilyTable(rows.select(*KEY, **_columns(rows, measures)), tuple(m.feature for m in measures))


def _columns(rows: ir.Table, measures: Sequence[Measure]) -> dict[str, ir.Value]:
    return {m.feature.name: m.value(rows).cast(_type_of(m.feature)) for m in measures}


def _type_of(feature: Feature) -> Literal["float64", "string"]:
    return "float64" if feature.kind == "number" else "string"

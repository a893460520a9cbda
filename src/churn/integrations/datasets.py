"""A data set out of staged tables: the point-in-time path, and the flat path that joins it at the matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.features.attributes import attributes_beside
from churn.features.engagement import plan_engagement
from churn.features.fact_kinds import complete_settings, refuse_absent_kinds
from churn.features.family import FeatureInputs
from churn.features.flat import describe_flat, flat_labels
from churn.features.matrix import FeatureTable, build_features, is_built, join_matrix
from churn.features.rollup import SUMS
from churn.integrations.engine import Engine, file_literal
from churn.integrations.layers import ATTRIBUTES, Layer, open_tables
from churn.integrations.rollups import Rollup, open_rollup
from churn.snapshots.beginnings import find_beginnings
from churn.snapshots.cohort import EXCLUDED, build_candidates, build_snapshots
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import choose_as_of_dates, grid_table
from churn.snapshots.labels import LEFT_OUT, build_labels
from churn.snapshots.outcomes import Outcome, describe_odd_dates, describe_returns

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class OutcomeCounts:
    """What became of the candidates: lines for the log, metrics for the run, one phrase for the summary."""

    lines: tuple[str, ...]
    metrics: Mapping[str, float]
    summary: str


@dataclass(frozen=True)
class Dataset:
    """The tables of a data set as expressions, and the facts its manifest holds."""

    tables: Mapping[str, ir.Table]
    facts: Mapping[str, Any]

    def count_outcomes(self, engine: Engine, layer: Layer) -> OutcomeCounts:
        """Return counts of labels and exclusions of the written data set."""
        labels = file_literal(layer.path("labels"))
        rows = engine.run(
            f"SELECT count(*), count(*) FILTER (churned), count(*) FILTER (churned IS NOT NULL), "
            f"min(as_of_date) FILTER (is_label_complete), max(as_of_date) FILTER (is_label_complete) FROM {labels}"
        )[0]
        total, churned, labelled, first, last = rows
        metrics = {
            "rows": total,
            "churned": churned,
            "labelled": labelled,
            "base_rate": churned / max(labelled, 1),
        }
        lines = [f"features: {note}" for note in layer.manifest.get("coverage_notes", ())]
        lines += [f"labels: {churned:,} churned of {labelled:,} labelled, trainable as-of dates {first} to {last}"]
        lines += _side_by_side(engine, labels)
        for reason, count in engine.run(f"SELECT {LEFT_OUT}, count(*) FROM {labels} GROUP BY 1 ORDER BY 1"):
            if reason is not None:
                metrics[f"left_out_{reason}"] = count
                lines.append(f"labels: {count:,} left out of training: {reason.replace('_', ' ')}")
        if "candidates" in layer.manifest["rows"]:
            candidates = file_literal(layer.path("candidates"))
            counted = engine.run(f"SELECT {EXCLUDED}, count(*) FROM {candidates} GROUP BY 1 ORDER BY 1")
            for reason, count in counted:
                if reason is not None:
                    metrics[f"excluded_{reason}"] = count
                    lines.append(f"cohort: {count:,} not asked about: {reason.replace('_', ' ')}")
        return OutcomeCounts(tuple(lines), metrics, f"base rate {metrics['base_rate']:.2%}")


def _side_by_side(engine: Engine, labels: str) -> list[str]:
    """Return what stands out when the labels of all dates are laid beside each other.

    Who left on the first date and stayed on one whose outcome begins after that was active again in between.
    """
    by_date = engine.run(
        f"SELECT as_of_date, count(churned), count(*) FILTER (churned) FROM {labels} GROUP BY 1 ORDER BY 1"
    )
    returns = engine.run(
        f"WITH first AS (SELECT customer_id, as_of_date, label_end_date FROM {labels} WHERE churned AND as_of_date = "
        f"(SELECT min(as_of_date) FROM {labels} WHERE churned IS NOT NULL)), "
        f"back AS (SELECT DISTINCT customer_id FROM first JOIN {labels} AS later USING (customer_id) "
        "WHERE later.churned = false AND later.as_of_date >= first.label_end_date) "
        "SELECT as_of_date, count(*), count(back.customer_id) FROM first LEFT JOIN back USING (customer_id) GROUP BY 1"
    )
    odd = describe_odd_dates({day: Outcome(labelled, churned) for day, labelled, churned in by_date})
    return odd + [line for day, leavers, returned in returns for line in describe_returns(day, leavers, returned)]


def build_point_in_time_dataset(engine: Engine, staged: Layer, settings: ChurnSettings) -> Dataset:
    """Return candidates, snapshots, labels, features and matrix of every as-of date of the settings."""
    tables = open_tables(engine, staged)
    refuse_absent_kinds(tables, settings)
    coverage = measure_coverage(tables, settings.source, settings.label.qualifying_events)
    dates = choose_as_of_dates(coverage, settings.windows, settings.label)
    candidates = candidates_on(tables, dates, settings).cache()
    snapshots = build_snapshots(candidates).cache()
    built, settings = features_on(tables, snapshots, dates, settings, open_rollup(engine, staged, settings))
    features = built.table if built.is_computed else built.table.cache()
    grid = grid_table(dates, settings.windows, settings.label)
    labels = build_labels(tables, snapshots, grid, settings.label, coverage.end).cache()
    return Dataset(
        {
            "candidates": candidates,
            "snapshots": snapshots,
            "labels": labels,
            "features": features,
            "matrix": join_matrix(features, labels, _groups(tables["customers"], settings)),
            **_beside(attributes_beside(tables["customers"], settings.source, snapshots)),
        },
        {
            "catalog": built.catalog.to_rows(),
            "feature_fingerprint": built.catalog.fingerprint(),
            "features": settings.features.model_dump(mode="json"),
            "switched_off": list(built.switched_off),
            "as_of_dates": [str(d) for d in dates],
            "coverage": [str(coverage.start), str(coverage.end)],
            "coverage_notes": list(coverage.notes),
        },
    )


def candidates_on(tables: Mapping[str, ir.Table], dates: Sequence[date], settings: Problem) -> ir.Table:
    """Return who is active on each of the dates, with the reason for leaving them out, if any."""
    return build_candidates(tables, grid_table(dates, settings.windows, settings.label), settings.cohort)


def features_on(
    tables: Mapping[str, ir.Table],
    snapshots: ir.Table,
    dates: tuple[date, ...],
    settings: ChurnSettings,
    rollup: Rollup | None = None,
) -> tuple[FeatureTable, ChurnSettings]:
    """Return the features of snapshots on dates, and the settings with the event types that were found.

    With a rollup, events are not summed again, but taken from it.
    """
    beginnings = find_beginnings(tables, settings.source, dates)

    def inputs(of: ChurnSettings) -> FeatureInputs:
        grid = grid_table(dates, of.windows, of.label)
        return FeatureInputs(
            tables, snapshots, grid, dates, of.windows.observation_days, of.features, of.source,
            of.engine.rows_per_group, beginnings,
        )  # fmt: skip

    chosen = settings.model_copy(update={"features": complete_settings(inputs(settings))})
    complete = inputs(chosen)
    if rollup is not None and is_built("engagement", chosen.features):
        kinds = chosen.features.event_types, chosen.features.value_types or []
        sums = rollup.sums(plan_engagement(complete), *kinds)
        complete = complete if sums is None else replace(complete, staged={**tables, SUMS: sums})
    return build_features(complete), chosen


def _groups(customers: ir.Table, settings: ChurnSettings) -> ir.Table | None:
    """Return `customer_id` and the `group_id` of customers that belong together, where the source names one."""
    names = [name for name in settings.source.attributes_of("group") if name in customers.columns]
    if not names:
        return None
    return customers.group_by("customer_id").agg(group_id=customers[names[0]].max())


def _beside(attributes: ir.Table | None) -> dict[str, ir.Table]:
    return {} if attributes is None else {ATTRIBUTES: attributes}


def build_flat_dataset(engine: Engine, staged: Layer, settings: ChurnSettings) -> Dataset:
    """Return the data set of a flat source: the ready table is the features, its `churned` column the label."""
    flat = open_tables(engine, staged)["matrix"].mutate(as_of_date=ibis._.as_of_date.date())
    catalog = describe_flat(settings.source, flat)
    labels = flat_labels(flat)
    features = flat.select("customer_id", "as_of_date", *catalog.names)
    dates = sorted(flat.select("as_of_date").distinct().to_pyarrow()["as_of_date"].to_pylist())
    return Dataset(
        {
            "labels": labels,
            "features": features,
            "matrix": join_matrix(features, labels, _groups(flat, settings)),
            **_beside(attributes_beside(flat, settings.source)),
        },
        {
            "catalog": catalog.to_rows(),
            "feature_fingerprint": catalog.fingerprint(),
            "features": settings.features.model_dump(mode="json"),
            "switched_off": [],
            "as_of_dates": [str(d) for d in dates],
            "coverage": [str(dates[0]), str(dates[-1])],
        },
    )

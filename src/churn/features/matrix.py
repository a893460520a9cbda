"""The feature table and the training matrix."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY
from churn.core.errors import DataRefused
from churn.core.problem import FeatureSettings
from churn.core.windows import first_visible_date
from churn.features.catalog import Catalog, Feature
from churn.features.engagement import build_engagement
from churn.features.family import KEY, FamilyTable, FeatureInputs
from churn.features.payments import build_payments
from churn.features.peers import build_peers
from churn.features.profile import build_profile
from churn.features.subscription import build_subscription
from churn.features.support import build_support

log = logging.getLogger(__name__)

FAMILIES: Mapping[str, tuple[str, Callable[[FeatureInputs], FamilyTable]]] = {
    "engagement": ("events", build_engagement),
    "support": ("tickets", build_support),
    "subscription": ("subscriptions", build_subscription),
    "payments": ("payments", build_payments),
    "profile": ("customers", build_profile),
}

DERIVED: Mapping[str, tuple[str, Callable[[FeatureInputs, FamilyTable], FamilyTable]]] = {
    "peers": ("engagement", build_peers),
}


@dataclass(frozen=True)
class FeatureTable:
    """Features of a cohort: grain customer x as-of date, one row per snapshot, columns as the catalogue lists."""

    table: ir.Table
    catalog: Catalog
    switched_off: tuple[str, ...]


def build_features(inputs: FeatureInputs) -> FeatureTable:
    """Return the feature table of a cohort, every configured family joined to the snapshots.

    Families whose table the company does not have are switched off and named. The same function serves training and
    scoring.
    """
    families, off = _build_families(inputs)
    table = inputs.snapshots
    features: list[Feature] = []
    for family in families:
        table = table.left_join(family.table, KEY).drop([f"{k}_right" for k in KEY])
        features += family.features
    if not features:
        raise DataRefused("no feature family has its table", code="no_features", remedy="Map more tables in the source")
    catalog = Catalog(features)
    empties = {f.name: f.empty for f in features if f.empty is not None}
    filled = table.fill_null(empties) if empties else table
    return FeatureTable(filled.select(*KEY, *catalog.names), catalog, off)


def _build_families(inputs: FeatureInputs) -> tuple[list[FamilyTable], tuple[str, ...]]:
    """Return the configured families in their order, and the names of those whose table is not there."""
    wanted = inputs.settings.families
    bases = {DERIVED[name][0] for name in wanted if name in DERIVED}
    built: dict[str, FamilyTable] = {}
    for name in FAMILIES:
        if (name in wanted or name in bases) and FAMILIES[name][0] in inputs.staged:
            family = FAMILIES[name][1](inputs)
            built[name] = FamilyTable(family.table.cache(), family.features) if name in bases else family
    for name, (base, build) in DERIVED.items():
        if name in wanted and base in built:
            built[name] = build(inputs, built[base])
    off = tuple(name for name in wanted if name not in built)
    for name in off:
        log.info("features: the family '%s' is switched off, its table is not there", name)
    return [built[name] for name in wanted if name in built], off


def complete_settings(inputs: FeatureInputs) -> FeatureSettings:
    """Return the feature settings with the event types, and those with values, that were left to be found.

    They are the most frequent types among the facts known on the first as-of date. Types that appear later count in the
    totals only; list `features.event_types` to choose them by hand.

    Raises
    ------
    DataRefused
        When no event is known on that date.
    """
    settings = inputs.settings
    if "events" not in inputs.staged or (settings.event_types and settings.value_types is not None):
        return settings
    events, first = inputs.staged["events"], min(inputs.as_of_dates)
    known = events.filter(first_visible_date(events.occurred_at, events[DELAY]) <= ibis.literal(first))
    values = {"values": known["value"].count()} if "value" in known.columns else {}
    counted = known.group_by("event_type").agg(rows=known.count(), **values)
    found = counted.order_by([counted.rows.desc(), counted.event_type]).to_pyarrow().to_pylist()
    names = settings.event_types or sorted(row["event_type"] for row in found[: settings.max_event_types])
    if not names:
        raise DataRefused(
            f"no event is known on the first as-of date, {first}", table="events", code="no_event_types",
            remedy="List features.event_types, or begin later (windows.history_days, windows.as_of)",
        )  # fmt: skip
    valued = sorted(row["event_type"] for row in found if row.get("values") and row["event_type"] in names)
    chosen = settings.value_types if settings.value_types is not None else valued
    return settings.model_copy(update={"event_types": names, "value_types": chosen})


def join_matrix(features: ir.Table, labels: ir.Table, groups: ir.Table | None = None) -> ir.Table:
    """Return the training matrix: features joined with labels, and `group_id` where groups are given.

    Grain: customer x as-of date, one row per snapshot.
    """
    matrix = features.left_join(labels, KEY).drop([f"{k}_right" for k in KEY])
    return matrix if groups is None else matrix.left_join(groups, "customer_id").drop("customer_id_right")

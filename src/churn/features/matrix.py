"""The feature table and the training matrix."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.errors import DataRefused
from churn.core.problem import FeatureSettings
from churn.features.catalog import Catalog, Feature
from churn.features.engagement import build_engagement
from churn.features.family import FamilyTable, FeatureInputs, JoinedFamilies, join_beside, join_families
from churn.features.feedback import build_feedback
from churn.features.groups import build_in_groups, customer_groups
from churn.features.journey import build_journey
from churn.features.losses import build_losses
from churn.features.messages import build_messages
from churn.features.obligations import build_obligations
from churn.features.payments import build_payments
from churn.features.peers import build_peers
from churn.features.pricing import build_pricing
from churn.features.profile import build_profile
from churn.features.quality import build_quality
from churn.features.rhythm import build_rhythm
from churn.features.seats import build_seats
from churn.features.subscription import build_subscription
from churn.features.support import build_support
from churn.features.texts import build_texts
from churn.features.unrecorded import hide_unrecorded

log = logging.getLogger(__name__)


class Family(NamedTuple):
    """A family over staged tables: what must be there (`table`, or `table.column`), and what builds it.

    Few companies have the table of a family that `is_special`: without it there is nothing to say.
    """

    needs: tuple[str, ...]
    build: Callable[[FeatureInputs], FamilyTable]
    is_special: bool = False


class Derived(NamedTuple):
    """A family over other families: those it must have, those it takes where they can be built, what builds it."""

    bases: tuple[str, ...]
    extras: tuple[str, ...]
    build: Callable[[FeatureInputs, Mapping[str, FamilyTable]], FamilyTable]


FAMILIES: Mapping[str, Family] = {
    "engagement": Family(("events",), build_engagement),
    "rhythm": Family(("events",), build_rhythm),
    "seats": Family(("events.user_id",), build_seats),
    "support": Family(("tickets",), build_support),
    "messages": Family(("messages",), build_messages),
    "feedback": Family(("responses.score",), build_feedback),
    "quality": Family(("incidents",), build_quality),
    "obligations": Family(("obligations.met_at",), build_obligations, is_special=True),
    "texts": Family((), build_texts),
    "subscription": Family(("subscriptions",), build_subscription),
    "journey": Family(("subscriptions",), build_journey),
    "payments": Family(("payments",), build_payments),
    "profile": Family(("customers",), build_profile),
}

DERIVED: Mapping[str, Derived] = {
    "peers": Derived(("engagement",), (), build_peers),
    "losses": Derived(("subscription",), (), build_losses),
    "pricing": Derived(("engagement", "subscription"), ("seats",), build_pricing),
}


@dataclass(frozen=True)
class FeatureTable:
    """Features of a cohort: grain customer x as-of date, one row per snapshot, columns as the catalogue lists.

    `is_computed` tells whether its parts lie ready in the engine, so that reading it twice costs little.
    """

    table: ir.Table
    catalog: Catalog
    switched_off: tuple[str, ...]
    is_computed: bool


def build_features(inputs: FeatureInputs) -> FeatureTable:
    """Return the feature table of a cohort, every configured family joined to the snapshots.

    Families for which the company lacks a table or column are switched off and named. The same function serves training
    and scoring.

    Raises
    ------
    DataRefused
        When no family is left.
    """
    own, over_others = _build_families(inputs)
    built = {**own.features, **{name: family.features for name, family in over_others.items()}}
    off = tuple(name for name in inputs.settings.families if not built.get(name))
    for name in (name for name in off if not _is_expected_off(name, inputs.staged)):
        log.info("features: the family '%s' is switched off, what it needs is not there", name)
    features = [feature for name in inputs.settings.families for feature in built.get(name, ())]
    if not features:
        raise DataRefused("no feature family has its table", code="no_features", remedy="Map more tables in the source")
    catalog = Catalog(features)
    table = join_beside(own.table, *[family.table for family in over_others.values()])
    empties = {f.name: f.empty for f in features if f.empty is not None}
    filled = table.fill_null(empties) if empties else table
    known = hide_unrecorded(filled, _by_table(built), inputs.beginnings)
    return FeatureTable(known.select(*KEY, *catalog.names), catalog, off, own.is_computed)


def _is_expected_off(name: str, staged: Mapping[str, ir.Table]) -> bool:
    """Return whether a family is off because the company has no such table, as most have none."""
    family = FAMILIES.get(name)
    return family is not None and family.is_special and _table_of(family.needs[0]) not in staged


def _table_of(need: str) -> str:
    return need.partition(".")[0]


def _by_table(built: Mapping[str, tuple[Feature, ...]]) -> dict[str, list[Feature]]:
    """Return the features by the table their windows are counted in, for derived ones that of their first base."""
    found: dict[str, list[Feature]] = {}
    for name, features in built.items():
        own = FAMILIES[DERIVED[name].bases[0] if name in DERIVED else name]
        for need in own.needs[:1]:
            found.setdefault(_table_of(need), []).extend(features)
    return found


def _build_families(inputs: FeatureInputs) -> tuple[JoinedFamilies, dict[str, FamilyTable]]:
    """Return the families over staged tables side by side, and those over them by name.

    What others are built from is computed first, and so are they.
    """
    groups = customer_groups(inputs.snapshots, inputs.rows_per_group) if inputs.rows_per_group else ()
    own = build_in_groups(_build_own, inputs, groups)
    wanted = [name for name in inputs.settings.families if name in DERIVED]
    possible = [name for name in wanted if all(base in own.features for base in DERIVED[name].bases)]
    if possible and not own.is_computed:
        own = own.computed()
    over_others: dict[str, FamilyTable] = {}
    for name in possible:
        bases = [base for base in (*DERIVED[name].bases, *DERIVED[name].extras) if base in own.features]
        family = DERIVED[name].build(inputs, {base: own.family(base) for base in bases})
        over_others[name] = FamilyTable(family.table.cache(), family.features)
    return own, over_others


def _build_own(inputs: FeatureInputs) -> JoinedFamilies:
    built = {
        name: family.build(inputs)
        for name, family in FAMILIES.items()
        if is_built(name, inputs.settings) and all(_is_there(need, inputs.staged) for need in family.needs)
    }
    return join_families(inputs.snapshots, built)


def is_built(family: str, settings: FeatureSettings) -> bool:
    """Return whether a family over staged tables is wanted, or needed by one that is."""
    return family in settings.families or family in _bases(settings)


def _bases(settings: FeatureSettings) -> set[str]:
    derived = [DERIVED[name] for name in settings.families if name in DERIVED]
    return {base for family in derived for base in (*family.bases, *family.extras)}


def _is_there(need: str, staged: Mapping[str, ir.Table]) -> bool:
    table, _, column = need.partition(".")
    return table in staged and (not column or column in staged[table].columns)


def join_matrix(features: ir.Table, labels: ir.Table, groups: ir.Table | None = None) -> ir.Table:
    """Return the training matrix: features joined with labels, and `group_id` where groups are given.

    Grain: customer x as-of date, one row per snapshot.
    """
    matrix = join_beside(features, labels)
    return matrix if groups is None else matrix.left_join(groups, "customer_id").drop("customer_id_right")

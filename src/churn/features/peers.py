"""Peers: where a customer stands among comparable customers on the same date, in percent.

Raw counts move with the season and differ from one product to the next; a rank within the peer group does not. The
group is the customers of the cohort on that date, apart by the attributes of role `segment` where a source has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.features.catalog import Feature, parse_name
from churn.features.family import FamilyTable, FeatureInputs, join_beside, join_families
from churn.features.profile import customers_as_of
from churn.features.words import describe

COMPARED = ("count", "sum", "days")
DIGITS = 6
TYPICAL_EN, TYPICAL_JA = re.compile(r"typical: \{typical\}"), re.compile(r"標準：\{typical\}[^）]*")
USUAL_SHARE = 0.5
SORTED_AT_ONCE = 8  # columns: for each rank an engine sorts all that it reads, so 38 at once took three times as long


def build_peers(inputs: FeatureInputs, built: Mapping[str, FamilyTable]) -> FamilyTable:
    """Return peer ranks of engagement; grain customer x as-of date, one row per snapshot.

    A rank is the share of the peer group, in percent, whose value is lower: 0 for the lowest, 100 for the highest of
    all. Ties share the lowest rank.

    Parameters
    ----------
    built
        The family `engagement`, from which the compared measures are taken.
    """
    engagement = built["engagement"]
    chosen = _compared(engagement.features, max(inputs.settings.windows_days))
    rows = join_beside(inputs.snapshots, engagement.table)
    rows = rows.fill_null({f.name: f.empty for f in chosen if f.empty is not None})
    segments = inputs.source.attributes_of("segment")
    if segments:
        profile = customers_as_of(inputs.staged["customers"], inputs.snapshots).select(*KEY, *segments)
        rows = join_beside(rows, profile)
    tables = [_ranks(rows, part, segments) for part in _parts(chosen)]
    used = [f.name for f in chosen if f.topic.startswith("type:") and parse_name(f.name)["aggregate"] == "count"]
    if used:
        adoption = describe("peers", "peer_adoption_ratio", days=max(inputs.settings.windows_days))
        adopted = rows.select(*KEY, **{adoption.name: _adoption(rows, used, segments)})
        tables.append(FamilyTable(adopted, (adoption,)))
    joined = join_families(inputs.snapshots, {str(number): table for number, table in enumerate(tables)})
    return FamilyTable(joined.table, tuple(feature for table in tables for feature in table.features))


def _parts(features: Sequence[Feature]) -> list[Sequence[Feature]]:
    return [features[start : start + SORTED_AT_ONCE] for start in range(0, len(features), SORTED_AT_ONCE)]


def _ranks(rows: ir.Table, compared: Sequence[Feature], segments: Sequence[str]) -> FamilyTable:
    """Return the ranks of some features, out of their columns alone."""
    narrow = rows.select(*KEY, *segments, *[f.name for f in compared])
    features = tuple(_describe(f) for f in compared)
    ranks = {f.name: _rank(narrow, c.name, segments) for f, c in zip(features, compared, strict=True)}
    return FamilyTable(narrow.select(*KEY, **ranks), features)


def _adoption(rows: ir.Table, counts: Sequence[str], segments: Sequence[str]) -> Any:
    """Return the share, of the kinds of activity that at least half of the peers use, that the customer uses."""
    group = ibis.window(group_by=["as_of_date", *segments])
    is_usual = {name: (rows[name] > 0).cast("float64").mean().over(group) >= USUAL_SHARE for name in counts}
    usual = sum(is_usual[name].cast("int64") for name in counts)
    taken_up = sum((is_usual[name] & (rows[name] > 0)).cast("int64") for name in counts)
    return taken_up.cast("float64") / usual.nullif(0)


def _rank(rows: ir.Table, column: str, segments: Sequence[str]) -> ir.Value:
    # the same numbers added up in another order differ in their last digits: rounded, they tie as they should
    group = ibis.window(group_by=["as_of_date", *segments], order_by=rows[column].round(DIGITS))
    return (ibis.percent_rank().over(group) * 100.0).cast("float64")


def _compared(features: Sequence[Feature], longest: int) -> list[Feature]:
    """Return active days over every window, and the other counts, sums and recencies over the longest."""
    chosen = []
    for feature in features:
        parts = parse_name(feature.name)
        is_longest = parts["days"] in (None, str(longest))
        if parts["aggregate"] in COMPARED and (is_longest or parts["measure"] == "active_days"):
            chosen.append(feature)
    return chosen


def _describe(feature: Feature) -> Feature:
    """Return a rank in words: the sentence of what is ranked, with the rank in place of what is typical."""
    parts = parse_name(feature.name)
    if feature.prior_of:  # compared with what was before; the rank compares with others
        name = f"{parts['source']}_{parts['measure']}_{parts['aggregate']}"
        feature = replace(
            describe(feature.family, name, days=int(str(parts["days"])), is_alone=True), topic=feature.topic
        )
    measure = parts["measure"] if parts["aggregate"] != "days" else f"{parts['measure']}_days"
    days = f"_{parts['days']}d" if parts["days"] else ""
    return replace(
        feature,
        name=f"peer_{measure}_rank{days}",
        family="peers",
        unit="percent",
        en=f"{feature.en}, rank among comparable customers",
        ja=f"{feature.ja}（同種の顧客内の順位）",
        reason_en=TYPICAL_EN.sub("{rank}", feature.reason_en),
        reason_ja=TYPICAL_JA.sub("{rank}", feature.reason_ja),
        empty=None,
        value_of=feature.name,
        prior_of=f"peer_{measure}_rank{days}",
        part_of=None,
    )

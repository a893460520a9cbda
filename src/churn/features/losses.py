"""Losses: how many comparable customers left lately, the rate of the place and the moment a customer is in.

With few segments and dates it names the moment itself, and trees may learn that by heart: not in the standard set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import days_before_expression, first_visible_date
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.profile import customers_as_of
from churn.features.words import describe

FAMILY, TABLE = "losses", "subscriptions"
LEAVING = ("voluntary", "involuntary")


def build_losses(inputs: FeatureInputs, _built: Mapping[str, FamilyTable]) -> FamilyTable:
    """Return the shares of the peer group that left within the windows; grain customer x as-of date, one per snapshot.

    Those who left are customers outside the cohort whose subscription ended in the window, as known on the date; where
    ends have reasons, by will or by a failed payment. The share is of them and the cohort, within the attributes of
    role `segment`. Without any, or without ends, there are no such features: the rate of all only marks dates.
    """
    segments = inputs.source.attributes_of("segment")
    if not segments or "ended_at" not in inputs.staged[TABLE].columns:
        return FamilyTable(inputs.snapshots.select(*KEY), ())
    windows = sorted(inputs.settings.windows_days)
    customers = inputs.staged["customers"]
    here = customers_as_of(customers, inputs.snapshots).select(*KEY, *segments, left_on=ibis.null("date"))
    left = _left(inputs, windows[-1]).anti_join(inputs.snapshots, KEY)
    gone = customers_as_of(customers, left).select(*KEY, *segments, "left_on")
    rows = ibis.union(here, gone)
    group = ibis.window(group_by=["as_of_date", *segments])
    features = {days: describe(FAMILY, "loss_peers_ratio", days=days) for days in windows}
    ratios = {feature.name: _share(rows, days, group) for days, feature in features.items()}
    table = rows.mutate(**ratios).filter(rows.left_on.isnull())
    return FamilyTable(table.select(*KEY, *ratios), tuple(features.values()))


def _left(inputs: FeatureInputs, days: int) -> ir.Table:
    """Return who had a subscription end in the last `days`, and when: customer x as-of date, `left_on`."""
    ends = inputs.staged[TABLE]
    if "end_reason" in ends.columns:
        ends = ends.filter(ends.end_reason.isin(LEAVING))
    ends = ends.select(
        "customer_id", left_on=ends.ended_at.date(), visible_from=first_visible_date(ends.ended_at, ends[DELAY])
    )
    dates = inputs.grid.select("as_of_date")
    known = ends.join(
        dates,
        [ends.visible_from <= dates.as_of_date, ends.left_on >= days_before_expression(dates.as_of_date, days)],
    )
    return known.group_by(*KEY).agg(left_on=known.left_on.max())


def _share(rows: ir.Table, days: int, group: Any) -> Any:
    is_lost = rows.left_on >= days_before_expression(rows.as_of_date, days)
    lost = is_lost.fill_null(False).cast("int64").sum().over(group)
    present = rows.left_on.isnull().cast("int64").sum().over(group)
    return lost.cast("float64") / (lost + present)

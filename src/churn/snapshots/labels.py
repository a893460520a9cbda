"""What happened in the outcome window: churned, stayed, or not known yet.

`churned` is true, false or null. Null means that the window (grace included) is not covered by the data, that nobody
did anything in it, that the customer left inside the lead time, or had left already without the company knowing;
`left_out_because` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.problem import LabelSettings
from churn.core.windows import days_before
from churn.snapshots.cohort import qualifying_days
from churn.snapshots.farewells import build_stated_causes

LEFT_OUT = "left_out_because"


def build_labels(
    staged: Mapping[str, ir.Table],
    snapshots: ir.Table,
    grid: ir.Table,
    label: LabelSettings,
    data_end: date,
) -> ir.Table:
    """Return one row per snapshot with its outcome.

    Grain: customer x as-of date. Columns `customer_id`, `as_of_date`, `churned`, `churn_kind` (`voluntary`,
    `involuntary`, null), `stated_cause` (what a leaver named, else null), `label_end_date`, `is_label_complete`,
    `left_out_because`; for the time to churn
    `followed_until` (the first day whose leavers are not settled; null where the label has no day of leaving),
    `left_on` (a day before it, else null) and `left_kind`.

    Parameters
    ----------
    data_end
        The first date the data does not cover.
    """
    dated = snapshots.join(grid, "as_of_date")
    if label.kind == "contractual":
        outcome = _contractual(dated, staged["subscriptions"], label, days_before(data_end, label.grace_days))
    else:
        outcome = _inactivity(dated, staged["events"], label)
    is_covered = outcome.complete_on <= ibis.literal(data_end)
    left_out = ibis.cases(
        (~is_covered, "not_complete"), (~outcome.is_recorded, "nothing_recorded"), else_=outcome.left_out
    )
    settled = left_out.isnull()
    leaves = outcome.left_on < outcome.followed_until
    labels = outcome.select(
        *KEY,
        churned=ibis.ifelse(settled, outcome.has_left, ibis.null("boolean")),
        churn_kind=ibis.ifelse(settled & outcome.has_left, outcome.kind, ibis.null("string")),
        label_end_date=outcome.complete_on,
        is_label_complete=is_covered & outcome.is_recorded,
        followed_until=outcome.followed_until,
        left_on=ibis.ifelse(leaves, outcome.left_on, ibis.null("date")),
        left_kind=ibis.ifelse(leaves, outcome.kind, ibis.null("string")),
        **{LEFT_OUT: left_out},
    )
    return _with_stated_causes(labels, staged, dated)


def _with_stated_causes(labels: ir.Table, staged: Mapping[str, ir.Table], dated: ir.Table) -> ir.Table:
    """Return the labels with the cause that leavers named, null where nobody was asked."""
    if "responses" not in staged or "reason" not in staged["responses"].columns:
        return labels.mutate(stated_cause=ibis.null("string"))
    said = build_stated_causes(staged["responses"], dated)
    joined = labels.left_join(said, KEY)
    of_leaver = ibis.ifelse(joined.churned, joined.stated_cause, ibis.null("string"))
    return joined.select(*labels.columns, stated_cause=of_leaver)


def build_spells(subscriptions: ir.Table, grace_days: int) -> ir.Table:
    """Return each customer's unbroken stretches: `customer_id`, `spell_start`, `spell_end` (null = running), `kind`.

    A subscription that starts at most `grace_days` after all former ones have ended continues the spell.
    Grain: customer x spell; instants UTC.
    """
    never = ibis.literal("9999-12-31").cast("timestamp(6)")
    ended_at = subscriptions.ended_at if "ended_at" in subscriptions.columns else ibis.null("timestamp(6)")
    end_reason = subscriptions.end_reason if "end_reason" in subscriptions.columns else ibis.null("string")
    rows = subscriptions.select(
        "customer_id", "subscription_id", "started_at", reason=end_reason, end=ibis.coalesce(ended_at, never)
    )
    before = ibis.window(group_by="customer_id", order_by=_order(rows), preceding=(None, 1))
    rows = rows.mutate(former_end=rows.end.max().over(before))
    gap_ends = rows.former_end + ibis.interval(days=grace_days)
    opens = rows.former_end.isnull() | ((rows.former_end < never) & (rows.started_at > gap_ends))
    rows = rows.mutate(opens=opens.cast("int64"))
    upto = ibis.window(group_by="customer_id", order_by=_order(rows), preceding=(None, 0))
    rows = rows.mutate(spell=rows.opens.sum().over(upto))
    spells = rows.group_by("customer_id", "spell").agg(
        spell_start=rows.started_at.min(), end=rows.end.max(), kind=rows.reason.argmax(rows.end)
    )
    kind = ibis.ifelse(spells.kind.isin(("voluntary", "involuntary")), spells.kind, ibis.null("string"))
    return spells.select("customer_id", "spell_start", spell_end=spells.end.nullif(never), kind=kind)


def _order(rows: ir.Table) -> list[ir.Column]:
    return [rows.started_at, rows.end, rows.subscription_id]


def _contractual(dated: ir.Table, subscriptions: ir.Table, label: LabelSettings, followed_until: date) -> ir.Table:
    spells = build_spells(subscriptions, label.grace_days)
    joined = dated.left_join(
        spells,
        [
            dated.customer_id == spells.customer_id,
            spells.spell_start < dated.as_of_date.cast("timestamp(6)"),
            spells.spell_end.isnull() | (spells.spell_end >= dated.as_of_date.cast("timestamp(6)")),
        ],
    )
    end = joined.spell_end
    in_lead = end < joined.outcome_start.cast("timestamp(6)")
    return joined.mutate(
        is_recorded=ibis.literal(True),
        followed_until=ibis.literal(followed_until),
        left_on=end.date(),
        has_left=ibis.coalesce(end < joined.outcome_end.cast("timestamp(6)"), False),
        left_out=ibis.cases(
            (joined.spell_start.isnull(), "left_already"),
            (in_lead, "left_in_lead"),
            else_=ibis.null("string"),
        ),
    )


def _inactivity(dated: ir.Table, events: ir.Table, label: LabelSettings) -> ir.Table:
    days = qualifying_days(events, label.qualifying_events)
    within = dated.join(days, [dated.customer_id == days.customer_id, *_inside(days, dated)])
    seen = within.select(*KEY).distinct().mutate(is_seen=True)
    joined = dated.join(_recorded(days, dated), "as_of_date").left_join(seen, KEY)
    unknown = {"followed_until": ibis.null("date"), "left_on": ibis.null("date"), "kind": ibis.null("string")}
    return joined.mutate(has_left=joined.is_seen.isnull(), left_out=ibis.null("string"), **unknown)


def _recorded(days: ir.Table, dated: ir.Table) -> ir.Table:
    """Return for each as-of date whether anybody did anything in its outcome window; a silent one was not observed."""
    active = days.select("day").distinct()
    windows = dated.select("as_of_date", "outcome_start", "outcome_end").distinct()
    found = windows.left_join(active, _inside(active, windows))
    return found.group_by("as_of_date").agg(is_recorded=found.day.count() > 0)


def _inside(days: ir.Table, dated: ir.Table) -> list[ir.BooleanValue]:
    return [days.day >= dated.outcome_start, days.day < dated.outcome_end]

"""Subscription: plan, price, how long, and how far to the next renewal or the end of a trial, as known on the date."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY
from churn.core.windows import days_between, first_visible_date, next_anniversary
from churn.features.catalog import Feature
from churn.features.family import KEY, FamilyTable, FeatureInputs, Measure

TABLE = "subscriptions"


def build_subscription(inputs: FeatureInputs) -> FamilyTable:
    """Return subscription features; grain customer x as-of date, for customers with a subscription running then.

    Of several running subscriptions prices add up, and plan, terms and renewal are those of the latest.
    """
    terms = _terms_as_of(inputs)
    running = terms.filter(terms.is_running)
    latest = running.filter(running.recency_rank == 0)
    prices = {"mrr_total": running.mrr.sum()} if "mrr" in running.columns else {}
    totals = running.group_by(*KEY).agg(running_count=running.count(), **prices)
    history = terms.group_by(*KEY).agg(
        first_started=terms.started_at.date().min(), ended_count=terms.count(where=~terms.is_running)
    )
    rows = latest.join(totals, KEY).join(history, KEY)
    measures = _measures(rows)
    table = rows.select(
        *KEY,
        **{
            m.feature.name: m.value(rows).cast("string" if m.feature.kind == "category" else "float64")
            for m in measures
        },
    )
    return FamilyTable(table, tuple(m.feature for m in measures))


def _terms_as_of(inputs: FeatureInputs) -> ir.Table:
    """Return all terms known on each date, ends masked until known, newest first by `recency_rank`."""
    subscriptions = inputs.staged[TABLE]
    delay = subscriptions[DELAY]
    marked = subscriptions.mutate(visible_from=first_visible_date(subscriptions.started_at, delay))
    if "ended_at" in marked.columns:
        marked = marked.mutate(end_visible_from=first_visible_date(subscriptions.ended_at, delay))
    cohort = inputs.snapshots
    joined = cohort.join(marked, [cohort.customer_id == marked.customer_id, marked.visible_from <= cohort.as_of_date])
    is_running = (
        joined.end_visible_from.isnull() | (joined.end_visible_from > joined.as_of_date)
        if "ended_at" in marked.columns
        else ibis.literal(True)
    )
    rows = joined.mutate(is_running=is_running)
    newest = ibis.window(group_by=[*KEY, "is_running"], order_by=[rows.started_at.desc(), rows.subscription_id.desc()])
    in_time = ibis.window(group_by=list(KEY), order_by=[rows.started_at, rows.subscription_id])
    rows = rows.mutate(recency_rank=ibis.row_number().over(newest))
    return rows.mutate(former_mrr=rows.mrr.lag().over(in_time)) if "mrr" in rows.columns else rows


def _measures(rows: ir.Table) -> list[Measure]:
    def feature(
        name: str, cause: str, unit: str, en: str, ja: str, text: tuple[str, str], topic: str, **more: Any
    ) -> Feature:
        return Feature(f"sub_{name}", "subscription", cause, unit, en, ja, *text, topic=topic, **more)

    def age(t: ir.Table, column: Any) -> Any:
        return days_between(column, t.as_of_date)

    measures = [
        Measure(
            feature(
                "tenure_days",
                "journey_stage",
                "days",
                "days since the first subscription",
                "初回契約からの日数",
                (
                    "Customer for {value} days (typical: {typical})",
                    "契約期間は{value}日（標準: {typical}日）",
                ),
                "tenure",
            ),
            lambda t: age(t, t.first_started),
        ),
        Measure(
            feature(
                "terms_age_days",
                "journey_stage",
                "days",
                "days on the present terms",
                "現在の契約条件の経過日数",
                (
                    "{value} days on the present terms (typical: {typical})",
                    "現在の契約条件になって{value}日（標準: {typical}日）",
                ),
                "terms",
            ),
            lambda t: age(t, t.started_at.date()),
        ),
        Measure(
            feature(
                "running_count",
                "journey_stage",
                "subscriptions",
                "running subscriptions",
                "有効な契約数",
                (
                    "Running subscriptions: {value} (typical: {typical})",
                    "有効な契約は{value}件（標準: {typical}件）",
                ),
                "running",
            ),
            lambda t: t.running_count,
        ),
        Measure(
            feature(
                "ended_count",
                "journey_stage",
                "subscriptions",
                "subscriptions or terms ended before",
                "終了した契約数",
                (
                    "Earlier subscriptions or terms that ended: {value} (typical: {typical})",
                    "これまでに終了した契約は{value}件（標準: {typical}件）",
                ),
                "ended",
            ),
            lambda t: t.ended_count,
        ),
    ]
    if "plan" in rows.columns:
        measures.append(
            Measure(
                feature(
                    "plan_last",
                    "unexplained",
                    "",
                    "plan",
                    "プラン",
                    ("Plan: {value}", "プラン: {value}"),
                    "plan",
                    kind="category",
                ),
                lambda t: t.plan,
            )
        )
    if "mrr" in rows.columns:
        measures += _price_measures(feature)
    if "billing_period_months" in rows.columns:
        measures += _renewal_measures(feature)
    if "trial_ends_at" in rows.columns:
        measures.append(
            Measure(
                feature(
                    "to_trial_end_days",
                    "journey_stage",
                    "days",
                    "days to the end of the trial",
                    "試用終了までの日数",
                    ("The trial ends in {value} days", "試用期間の終了まで{value}日"),
                    "trial",
                ),
                _days_to_trial_end,
            )
        )
    return measures


def _days_to_trial_end(rows: ir.Table) -> Any:
    left = days_between(rows.as_of_date, rows.trial_ends_at.date())
    return ibis.ifelse(left >= 0, left, ibis.null("int64"))


def _price_measures(feature: Any) -> list[Measure]:
    return [
        Measure(
            feature(
                "mrr_sum",
                "pricing",
                "currency per month",
                "monthly price",
                "月額料金",
                ("Pays {value} per month (typical: {typical})", "月額料金は{value}（標準: {typical}）"),
                "price",
            ),
            lambda t: t.mrr_total,
        ),
        Measure(
            feature(
                "mrr_change_ratio",
                "pricing",
                "ratio",
                "price against the former terms",
                "前の契約条件に対する料金の比率",
                ("Present price is {value} times the former one", "現在の料金は以前の{value}倍"),
                "price_change",
            ),
            lambda t: t.mrr / t.former_mrr.nullif(0.0),
        ),
    ]


def _renewal_measures(feature: Any) -> list[Measure]:
    def months(t: ir.Table) -> Any:
        return t.billing_period_months.round().cast("int64").nullif(0)

    def renewals(t: ir.Table) -> Any:
        return next_anniversary(t.started_at.date(), months(t), t.as_of_date)

    return [
        Measure(
            feature(
                "billing_period_last",
                "unexplained",
                "months",
                "months per billing period",
                "請求期間（月）",
                (
                    "Billed every {value} months (typical: {typical})",
                    "{value}か月ごとの請求（標準: {typical}か月）",
                ),
                "billing",
            ),
            lambda t: t.billing_period_months,
        ),
        Measure(
            feature(
                "to_renewal_days",
                "journey_stage",
                "days",
                "days to the next renewal",
                "次の更新までの日数",
                (
                    "Next renewal in {value} days (typical: {typical})",
                    "次の更新まで{value}日（標準: {typical}日）",
                ),
                "renewal",
            ),
            lambda t: days_between(t.as_of_date, renewals(t)[0]),
        ),
        Measure(
            feature(
                "renewals_count",
                "journey_stage",
                "renewals",
                "renewals so far",
                "これまでの更新回数",
                (
                    "Renewals so far: {value} (typical: {typical})",
                    "これまでの更新は{value}回（標準: {typical}回）",
                ),
                "renewals",
            ),
            lambda t: renewals(t)[1],
        ),
    ]

"""Every feature against a brute-force reading of its definition: loops over facts, one customer and date at a time."""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from churn.core.contract import DELAY
from churn.features.matrix import build_features
from tests.builders import make_inputs, make_source
from tests.invariants.facts import (
    CATEGORIES,
    CUSTOMERS,
    DATES,
    EVENT_TYPES,
    OBSERVATION_DAYS,
    WINDOWS_DAYS,
    Machine,
    Row,
    differences,
    is_visible,
    midnight,
    rows_of,
)

REACH = float(OBSERVATION_DAYS)


def features(family: str, staged, dates: Sequence[date] = DATES):
    inputs = make_inputs(
        {name: table for name, table in staged.items() if name != "customers"},
        [family],
        *(str(day) for day in dates),
        customers=CUSTOMERS,
        windows_days=WINDOWS_DAYS,
        event_types=EVENT_TYPES,
        value_types=EVENT_TYPES,
        ticket_categories=CATEGORIES,
        observation_days=OBSERVATION_DAYS,
        source=make_source(),
    )
    return build_features(inputs).table


@pytest.fixture(scope="module")
def machines(engine):
    built: dict[str, Machine] = {}

    def of(family: str, *tables: str) -> Machine:
        """Return the machine of a family, of a company that has only these tables where any are named."""
        if family not in built:
            built[family] = Machine(
                engine, lambda staged: features(family, {name: staged[name] for name in tables or staged})
            )
        return built[family]

    return of


def check(rows: dict, oracle, facts: list[Row]) -> None:
    assert set(rows) == {(customer, day) for customer in CUSTOMERS for day in DATES}
    for (customer, day), row in rows.items():
        mine = [fact for fact in facts if fact["customer_id"] == customer]
        expected = oracle(mine, day)
        assert set(expected) == set(row) - {"customer_id", "as_of_date"}
        assert differences(row, expected) == {}, (customer, day)


def within(at: datetime, day: date, days: int) -> bool:
    return midnight(day - timedelta(days=days)) <= at < midnight(day)


def age(at: datetime, day: date) -> float:
    """Whole calendar days from the day of a fact to the as-of date."""
    return float((day - at.date()).days)


def engagement_of(events: list[Row], day: date) -> Row:
    known = [
        e
        for e in events
        if is_visible(e["occurred_at"], e[DELAY], day) and within(e["occurred_at"], day, OBSERVATION_DAYS)
    ]
    out: Row = {}

    def recency(of: list[Row]) -> float:
        return min((age(e["occurred_at"], day) for e in of), default=REACH)

    for n in WINDOWS_DAYS:
        inside = [e for e in known if within(e["occurred_at"], day, n)]
        before = [e for e in known if within(e["occurred_at"], day - timedelta(days=n), n)]
        active, active_before = ({e["occurred_at"].date() for e in part} for part in (inside, before))
        out[f"eng_active_days_count_{n}d"] = len(active)
        out[f"eng_events_count_{n}d"] = len(inside)
        out[f"eng_types_count_{n}d"] = len({e["event_type"] for e in inside} & set(EVENT_TYPES))
        out[f"eng_active_days_prior_{n}d"] = len(active_before)
        out[f"eng_active_days_trend_{n}d"] = math.log((len(active) + 1) / (len(active_before) + 1))
        out[f"eng_events_trend_{n}d"] = math.log((len(inside) + 1) / (len(before) + 1))
        longest = max(WINDOWS_DAYS)
        if n < longest:
            whole = {e["occurred_at"].date() for e in known if within(e["occurred_at"], day, longest)}
            out[f"eng_active_days_pace_trend_{n}d"] = math.log((len(active) + 1) / (len(whole) * n / longest + 1))
        for kind in EVENT_TYPES:
            of_kind = [e for e in inside if e["event_type"] == kind]
            out[f"eng_{kind}_count_{n}d"] = len(of_kind)
            out[f"eng_{kind}_trend_{n}d"] = len(of_kind) - len([e for e in before if e["event_type"] == kind])
            out[f"eng_{kind}_value_sum_{n}d"] = sum(e["value"] or 0.0 for e in of_kind)
            mean = sum(e["value"] or 0.0 for e in of_kind) / len(of_kind) if of_kind else None
            out[f"eng_{kind}_value_mean_{n}d"] = mean
    out["eng_activity_recency_days"] = recency(known)
    for kind in EVENT_TYPES:
        out[f"eng_{kind}_recency_days"] = recency([e for e in known if e["event_type"] == kind])
    return out


def support_of(tickets: list[Row], day: date) -> Row:
    def known(ticket: Row, name: str) -> datetime | None:
        return ticket[name] if is_visible(ticket[name], ticket[DELAY], day) else None

    def is_open(ticket: Row) -> bool:
        resolved, reopened = known(ticket, "resolved_at"), known(ticket, "reopened_at")
        return resolved is None or (reopened is not None and reopened > resolved)

    sight = [t for t in tickets if known(t, "opened_at")]
    sight = [t for t in sight if within(t["opened_at"], day, OBSERVATION_DAYS) or is_open(t)]
    still = [t for t in sight if is_open(t)]
    out: Row = {
        "sup_tickets_recency_days": min([age(t["opened_at"], day) for t in sight] + [REACH]),
        **{
            f"sup_{kind}_recency_days": min(
                [age(t["opened_at"], day) for t in sight if t["category"] == kind] + [REACH]
            )
            for kind in CATEGORIES
        },
        "sup_open_count": len(still),
        "sup_open_age_days": max((age(t["opened_at"], day) for t in still), default=0.0),
        "sup_unanswered_count": len([t for t in still if known(t, "first_response_at") is None]),
    }

    def mean(values: list[float]) -> float | None:
        return sum(values) / len(values) if values else None

    for n in WINDOWS_DAYS:
        recent = [t for t in sight if within(t["opened_at"], day, n)]
        out[f"sup_tickets_count_{n}d"] = len(recent)
        for time, name in (("escalated_at", "escalated"), ("reopened_at", "reopened")):
            out[f"sup_{name}_count_{n}d"] = len([t for t in sight if known(t, time) and within(t[time], day, n)])
        for time, name in (("first_response_at", "first_response"), ("resolved_at", "resolution")):
            waits = [(t[time] - t["opened_at"]) / timedelta(hours=1) for t in recent if known(t, time)]
            out[f"sup_{name}_hours_mean_{n}d"] = mean(waits)
        kinds = [t["category"] for t in recent if t["category"]]
        out[f"sup_repeated_count_{n}d"] = len(kinds) - len(set(kinds))
        for kind in CATEGORIES:
            out[f"sup_{kind}_tickets_count_{n}d"] = kinds.count(kind)
        given = [t["csat"] for t in recent if known(t, "csat_at") and t["csat"] is not None]
        out[f"sup_csat_mean_{n}d"] = mean(given)
    return out


def payments_of(payments: list[Row], day: date) -> Row:
    known = [
        p
        for p in payments
        if is_visible(p["attempted_at"], p[DELAY], day) and within(p["attempted_at"], day, OBSERVATION_DAYS)
    ]
    in_order = sorted(known, key=lambda p: (p["attempted_at"], p["payment_id"]))
    out: Row = {}
    for n in WINDOWS_DAYS:
        inside = [p for p in known if within(p["attempted_at"], day, n)]
        out[f"pay_failed_count_{n}d"] = len([p for p in inside if p["status"] == "failed"])
        out[f"pay_retried_count_{n}d"] = len(
            [
                p
                for before, p in pairwise(in_order)
                if before["status"] == "failed" and within(p["attempted_at"], day, n)
            ]
        )
        out[f"pay_refunded_count_{n}d"] = len([p for p in inside if p["status"] in ("refunded", "disputed")])
        out[f"pay_paid_sum_{n}d"] = sum(p["amount"] for p in inside if p["status"] == "succeeded")
    for status in ("failed", "succeeded"):
        ages = [age(p["attempted_at"], day) for p in known if p["status"] == status]
        out[f"pay_{status}_recency_days"] = min(ages, default=REACH)
    newest = max((p["attempted_at"] for p in known), default=None)
    last = {p["status"] for p in known if p["attempted_at"] == newest}
    out["pay_past_due_last"] = float(last == {"failed"})
    settled = max((p["attempted_at"] for p in known if p["status"] != "failed"), default=datetime.min)
    due = [age(p["attempted_at"], day) for p in known if p["status"] == "failed" and p["attempted_at"] > settled]
    out["pay_past_due_days"] = max(due, default=0.0)
    card = in_order[-1]["card_expires_at"] if in_order else None
    left = None if card is None else (card.date() - day).days
    out["pay_to_card_end_days"] = left if left is not None and left >= 0 else None
    out["pay_card_expired_days"] = -left if left is not None and left <= 0 else 0.0
    out["pay_failure_code_last"] = next((p["failure_code"] for p in in_order[::-1] if p["status"] == "failed"), None)
    return out


def add_months(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def in_few_subscriptions(rows: list[Row]) -> list[Row]:
    """Give every customer two subscriptions at most, of several terms each, no two of which begin at once."""
    shared = [{**row, "subscription_id": f"{row['customer_id']}-{n % 2}"} for n, row in enumerate(rows)]
    return list({(row["subscription_id"], row["started_at"]): row for row in shared}.values())


def billing_start(terms: list[Row], running: list[Row]) -> date:
    """The day from which periods count: walk the terms of one subscription and begin anew where they break."""
    start, former = date.min, None
    for s in terms:
        day = s["started_at"].date()
        paused = former and former not in running and former["ended_at"].date() < day
        if former is None or paused or former["billing_period_months"] != s["billing_period_months"]:
            start = max(start, day, s["trial_ends_at"].date() if s["trial_ends_at"] else day)
        former = s
    return start


def running_of(known: list[Row], day: date) -> list[Row]:
    return [s for s in known if not is_visible(s["ended_at"], s[DELAY], day)]


def terms_of_newest(known: list[Row], running: list[Row]) -> list[Row]:
    """The terms of the newest running subscription, in order of time, up to those that run."""
    order = sorted(known, key=lambda s: (s["started_at"], s["subscription_id"]))
    newest = [s for s in order if s in running][-1]
    own = [s for s in order if s["subscription_id"] == newest["subscription_id"]]
    return own[: own.index(newest) + 1]


def subscription_of(subscriptions: list[Row], day: date) -> Row:
    known = [s for s in subscriptions if is_visible(s["started_at"], s[DELAY], day)]
    running = running_of(known, day)
    names = (
        "tenure_days", "terms_age_days", "running_count", "ended_count", "plan_last", "mrr_sum", "mrr_change_ratio",
        "billing_period_last", "to_renewal_days", "renewals_count", "to_trial_end_days",
        "to_discount_end_days",
    )  # fmt: skip
    if not running:
        return {f"sub_{name}": None for name in names}
    order = sorted(known, key=lambda s: (s["started_at"], s["subscription_id"]))
    own = terms_of_newest(known, running)
    newest = own[-1]
    place = order.index(newest)
    former = order[place - 1]["mrr"] if place else None
    prices = [s["mrr"] for s in running if s["mrr"] is not None]
    renewal, passed = None, None
    if newest["billing_period_months"]:
        start, step, passed = billing_start(own, running), int(newest["billing_period_months"]), 0
        while add_months(start, (passed + 1) * step) < day:
            passed += 1
        renewal = (add_months(start, (passed + 1) * step) - day).days
    trial = max((s["trial_ends_at"] for s in own if s["trial_ends_at"]), default=None)

    def left(end: datetime | None) -> int | None:
        return None if end is None or end.date() < day else (end.date() - day).days

    return {
        "sub_tenure_days": max(age(s["started_at"], day) for s in known),
        "sub_terms_age_days": age(newest["started_at"], day),
        "sub_running_count": len(running),
        "sub_ended_count": len(known) - len(running),
        "sub_plan_last": newest["plan"],
        "sub_mrr_sum": sum(prices) if prices else None,
        "sub_mrr_change_ratio": newest["mrr"] / former if former and newest["mrr"] is not None else None,
        "sub_billing_period_last": newest["billing_period_months"],
        "sub_to_renewal_days": renewal,
        "sub_renewals_count": passed,
        "sub_to_trial_end_days": left(trial),
        "sub_to_discount_end_days": left(newest["discount_ends_at"]),
    }


@given(events=rows_of("events", 40))
@settings(max_examples=40)
def test_engagement_is_what_counting_by_hand_gives(machines, events):
    check(machines("engagement")({"events": events}), engagement_of, events)


@given(tickets=rows_of("tickets", 20))
@settings(max_examples=40)
def test_support_is_what_reading_each_ticket_gives(machines, tickets):
    check(machines("support")({"tickets": tickets}), support_of, tickets)


@given(payments=rows_of("payments", 25))
@settings(max_examples=40)
def test_payments_are_what_going_through_them_gives(machines, payments):
    check(machines("payments", "payments")({"payments": payments}), payments_of, payments)


@given(subscriptions=rows_of("subscriptions", 12))
@settings(max_examples=40)
def test_subscriptions_are_what_following_them_gives(machines, subscriptions):
    subscriptions = in_few_subscriptions(subscriptions)
    check(machines("subscription")({"subscriptions": subscriptions}), subscription_of, subscriptions)

"""Cohort and labels against a story told customer by customer: who was there, who left when, who came back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings

from churn.core.contract import DELAY
from churn.core.problem import CohortSettings, LabelSettings
from churn.snapshots.cohort import build_candidates
from churn.snapshots.labels import build_labels
from tests.builders import make_grid, make_windows
from tests.invariants.facts import (
    CUSTOMERS,
    DATES,
    Facts,
    Machine,
    Row,
    companies,
    differences,
    is_visible,
    midnight,
    rows_of,
)

WINDOWS = make_windows(lead_days=7, horizon_days=30)
GRACE_DAYS = (0, 14)
DATA_END = date(2024, 5, 22)  # the label of 1 May, complete on 7 June, is not covered; that of 31 March is
MIN_TENURE_DAYS, ACTIVE_DAYS = 14, 30
SIGNED_UP = {"A": date(2023, 1, 1), "B": date(2024, 2, 20), "C": date(2024, 3, 10)}


def grid(label: LabelSettings):
    return make_grid(*map(str, DATES), windows=WINDOWS, label=label)


def everyone(staged):
    """Every customer on every date: labels are defined for whoever is asked about."""
    return staged["customers"].select("customer_id").distinct().cross_join(grid(LABELS[0]).select("as_of_date"))


LABELS = [LabelSettings(kind="contractual", grace_days=days) for days in GRACE_DAYS]
INACTIVITY = LabelSettings(kind="inactivity", qualifying_events=["in"])


def labels(label: LabelSettings, staged):
    return build_labels(staged, everyone(staged), grid(label), label, DATA_END)


@pytest.fixture(scope="module")
def contractual(engine):
    return {label.grace_days: Machine(engine, partial(labels, label)) for label in LABELS}


@pytest.fixture(scope="module")
def inactivity(engine):
    return Machine(engine, partial(labels, INACTIVITY))


@pytest.fixture(scope="module")
def cohorts(engine):
    of_events = CohortSettings(
        active="events", active_days=ACTIVE_DAYS, qualifying_events=["in"], min_tenure_days=MIN_TENURE_DAYS
    )
    of_terms = CohortSettings(active="subscription", min_tenure_days=MIN_TENURE_DAYS)
    return {
        cohort.active: Machine(engine, lambda staged, c=cohort: build_candidates(staged, grid(LABELS[0]), c))
        for cohort in (of_events, of_terms)
    }


def people() -> list[Row]:
    return [
        {
            "customer_id": name,
            "signed_up_at": midnight(SIGNED_UP[name]),
            "valid_from": None,
            "country": "DE",
            "seats": 1.0,
        }
        for name in CUSTOMERS
    ]


def departure(subscriptions: list[Row], day: date, grace: timedelta) -> datetime | str | None:
    """Return when the spell that spans the date ends: a moment, "never", or None where there is no such spell."""
    before = [s for s in subscriptions if s["started_at"] < midnight(day)]
    if not before:
        return None
    held = list(before)
    while True:
        if any(s["ended_at"] is None for s in held):
            return "never"
        end = max(s["ended_at"] for s in held)
        joining = [s for s in subscriptions if s not in held and s["started_at"] <= end + grace]
        if not joining:
            return end if end >= midnight(day) else None
        held += joining


def contractual_of(subscriptions: list[Row], day: date, grace_days: int) -> Row:
    start = day + timedelta(days=7)
    end = start + timedelta(days=30)
    complete = end + timedelta(days=grace_days) <= DATA_END
    leaves = departure(subscriptions, day, timedelta(days=grace_days))
    why = None
    if leaves is None:
        why = "left_already"
    elif leaves != "never" and leaves < midnight(start):
        why = "left_in_lead"
    if not complete:
        why = "not_complete"
    churned = None if why else leaves != "never" and leaves < midnight(end)
    kinds = {s["end_reason"] for s in subscriptions if s["ended_at"] == leaves} if churned else set()
    return {
        "churned": churned,
        "left_out_because": why,
        "is_label_complete": complete,
        "label_end_date": end + timedelta(days=grace_days),
        "kinds": {kind if kind in ("voluntary", "involuntary") else None for kind in kinds} or {None},
    }


@given(subscriptions=rows_of("subscriptions", 8))
@settings(max_examples=40)
def test_contractual_labels_follow_each_customer_to_the_end(contractual, subscriptions):
    for grace_days, machine in contractual.items():
        rows = machine({"customers": people(), "subscriptions": subscriptions})
        assert set(rows) == {(c, d) for c in CUSTOMERS for d in DATES}
        for (customer, day), row in rows.items():
            expected = contractual_of([s for s in subscriptions if s["customer_id"] == customer], day, grace_days)
            assert row["churn_kind"] in expected.pop("kinds"), (customer, day)
            assert differences(row, expected) == {}, (customer, day, grace_days)


@given(events=rows_of("events", 30))
@settings(max_examples=25)
def test_inactivity_labels_look_for_one_event_that_counts(inactivity, events):
    for (customer, day), row in inactivity({"customers": people(), "events": events}).items():
        start, end = midnight(day + timedelta(days=7)), midnight(day + timedelta(days=37))
        seen = {e["customer_id"] for e in events if e["event_type"] == "in" and start <= e["occurred_at"] < end}
        is_observed = bool(seen) and end.date() <= DATA_END
        expected = customer not in seen if is_observed else None
        assert row["churned"] == expected, (customer, day)


def old_enough(customer: str, day: date) -> bool:
    return (day - SIGNED_UP[customer]).days >= MIN_TENURE_DAYS


@given(events=rows_of("events", 30), subscriptions=rows_of("subscriptions", 8))
@settings(max_examples=25)
def test_candidates_are_who_was_seen_to_be_active_on_the_date(cohorts, events, subscriptions):
    facts: Facts = {"customers": people(), "events": events, "subscriptions": subscriptions}
    by_terms, by_events = cohorts["subscription"](facts), cohorts["events"](facts)
    for customer in CUSTOMERS:
        for day in DATES:
            running = [
                s
                for s in subscriptions
                if s["customer_id"] == customer
                and is_visible(s["started_at"], s[DELAY], day)
                and not is_visible(s["ended_at"], s[DELAY], day)
            ]
            decided = all(is_visible(s["cancel_requested_at"], s[DELAY], day) for s in running)
            reason = "cancellation_requested" if decided else None if old_enough(customer, day) else "too_young"
            assert ((customer, day) in by_terms) == bool(running)
            if running:
                assert by_terms[customer, day]["excluded_because"] == reason
            active = any(
                e["customer_id"] == customer
                and e["event_type"] == "in"
                and is_visible(e["occurred_at"], e[DELAY], day)
                and e["occurred_at"] >= midnight(day - timedelta(days=ACTIVE_DAYS))
                for e in events
            )
            assert ((customer, day) in by_events) == active
            if active:
                assert by_events[customer, day]["excluded_because"] == (
                    None if old_enough(customer, day) else "too_young"
                )


@given(facts=companies())
@settings(max_examples=20)
def test_what_happens_after_a_complete_label_changes_it_no_more(contractual, facts):
    machine = contractual[14]
    before = machine(facts | {"customers": people()})
    for day in DATES:
        settled = midnight(day + timedelta(days=7 + 30 + 14))
        past = [
            s | ({"ended_at": None, "end_reason": None} if s["ended_at"] and s["ended_at"] >= settled else {})
            for s in facts["subscriptions"]
            if s["started_at"] < settled
        ]
        after = machine(facts | {"customers": people(), "subscriptions": past})
        for customer in CUSTOMERS:
            known = ("churned", "left_out_because", "is_label_complete")
            assert {k: before[customer, day][k] for k in known} == {k: after[customer, day][k] for k in known}

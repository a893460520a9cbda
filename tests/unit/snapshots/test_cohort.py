from __future__ import annotations

import pytest

from churn.core.problem import CohortSettings
from churn.snapshots.cohort import build_candidates, build_snapshots, qualifying_days
from tests.builders import cohort_of, make_grid, plain, staged_table

OLD = "customer_id | signed_up_at\n" + "\n".join(f"{name} | 2020-01-01" for name in "ABCDEF")
DAY = "2024-03-01"


def company(subscriptions: str, customers: str = OLD, **more):
    return {
        "customers": staged_table("customers", customers),
        "subscriptions": staged_table("subscriptions", subscriptions, **more),
    }


def subscriptions(*rows: str, columns: str = "ended_at") -> str:
    lines = [f"S{i} | {row}" for i, row in enumerate(rows)]
    return "\n".join([f"subscription_id | customer_id | started_at | {columns}", *lines])


class TestSubscribers:
    def test_who_has_a_running_subscription_is_asked_about(self, engine):
        staged = company(
            subscriptions(
                "A | 2024-01-01 |",  # running
                "B | 2024-01-01 | 2024-06-01",  # ends later
                "C | 2024-01-01 | 2024-02-01",  # gone
                "D | 2024-03-02 |",  # not yet there
            )
        )
        assert cohort_of(staged, DAY) == {("A", DAY): None, ("B", DAY): None}

    @pytest.mark.parametrize(
        ("start", "is_in"),
        [("2024-02-29 23:59:59.999999", True), ("2024-03-01 00:00:00", False), ("2024-03-01 00:00:01", False)],
    )
    def test_a_start_exactly_at_as_of_belongs_to_the_outcome_side(self, engine, start: str, is_in: bool):
        assert bool(cohort_of(company(subscriptions(f"A | {start} |")), DAY)) == is_in

    @pytest.mark.parametrize(
        ("end", "is_in"),
        [("2024-02-29 23:59:59.999999", False), ("2024-03-01 00:00:00", True), ("2024-03-01 00:00:01", True)],
    )
    def test_an_end_exactly_at_as_of_is_not_known_yet(self, engine, end: str, is_in: bool):
        assert bool(cohort_of(company(subscriptions(f"A | 2024-01-01 | {end}")), DAY)) == is_in

    def test_one_of_two_subscriptions_is_enough_and_gives_one_row(self, engine):
        staged = company(subscriptions("A | 2024-01-01 | 2024-02-01", "A | 2024-01-15 |", "A | 2024-01-20 |"))
        assert cohort_of(staged, DAY) == {("A", DAY): None}

    def test_an_end_that_the_company_learns_of_later_has_not_happened_yet(self, engine):
        rows = subscriptions("A | 2024-01-01 | 2024-02-15 | 2024-01-11", columns="ended_at | known_at")
        staged = company(rows)  # known ten days late: the end of 15 February shows on the 25th
        assert cohort_of(staged, "2024-02-20", "2024-02-25") == {("A", "2024-02-20"): None}

    def test_a_start_that_the_company_learns_of_later_has_not_happened_yet(self, engine):
        rows = subscriptions("A | 2024-01-01 | | 2024-01-11", columns="ended_at | known_at")
        assert set(cohort_of(company(rows), "2024-01-10", "2024-01-11")) == {("A", "2024-01-11")}

    def test_a_declared_lag_delays_starts_and_ends(self, engine):
        staged = company(subscriptions("A | 2024-01-01 | 2024-02-01"), lag_hours=48)
        asked = ("2024-01-02", "2024-01-03", "2024-02-02", "2024-02-03")
        assert set(cohort_of(staged, *asked)) == {("A", "2024-01-03"), ("A", "2024-02-02")}

    def test_every_date_is_judged_on_its_own(self, engine):
        staged = company(subscriptions("A | 2024-01-10 | 2024-02-10", "A | 2024-04-10 |"))
        asked = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-05-01")
        assert set(cohort_of(staged, *asked)) == {("A", "2024-02-01"), ("A", "2024-05-01")}

    def test_subscriptions_without_ends_run_for_ever(self, engine):
        rows = "subscription_id | customer_id | started_at\nS1 | A | 2024-01-01"
        assert cohort_of(company(rows), DAY) == {("A", DAY): None}


class TestCancellationRequested:
    @pytest.mark.parametrize(
        ("requested", "reason"),
        [
            ("2024-02-29 12:00:00", "cancellation_requested"),
            ("2024-03-01 00:00:00", None),  # at the instant: the outcome side
            ("2024-03-05 00:00:00", None),
        ],
    )
    def test_who_has_decided_is_out(self, engine, requested: str, reason: str | None):
        rows = subscriptions(f"A | 2024-01-01 | 2024-06-01 | {requested}", columns="ended_at | cancel_requested_at")
        assert cohort_of(company(rows), DAY) == {("A", DAY): reason}

    def test_a_request_for_one_of_two_subscriptions_is_no_decision_to_leave(self, engine):
        rows = subscriptions(
            "A | 2024-01-01 | | 2024-02-01", "A | 2024-01-01 | |", columns="ended_at | cancel_requested_at"
        )
        assert cohort_of(company(rows), DAY) == {("A", DAY): None}

    def test_a_request_for_a_subscription_that_is_over_does_not_count(self, engine):
        rows = subscriptions(
            "A | 2023-01-01 | 2024-01-01 | 2023-12-01", "A | 2024-01-01 | |", columns="ended_at | cancel_requested_at"
        )
        assert cohort_of(company(rows), DAY) == {("A", DAY): None}

    def test_a_request_known_late_does_not_count_yet(self, engine):
        rows = subscriptions(
            "A | 2024-01-01 | | 2024-02-20 | 2024-01-15", columns="ended_at | cancel_requested_at | known_at"
        )
        assert cohort_of(company(rows), DAY, "2024-03-05") == {
            ("A", DAY): None, ("A", "2024-03-05"): "cancellation_requested",
        }  # fmt: skip


class TestAge:
    @pytest.mark.parametrize(
        ("signed_up", "tenure_days", "reason"),
        [
            ("2024-02-01", 29, None),  # exactly old enough
            ("2024-02-02", 29, "too_young"),
            ("2024-02-29", 0, None),
            ("2024-03-01", 0, "too_young"),  # signed up on the as-of date
            ("2024-03-09", 0, "too_young"),
        ],
    )
    def test_customers_younger_than_the_least_tenure_are_out(
        self, engine, signed_up: str, tenure_days: int, reason: str | None
    ):
        staged = company(subscriptions("A | 2024-01-01 |"), f"customer_id | signed_up_at\nA | {signed_up}")
        cohort = CohortSettings(active="subscription", min_tenure_days=tenure_days)
        assert cohort_of(staged, DAY, cohort=cohort) == {("A", DAY): reason}

    def test_with_versions_the_first_sign_up_counts(self, engine):
        versions = "customer_id | signed_up_at | valid_from\nA | 2024-01-01 | 2024-01-01\nA | 2024-02-28 | 2024-02-28"
        staged = company(subscriptions("A | 2024-01-01 |"), versions)
        cohort = CohortSettings(active="subscription", min_tenure_days=30)
        assert cohort_of(staged, DAY, cohort=cohort) == {("A", DAY): None}


class TestByEvents:
    def cohort(self, events: str, *as_of: str, **settings):
        staged = {"customers": staged_table("customers", OLD), "events": staged_table("events", events)}
        return cohort_of(staged, *as_of, cohort=CohortSettings(active="events", active_days=10, **settings))

    @pytest.mark.parametrize(
        ("at", "is_in"),
        [
            ("2024-02-20 00:00:00", True),  # the first instant of the ten days
            ("2024-02-19 23:59:59", False),
            ("2024-02-29 23:59:59", True),
            ("2024-03-01 00:00:00", False),  # the as-of instant
        ],
    )
    def test_active_means_an_event_in_the_last_days(self, engine, at: str, is_in: bool):
        found = self.cohort(f"customer_id | occurred_at | event_type\nA | {at} | buy", DAY)
        assert found == ({("A", DAY): None} if is_in else {})

    def test_only_events_that_qualify_count(self, engine):
        events = "customer_id | occurred_at | event_type\nA | 2024-02-25 | buy\nB | 2024-02-25 | look"
        assert set(self.cohort(events, DAY, qualifying_events=["buy"])) == {("A", DAY)}
        assert set(self.cohort(events, DAY)) == {("A", DAY), ("B", DAY)}

    def test_an_event_known_late_counts_from_then_on(self, engine):
        events = "customer_id | occurred_at | event_type | known_at\nA | 2024-02-25 | buy | 2024-03-02 09:00:00"
        assert set(self.cohort(events, "2024-03-02", "2024-03-03")) == {("A", "2024-03-03")}

    def test_a_day_is_known_with_its_first_known_event(self, engine):
        events = staged_table(
            "events",
            """
            customer_id | occurred_at         | event_type | known_at
            A           | 2024-02-25 08:00:00 | buy        | 2024-03-05 00:00:00
            A           | 2024-02-25 09:00:00 | buy        | 2024-02-26 00:00:00
            """,
        )
        (day,) = plain(qualifying_days(events, []))
        assert str(day["visible_from"])[:10] == "2024-02-26"


def test_snapshots_are_the_candidates_nobody_left_out(engine):
    rows = subscriptions(
        "A | 2024-01-01 | |", "B | 2024-01-01 | | 2024-02-01", columns="ended_at | cancel_requested_at"
    )
    candidates = build_candidates(company(rows), make_grid(DAY), CohortSettings(active="subscription"))
    assert len(plain(candidates)) == 2
    assert [(row["customer_id"], str(row["as_of_date"])) for row in plain(build_snapshots(candidates))] == [("A", DAY)]

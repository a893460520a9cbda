"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90 (from 3 November)."""

from __future__ import annotations

import pytest

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
TIMES = "opened_at | first_response_at | resolved_at | reopened_at | escalated_at"
HEAD = f"ticket_id | customer_id | {TIMES} | csat | csat_at"


def support(*rows: str, head: str = HEAD, as_of=(DAY,), **options):
    lines = [f"T{number} | {row}" for number, row in enumerate(rows)]
    staged = {"tickets": staged_table("tickets", "\n".join([head, *lines]), options.pop("lag_hours", 0))}
    return features_of(staged, ["support"], *as_of, **options)


def one(*rows: str, **options):
    return support(*rows, **options)["A", DAY]


FOUR = (
    "A | 2024-01-30 10:00 | 2024-01-30 12:00 | 2024-01-31 10:00 | | | 4 | 2024-01-31 11:00",
    "A | 2024-01-25 00:00 | 2024-01-25 06:00 | 2024-02-02 00:00 | | 2024-01-26 00:00 | 1 | 2024-02-03 00:00",
    "A | 2024-01-10 08:00 | 2024-01-10 09:30 | 2024-01-12 08:00 | 2024-01-20 08:00 | | 2 | 2024-01-12 08:00",
    "A | 2023-11-02 23:00 | | | | | |",
)


def test_four_tickets_by_hand(engine):
    row = one(*FOUR)
    assert (row["sup_tickets_count_7d"], row["sup_tickets_count_30d"]) == (2.0, 3.0)
    assert (row["sup_first_response_hours_mean_7d"], row["sup_first_response_hours_mean_30d"]) == (4.0, 9.5 / 3)
    assert (row["sup_resolution_hours_mean_7d"], row["sup_resolution_hours_mean_30d"]) == (24.0, 36.0)
    assert (row["sup_escalated_count_7d"], row["sup_reopened_count_7d"], row["sup_reopened_count_30d"]) == (
        1.0,
        0.0,
        1.0,
    )
    assert (row["sup_csat_mean_7d"], row["sup_csat_mean_30d"]) == (4.0, 3.0)
    assert row["sup_tickets_recency_days"] == 2.0
    assert row["sup_open_count"] == 3.0  # resolved tomorrow, reopened, and the old one nobody answered
    assert row["sup_open_age_days"] == 91.0
    assert row["sup_unanswered_count"] == 1.0


class TestTomorrow:
    def test_a_ticket_resolved_tomorrow_is_open_today(self, engine):
        rows = support("A | 2024-01-30 | | 2024-02-02 10:00 | | | |", as_of=(DAY, "2024-02-02", "2024-02-03"))
        assert [rows["A", d]["sup_open_count"] for d in (DAY, "2024-02-02", "2024-02-03")] == [1.0, 1.0, 0.0]
        assert rows["A", DAY]["sup_resolution_hours_mean_7d"] is None
        assert rows["A", "2024-02-03"]["sup_resolution_hours_mean_7d"] == 82.0

    def test_a_ticket_resolved_exactly_at_as_of_is_open(self, engine):
        rows = support(
            "A | 2024-01-30 | | 2024-02-01 00:00:00 | | | |", "B | 2024-01-30 | | 2024-01-31 23:59:59 | | | |",
            customers="AB",
        )  # fmt: skip
        assert [rows[name, DAY]["sup_open_count"] for name in "AB"] == [1.0, 0.0]

    def test_a_ticket_opened_exactly_at_as_of_is_not_there_yet(self, engine):
        row = one("A | 2024-02-01 00:00:00 | | | | | |")
        assert (row["sup_tickets_count_7d"], row["sup_open_count"], row["sup_tickets_recency_days"]) == (0.0, 0.0, 90.0)

    def test_satisfaction_is_unknown_until_it_is_given(self, engine):
        rows = support("A | 2024-01-30 | | 2024-01-31 | | | 5 | 2024-02-01 09:00", as_of=(DAY, "2024-02-02"))
        assert [rows["A", d]["sup_csat_mean_7d"] for d in (DAY, "2024-02-02")] == [None, 5.0]

    def test_an_answer_of_tomorrow_is_no_answer(self, engine):
        rows = support("A | 2024-01-30 | 2024-02-01 09:00 | | | | |", as_of=(DAY, "2024-02-02"))
        assert [rows["A", d]["sup_unanswered_count"] for d in (DAY, "2024-02-02")] == [1.0, 0.0]
        assert [rows["A", d]["sup_first_response_hours_mean_7d"] for d in (DAY, "2024-02-02")] == [None, 57.0]

    def test_a_reopening_or_escalation_of_tomorrow_has_not_happened(self, engine):
        row = one("A | 2024-01-28 | | 2024-01-29 | 2024-02-01 | 2024-02-01 | |")
        assert (row["sup_open_count"], row["sup_reopened_count_7d"], row["sup_escalated_count_7d"]) == (0.0, 0.0, 0.0)

    def test_every_time_of_a_ticket_known_late_is_late(self, engine):
        head = HEAD + " | known_at"
        ticket = "A | 2024-01-20 | | 2024-01-29 | | | | | 2024-01-25"  # five days late
        rows = support(ticket, head=head, as_of=("2024-01-24", "2024-01-25", DAY, "2024-02-03"))
        assert [rows["A", d]["sup_tickets_count_30d"] for d in ("2024-01-24", "2024-01-25")] == [0.0, 1.0]
        assert [rows["A", d]["sup_open_count"] for d in ("2024-01-25", DAY, "2024-02-03")] == [1.0, 1.0, 0.0]

    def test_a_declared_lag_delays_all_times(self, engine):
        rows = support("A | 2024-01-20 | | 2024-01-29 | | | |", lag_hours=120, as_of=("2024-01-25", DAY, "2024-02-03"))
        assert [rows["A", d]["sup_open_count"] for d in ("2024-01-25", DAY, "2024-02-03")] == [1.0, 1.0, 0.0]


class TestEdges:
    def test_windows_are_half_open(self, engine):
        row = one("A | 2024-01-25 00:00:00 | | | | | |", "A | 2024-01-24 23:59:59 | | | | | |")
        assert (row["sup_tickets_count_7d"], row["sup_tickets_count_30d"]) == (1.0, 2.0)

    def test_an_escalation_counts_on_its_own_day_not_on_the_tickets(self, engine):
        row = one("A | 2023-12-01 | | | | 2024-01-28 | |")
        assert (row["sup_tickets_count_30d"], row["sup_escalated_count_7d"]) == (0.0, 1.0)

    def test_old_closed_tickets_are_out_of_sight_and_old_open_ones_are_not(self, engine):
        rows = support("A | 2023-10-01 | | 2023-10-02 | | | |", "B | 2023-10-01 | | | | | |", customers="AB")
        old, still = rows["A", DAY], rows["B", DAY]
        assert (old["sup_open_count"], old["sup_tickets_recency_days"]) == (0.0, 90.0)
        assert (still["sup_open_count"], still["sup_open_age_days"], still["sup_unanswered_count"]) == (1.0, 123.0, 1.0)
        assert still["sup_tickets_recency_days"] == 90.0  # as far back as anything is read

    def test_a_ticket_closed_without_an_answer_is_not_unanswered(self, engine):
        assert one("A | 2024-01-28 | | 2024-01-29 | | | |")["sup_unanswered_count"] == 0.0

    def test_the_oldest_open_ticket_gives_the_age(self, engine):
        row = one("A | 2024-01-10 | | 2024-01-11 | | | |", "A | 2024-01-20 | | | | | |", "A | 2024-01-30 | | | | | |")
        assert (row["sup_open_count"], row["sup_open_age_days"]) == (2.0, 12.0)

    def test_reopened_and_solved_again_is_closed(self, engine):
        assert one("A | 2024-01-10 | | 2024-01-25 | 2024-01-20 | | |")["sup_open_count"] == 0.0


class TestNothing:
    def test_counts_are_zero_and_averages_unknown_without_tickets(self, engine):
        row = support("A | 2024-01-28 | | | | | |", customers=("A", "Z"))["Z", DAY]
        zeros = {name for name, value in row.items() if value == 0.0}
        unknown = {name for name, value in row.items() if value is None}
        assert zeros == {
            f"sup_{name}_count_{days}d" for name in ("tickets", "escalated", "reopened") for days in (7, 30)
        } | {"sup_open_count", "sup_open_age_days", "sup_unanswered_count"}
        assert unknown == {
            f"sup_{name}_mean_{days}d"
            for name in ("first_response_hours", "resolution_hours", "csat")
            for days in (7, 30)
        }
        assert row["sup_tickets_recency_days"] == 90.0

    def test_with_tickets_but_none_open_the_age_is_zero(self, engine):
        assert one("A | 2024-01-28 | | 2024-01-29 | | | |")["sup_open_age_days"] == 0.0

    @pytest.mark.parametrize(
        ("head", "row", "names"),
        [
            ("ticket_id | customer_id | opened_at", "A | 2024-01-28", {"tickets_count_7d", "tickets_recency_days"}),
            (
                "ticket_id | customer_id | opened_at | resolved_at | csat",
                "A | 2024-01-28 | 2024-01-29 | 3",
                {
                    "tickets_count_7d", "tickets_recency_days", "resolution_hours_mean_7d", "csat_mean_7d",
                    "open_count", "open_age_days",
                },
            ),
            (
                "ticket_id | customer_id | opened_at | csat",
                "A | 2024-01-28 | 3",
                {"tickets_count_7d", "tickets_recency_days"},
            ),
        ],
    )  # fmt: skip
    def test_columns_that_are_not_there_switch_their_features_off(self, engine, head: str, row: str, names: set[str]):
        built = one(row, head=head, windows_days=(7,))
        assert {name.removeprefix("sup_") for name in built if name.startswith("sup_")} == names

    def test_without_its_own_time_satisfaction_counts_from_the_resolution(self, engine):
        head = "ticket_id | customer_id | opened_at | resolved_at | csat"
        rows = support("A | 2024-01-28 | 2024-02-01 | 3", head=head, as_of=(DAY, "2024-02-02"))
        assert [rows["A", d]["sup_csat_mean_7d"] for d in (DAY, "2024-02-02")] == [None, 3.0]


def test_categories_by_hand(engine):
    head = "ticket_id | customer_id | opened_at | category"
    rows = (
        "A | 2024-01-31 | bug",
        "A | 2024-01-30 | bug",
        "A | 2024-01-10 | bill",
        "A | 2024-01-09 | rare",
        "A | 2024-01-08 |",
    )
    row = one(*rows, head=head, ticket_categories=["bill", "bug"])
    assert [row[f"sup_{kind}_tickets_count_{n}d"] for kind in ("bill", "bug") for n in (7, 30)] == [0.0, 1.0, 2.0, 2.0]
    assert (row["sup_bill_recency_days"], row["sup_bug_recency_days"]) == (22.0, 1.0)
    assert (row["sup_repeated_count_7d"], row["sup_repeated_count_30d"]) == (1.0, 1.0)
    assert not any("rare" in name for name in row)

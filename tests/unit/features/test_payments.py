"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

from tests.builders import features_of, staged_table

DAY = "2024-02-01"


def payments(*rows: str, columns: str = "attempted_at | amount | status", as_of=(DAY,), **options):
    lines = [f"P{number} | A | {row}" for number, row in enumerate(rows)]
    text = "\n".join([f"payment_id | customer_id | {columns}", *lines])
    return features_of({"payments": staged_table("payments", text)}, ["payments"], *as_of, **options)


def one(*rows: str, **options):
    return payments(*rows, **options)["A", DAY]


def test_six_payments_by_hand(engine):
    row = one(
        "2024-01-31 10:00 | 50 | failed",
        "2024-01-25 00:00 | 30 | succeeded",
        "2024-01-24 23:59 | 20 | succeeded",
        "2024-01-10 10:00 | 10 | refunded",
        "2024-01-09 10:00 | 10 | disputed",
        "2023-12-01 10:00 | 70 | failed",
    )
    assert (row["pay_failed_count_7d"], row["pay_failed_count_30d"]) == (1.0, 1.0)
    assert (row["pay_refunded_count_7d"], row["pay_refunded_count_30d"]) == (0.0, 2.0)
    assert (row["pay_paid_sum_7d"], row["pay_paid_sum_30d"]) == (30.0, 50.0)
    assert (row["pay_failed_recency_days"], row["pay_succeeded_recency_days"]) == (1.0, 7.0)
    assert row["pay_past_due_last"] == 1.0


def test_a_payment_exactly_at_as_of_belongs_to_the_outcome_side(engine):
    row = one("2024-01-20 | 10 | succeeded", "2024-02-01 00:00:00 | 10 | failed")
    assert (row["pay_failed_count_7d"], row["pay_past_due_last"], row["pay_failed_recency_days"]) == (0.0, 0.0, 90.0)


def test_a_payment_known_late_counts_from_then_on(engine):
    rows = payments(
        "2024-01-30 | 10 | failed | 2024-02-01 09:00",
        columns="attempted_at | amount | status | known_at",
        as_of=(DAY, "2024-02-02"),
    )
    assert [rows["A", d]["pay_failed_count_7d"] for d in (DAY, "2024-02-02")] == [0.0, 1.0]


class TestPastDue:
    def test_the_last_attempt_decides(self, engine):
        text = """
        payment_id | customer_id | attempted_at | amount | status
        P1         | A           | 2024-01-20   | 9      | succeeded
        P2         | A           | 2024-01-21   | 9      | failed
        P3         | B           | 2024-01-20   | 9      | failed
        P4         | B           | 2024-01-21   | 9      | succeeded
        P5         | C           | 2024-01-20   | 9      | failed
        P6         | C           | 2024-01-21   | 9      | refunded
        P7         | D           | 2024-01-20   | 9      | failed
        """
        rows = features_of({"payments": staged_table("payments", text)}, ["payments"], DAY, customers="ABCD")
        assert [rows[name, DAY]["pay_past_due_last"] for name in "ABCD"] == [1.0, 0.0, 0.0, 1.0]

    def test_a_retry_that_succeeds_in_the_same_instant_settles_it_in_either_order(self, engine):
        rows = ["2024-01-21 10:00 | 9 | failed", "2024-01-21 10:00 | 9 | succeeded"]
        assert one(*rows)["pay_past_due_last"] == one(*reversed(rows))["pay_past_due_last"] == 0.0

    def test_a_failure_older_than_the_observation_is_forgotten(self, engine):
        assert one("2023-11-02 23:59:59 | 9 | failed")["pay_past_due_last"] == 0.0
        assert one("2023-11-03 00:00:00 | 9 | failed")["pay_past_due_last"] == 1.0


def test_retries_and_the_time_past_due_by_hand(engine):
    row = one(
        "2024-01-10 | 9 | succeeded | ",
        "2024-01-20 | 9 | failed | funds",
        "2024-01-22 | 9 | failed | expired",
        "2024-01-26 | 9 | failed | ",
        columns="attempted_at | amount | status | failure_code",
    )
    assert (row["pay_retried_count_7d"], row["pay_retried_count_30d"]) == (1.0, 2.0)
    assert row["pay_past_due_days"] == 12.0
    assert row["pay_failure_code_last"] is None, "the last failure said nothing"
    settled = one(
        "2024-01-20 | 9 | failed | funds",
        "2024-01-22 | 9 | succeeded | ",
        columns="attempted_at | amount | status | failure_code",
    )
    assert (settled["pay_retried_count_30d"], settled["pay_past_due_days"]) == (1.0, 0.0)
    assert settled["pay_failure_code_last"] == "funds"


def test_the_card_of_the_last_attempt_is_the_one_that_counts(engine):
    rows = payments(
        "2024-01-10 10:00 | 9 | succeeded | 2024-03-31",
        "2024-01-31 10:00 | 9 | failed    | 2024-02-11",
        columns="attempted_at | amount | status | card_expires_at",
        as_of=(DAY, "2024-02-11", "2024-02-20"),
    )
    ahead = [rows["A", day]["pay_to_card_end_days"] for day in (DAY, "2024-02-11", "2024-02-20")]
    since = [rows["A", day]["pay_card_expired_days"] for day in (DAY, "2024-02-11", "2024-02-20")]
    assert (ahead, since) == ([10.0, 0.0, None], [0.0, 0.0, 9.0])


def test_a_payment_without_a_card_has_no_end_of_it(engine):
    row = one("2024-01-20 | 9 | succeeded | ", columns="attempted_at | amount | status | card_expires_at")
    assert (row["pay_to_card_end_days"], row["pay_card_expired_days"]) == (None, 0.0)


def test_without_payments_counts_are_zero_and_recencies_the_longest(engine):
    row = payments("2024-01-20 | 10 | succeeded", customers=("A", "Z"))["Z", DAY]
    recencies = {name: row.pop(name) for name in ("pay_failed_recency_days", "pay_succeeded_recency_days")}
    assert set(recencies.values()) == {90.0}
    assert {value for name, value in row.items() if name.startswith("pay_")} == {0.0}


def test_money_given_back_does_not_reduce_what_was_paid(engine):
    row = one("2024-01-28 | 10 | succeeded", "2024-01-29 | 10 | refunded")
    assert (row["pay_paid_sum_7d"], row["pay_refunded_count_7d"]) == (10.0, 1.0)


class TestOverdue:
    PAID = """
    payment_id | customer_id | attempted_at     | amount | status
    P1         | A           | 2023-11-15 10:00 | 9      | succeeded
    P2         | B           | 2023-12-20 10:00 | 9      | succeeded
    P3         | B           | 2024-01-21 10:00 | 9      | failed
    P4         | C           | 2023-12-20 10:00 | 9      | succeeded
    P5         | D           | 2024-01-20 10:00 | 9      | failed
    P6         | E           | 2023-12-20 10:00 | 9      | succeeded
    """
    TERMS = """
    subscription_id | customer_id | billing_period_months | started_at | trial_ends_at
    S1              | A           | 12                    | 2022-11-15 |
    S2              | B           | 1                     | 2023-01-20 |
    S3              | C           | 1                     | 2023-12-30 | 2024-01-10
    S4              | D           | 1                     | 2023-01-20 |
    S5              | E           |                       | 2023-01-20 |
    """

    def overdue(self, terms: str = TERMS) -> dict[str, float | None]:
        staged = {
            "payments": staged_table("payments", self.PAID),
            "subscriptions": staged_table("subscriptions", terms),
        }
        rows = features_of(staged, ["payments"], DAY, customers="ABCDE")
        return {name: rows[name, DAY]["pay_overdue_days"] for name in "ABCDE"}

    def test_it_is_counted_from_a_period_after_the_last_success(self, engine):
        found = self.overdue()
        assert found["A"] == 0.0, "paid for the year"
        assert found["B"] == 12.0, "due on 20 January"
        assert found["C"] == 0.0, "the trial ended on 10 January: the first period runs"
        assert found["D"] is None, "no success in sight"
        assert found["E"] is None, "no period known"

    def test_terms_known_later_say_nothing_yet(self, engine):
        late = self.TERMS.replace("| trial_ends_at", "| known_at").replace("2023-01-20 |", "2023-01-20 | 2024-02-02")
        assert self.overdue(late.replace("| 2024-01-10", "|"))["B"] is None

from __future__ import annotations

from tests.builders import features_of, staged_table

DAY = "2024-03-01"
COLUMNS = "plan | mrr | billing_period_months | started_at | ended_at | trial_ends_at"


def subscription(*rows: str, columns: str = COLUMNS, as_of=(DAY,), lag_hours: int = 0, **options):
    lines = [f"S{number} | A | {row}" for number, row in enumerate(rows)]
    text = "\n".join([f"subscription_id | customer_id | {columns}", *lines])
    staged = {"subscriptions": staged_table("subscriptions", text, lag_hours)}
    return features_of(staged, ["subscription"], *as_of, **options)


def one(*rows: str, **options):
    return subscription(*rows, **options)["A", DAY]


def test_one_subscription_by_hand(engine):
    row = one("pro | 50 | 1 | 2024-01-31 10:00 | | ")
    assert row == {
        "customer_id": "A",
        "as_of_date": row["as_of_date"],
        "sub_tenure_days": 30.0,
        "sub_terms_age_days": 30.0,
        "sub_running_count": 1.0,
        "sub_ended_count": 0.0,
        "sub_plan_last": "pro",
        "sub_mrr_sum": 50.0,
        "sub_mrr_change_ratio": None,
        "sub_billing_period_last": 1.0,
        "sub_to_renewal_days": 30.0,  # 31 March: 29 February has gone by
        "sub_renewals_count": 1.0,
        "sub_to_trial_end_days": None,
    }


def test_a_change_of_price_compares_with_the_former_terms(engine):
    row = one("basic | 40 | 1 | 2023-03-01 | 2024-01-01 |", "pro | 50 | 12 | 2024-01-01 | | ")
    assert (row["sub_plan_last"], row["sub_mrr_sum"], row["sub_mrr_change_ratio"]) == ("pro", 50.0, 1.25)
    assert (row["sub_tenure_days"], row["sub_terms_age_days"]) == (366.0, 60.0)
    assert (row["sub_running_count"], row["sub_ended_count"]) == (1.0, 1.0)


def test_prices_of_several_running_subscriptions_add_up_and_the_latest_gives_the_terms(engine):
    row = one("basic | 40 | 1 | 2024-01-01 | |", "extra | 10 | 12 | 2024-02-01 | |")
    assert (row["sub_running_count"], row["sub_mrr_sum"], row["sub_plan_last"]) == (2.0, 50.0, "extra")
    assert row["sub_billing_period_last"] == 12.0


def test_of_two_started_at_once_the_same_one_is_the_latest_whatever_the_order(engine):
    rows = "subscription_id | customer_id | plan | started_at\n{} | A | {} | 2024-01-01\n{} | A | {} | 2024-01-01"
    plans = []
    for first, second in (("S1", "S2"), ("S2", "S1")):
        text = rows.format(first, f"plan-{first}", second, f"plan-{second}")
        found = features_of({"subscriptions": staged_table("subscriptions", text)}, ["subscription"], DAY)
        plans.append(found["A", DAY]["sub_plan_last"])
    assert plans == ["plan-S2", "plan-S2"]


class TestKnown:
    def test_terms_that_begin_at_as_of_or_later_are_not_known(self, engine):
        row = one("basic | 40 | 1 | 2024-01-01 | |", "pro | 90 | 1 | 2024-03-01 00:00:00 | |")
        assert (row["sub_plan_last"], row["sub_mrr_sum"], row["sub_running_count"]) == ("basic", 40.0, 1.0)

    def test_an_end_at_as_of_or_later_is_not_known(self, engine):
        rows = several(*(f"basic | 40 | 1 | 2024-01-01 | {end} |" for end in ("2024-03-01 00:00:00", "2024-06-01", "")))
        assert [row["sub_running_count"] for row in rows] == [1.0, 1.0, 1.0]

    def test_without_a_running_subscription_there_are_no_values(self, engine):
        row = one("basic | 40 | 1 | 2024-01-01 | 2024-02-29 23:59:59 |")
        assert {value for name, value in row.items() if name.startswith("sub_")} == {None}

    def test_terms_known_late_join_from_then_on(self, engine):
        columns = "plan | mrr | started_at | ended_at | known_at"
        rows = subscription(
            "basic | 40 | 2024-01-01 | 2024-02-28 |", "pro | 90 | 2024-02-28 | | 2024-03-01 09:00",
            columns=columns, as_of=("2024-02-28", DAY, "2024-03-02"),
        )  # fmt: skip
        plans = [rows["A", d]["sub_plan_last"] for d in ("2024-02-28", DAY, "2024-03-02")]
        assert plans == ["basic", None, "pro"]

    def test_a_lag_delays_the_end_as_well(self, engine):
        rows = subscription("basic | 40 | 1 | 2024-01-01 | 2024-02-28 |", lag_hours=72, as_of=(DAY, "2024-03-02"))
        assert [rows["A", d]["sub_running_count"] for d in (DAY, "2024-03-02")] == [1.0, None]


def several(*rows: str) -> list[dict]:
    """Return the features of as many customers as there are rows, one subscription each."""
    lines = [f"S | C{number} | {row}" for number, row in enumerate(rows)]
    text = "\n".join([f"subscription_id | customer_id | {COLUMNS}", *lines])
    names = [f"C{number}" for number in range(len(rows))]
    found = features_of({"subscriptions": staged_table("subscriptions", text)}, ["subscription"], DAY, customers=names)
    return [found[name, DAY] for name in names]


def test_the_next_anniversary_of_the_present_terms(engine):
    cases = [
        ("2024-01-31", "1", 30.0, 1.0),
        ("2024-02-01", "1", 0.0, 0.0),  # renews on the as-of date: not behind us
        ("2024-02-02", "1", 1.0, 0.0),
        ("2023-02-28", "12", 364.0, 1.0),  # 28 February 2024 has gone by
        ("2023-03-01", "12", 0.0, 0.0),
        ("2023-11-30", "3", 90.0, 1.0),  # 29 February, then 30 May
        ("2024-01-15", "0", None, None),
        ("2024-01-15", "", None, None),
    ]
    rows = several(*(f"pro | 50 | {months} | {start} | |" for start, months, *_ in cases))
    assert [(row["sub_to_renewal_days"], row["sub_renewals_count"]) for row in rows] == [case[2:] for case in cases]


def of_one(*rows: str) -> dict:
    """Return the features of one customer with one subscription of several terms."""
    text = "\n".join([f"subscription_id | customer_id | {COLUMNS}", *(f"S | A | {row}" for row in rows)])
    return features_of({"subscriptions": staged_table("subscriptions", text)}, ["subscription"], DAY)["A", DAY]


def test_a_change_of_price_moves_no_renewal(engine):
    row = of_one("pro | 50 | 12 | 2022-04-01 | 2024-02-01 |", "pro | 55 | 12 | 2024-02-01 | |")
    assert (row["sub_to_renewal_days"], row["sub_renewals_count"]) == (31.0, 1.0)


def test_another_billing_period_and_a_pause_begin_anew(engine):
    row = of_one("pro | 50 | 1 | 2022-04-01 | 2024-02-01 |", "pro | 45 | 12 | 2024-02-01 | |")
    assert (row["sub_to_renewal_days"], row["sub_renewals_count"]) == (337.0, 0.0)
    row = of_one("pro | 50 | 12 | 2022-04-01 | 2023-04-01 |", "pro | 50 | 12 | 2023-06-01 | |")
    assert row["sub_to_renewal_days"] == 92.0


def test_periods_count_from_the_end_of_the_trial_and_later_terms_keep_it(engine):
    row = of_one("pro | 50 | 1 | 2024-01-20 | 2024-02-01 | 2024-02-10", "pro | 55 | 1 | 2024-02-01 | |")
    assert row["sub_to_renewal_days"] == 9.0
    row = of_one("pro | 50 | 12 | 2024-02-20 | 2024-02-25 | 2024-03-05", "pro | 55 | 12 | 2024-02-25 | |")
    assert (row["sub_to_trial_end_days"], row["sub_to_renewal_days"]) == (4.0, 369.0)


def test_days_left_of_a_trial_are_planned_and_so_known(engine):
    ends = ("2024-03-08", "2024-03-01 09:00", "2024-02-29", "")
    rows = several(*(f"trial | 0 | 1 | 2024-02-20 | | {end}" for end in ends))
    assert [row["sub_to_trial_end_days"] for row in rows] == [7.0, 0.0, None, None]


def test_a_price_that_was_zero_has_no_ratio(engine):
    row = one("trial | 0 | 1 | 2024-01-01 | 2024-02-01 |", "pro | 50 | 1 | 2024-02-01 | |")
    assert row["sub_mrr_change_ratio"] is None


def test_columns_that_are_not_there_switch_their_features_off(engine):
    names = set(one("2024-01-01", columns="started_at"))
    assert names == {
        "customer_id", "as_of_date", "sub_tenure_days", "sub_terms_age_days", "sub_running_count", "sub_ended_count",
    }  # fmt: skip

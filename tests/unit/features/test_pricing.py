"""As of 1 February 2024 over windows of 7 and 30 days."""

from __future__ import annotations

import pytest

from tests.builders import features_of, make_source, staged_table

DAY = "2024-02-01"
TABLES = {
    "customers": "customer_id | signed_up_at | seats:number\nA | 2023-01-01 | 4\nB | 2023-01-01 | 0",
    "subscriptions": """
    subscription_id | customer_id | mrr | started_at
    S1              | A           | 60  | 2023-01-01
    S2              | B           | 20  | 2023-01-01
    """,
    "events": """
    customer_id | occurred_at | event_type | user_id
    A           | 2024-01-30  | use        | u1
    A           | 2024-01-31  | use        | u1
    A           | 2024-01-05  | use        | u2
    """,
}


def pricing(families=("pricing",), without=(), seats: str | None = "seats"):
    staged = {name: staged_table(name, text) for name, text in TABLES.items() if name not in without}
    source = make_source(attributes={"seats": "number"}, seats=seats)
    return features_of(staged, families, DAY, customers="AB", source=source)


def test_the_price_of_use_by_hand(engine):
    rows = pricing()
    a, b = rows["A", DAY], rows["B", DAY]
    assert a["price_active_day_mean_7d"] == pytest.approx(60 * 7 / 30 / 2)
    assert a["price_active_day_mean_30d"] == 20.0
    assert (a["price_seats_used_ratio_7d"], a["price_seats_used_ratio_30d"]) == (0.25, 0.5)
    assert (a["price_seat_mean"], b["price_seat_mean"]) == (15.0, None)
    assert b["price_active_day_mean_30d"] == 20.0  # nobody came: as if on one day


def test_without_seats_bought_only_the_price_of_use_is_known(engine):
    names = {name for name in pricing(seats=None)["A", DAY] if name.startswith("price_")}
    assert names == {"price_active_day_mean_7d", "price_active_day_mean_30d"}


def test_without_subscriptions_the_family_is_off(engine):
    row = pricing(("pricing", "profile"), without=("subscriptions",))["A", DAY]
    assert not [name for name in row if name.startswith("price_")]

from __future__ import annotations

from datetime import datetime

import ibis
import pyarrow as pa
import pytest

from churn.core.contract import CONTRACT
from churn.core.errors import DataRefused
from churn.staging.contracts import contract_of
from churn.staging.typing import type_columns, unlisted_columns
from tests.builders import make_source, plain, text_table


def typed(name: str, rows: str, **source):
    settings = make_source(**source)
    return plain(type_columns(text_table(rows), contract_of(settings, name), settings))


def test_a_good_row_is_typed_and_breaks_no_rule(engine):
    rows = typed(
        "payments",
        """
        payment_id | customer_id | attempted_at        | amount | status
        007        | A           | 2024-02-01T10:00:00 | 12.50  | failed
        """,
    )
    assert rows == [
        {
            "payment_id": "007",
            "customer_id": "A",
            "attempted_at": datetime(2024, 2, 1, 10),
            "amount": 12.5,
            "status": "failed",
            "broken_rule": None,
            "noted": None,
            "broken_value": None,
        }
    ]


def test_a_bad_row_names_the_first_rule_it_breaks_in_the_order_of_the_columns(engine):
    rows = typed(
        "payments",
        """
        payment_id | customer_id | attempted_at | amount | status
        P1         |             | 2024-02-01   | x      | odd
        P2         | A           | soon         | x      | odd
        P3         | A           | 2024-02-01   | x      | odd
        P4         | A           | 2024-02-01   | 1      | odd
        P5         | A           | 2024-02-01   | 1      |
        """,
    )
    assert [row["broken_rule"] for row in rows] == [
        "null:customer_id", "not_a_time:attempted_at", "not_a_number:amount", "unknown_value:status", "null:status",
    ]  # fmt: skip
    assert [row["broken_value"] for row in rows] == [None, "soon", "x", "odd", None]


def test_what_has_happened_cannot_lie_in_the_future_but_a_plan_may(engine):
    (event,) = typed("events", "customer_id | occurred_at | event_type\nA | 2099-01-01 | login")
    assert event["broken_rule"] == "future:occurred_at"
    (plan,) = typed(
        "subscriptions", "subscription_id | customer_id | started_at | ended_at\nS | A | 2024-01-01 | 2099-01-01"
    )
    assert plan["broken_rule"] is None


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("text", ["2024-01-05", "2024-01-05 00:00:00"])
def test_a_calendar_day_is_never_moved(engine, text: str, zone: str | None):
    settings = make_source(kind="flat", tables={"matrix": "x"}, time_zone=zone)
    rows = plain(
        type_columns(text_table(f"customer_id | as_of_date\nA | {text}"), contract_of(settings, "matrix"), settings)
    )
    assert rows[0]["as_of_date"] == datetime(2024, 1, 5)
    day = text_table(f"customer_id | as_of_date\nA | {text}").mutate(as_of_date=ibis.date("2024-01-05"))
    (row,) = plain(type_columns(day, contract_of(settings, "matrix"), settings))
    assert row["as_of_date"] == datetime(2024, 1, 5)


def test_optional_columns_that_are_not_there_stay_away(engine):
    (row,) = typed("tickets", "ticket_id | customer_id | opened_at\nT1 | A | 2024-02-01")
    assert set(row) == {"ticket_id", "customer_id", "opened_at", "broken_rule", "noted", "broken_value"}


def test_columns_come_in_the_order_of_the_contract(engine):
    (row,) = typed("tickets", "opened_at | customer_id | ticket_id\n2024-02-01 | A | T1")
    assert list(row)[:3] == ["ticket_id", "customer_id", "opened_at"]


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("0", None),
        ("12.5", None),
        ("-0.01", "out_of_range:mrr"),
        ("1000000000001", "out_of_range:mrr"),
        ("inf", "out_of_range:mrr"),
    ],
)
def test_numbers_lie_in_the_range_of_the_contract(engine, value: str, rule: str | None):
    (row,) = typed("subscriptions", f"subscription_id | customer_id | started_at | mrr\nS1 | A | 2024-01-01 | {value}")
    assert row["broken_rule"] == rule


def test_whole_numbers_and_booleans_become_floats(engine):
    columns = {"customer_id": ["A"], "as_of_date": [datetime(2024, 1, 1)], "churned": [True], "seats": [3]}
    raw = ibis.memtable(pa.table(columns))
    source = make_source(kind="flat", tables={"matrix": "x"}, attributes={"seats": "number"})
    (row,) = plain(type_columns(raw, contract_of(source, "matrix"), source))
    assert (row["churned"], row["seats"]) == (1.0, 3.0)


def test_an_end_before_its_start_breaks_the_rule_of_the_end(engine):
    rows = typed(
        "tickets",
        """
        ticket_id | customer_id | opened_at           | resolved_at
        T1        | A           | 2024-02-01T10:00:00 | 2024-02-01T09:59:59
        T2        | A           | 2024-02-01T10:00:00 | 2024-02-01T10:00:00
        """,
    )
    assert [row["broken_rule"] for row in rows] == ["reversed:resolved_at", None]


def test_nothing_is_computed_before_it_is_asked_for(engine):
    table = type_columns(
        text_table("a | b\n1 | 2").rename(customer_id="a", signed_up_at="b"), CONTRACT["customers"], make_source()
    )
    assert isinstance(table, ibis.Table)


def test_unlisted_columns_are_named_in_their_order(engine):
    raw = text_table("z | customer_id | signed_up_at | a\n1 | A | 2024-01-01 | 2")
    assert unlisted_columns(raw, CONTRACT["customers"]) == ("z", "a")


def test_a_local_day_in_another_zone_begins_at_its_own_midnight(engine):
    (row,) = typed("customers", "customer_id | signed_up_at\nA | 2024-07-01", time_zone="America/New_York")
    assert row["signed_up_at"] == datetime(2024, 7, 1, 4)


def test_a_bare_null_of_the_select_is_a_missing_value(engine):
    engine.run(
        "CREATE VIEW v AS SELECT 'E1' AS event_id, 'A' AS customer_id, TIMESTAMP '2024-01-01' AS occurred_at, "
        "'x' AS event_type, NULL AS value, NULL AS user_id, NULL AS known_at"
    )
    (row,) = plain(type_columns(engine.backend.table("v"), CONTRACT["events"], make_source()))
    assert (row["value"], row["user_id"], row["known_at"], row["broken_rule"]) == (None, None, None, None)


@pytest.mark.parametrize("blank", [" ", "\u3000", "\u00a0", "\u200b", "\ufeff", "\t\u200b "])
def test_an_id_of_which_nothing_is_seen_is_missing(engine, blank: str):
    raw = ibis.memtable(pa.table({"customer_id": [blank, f"{blank}A"], "signed_up_at": ["2024-01-01"] * 2}))
    rows = plain(type_columns(raw, CONTRACT["customers"], make_source()), "customer_id")
    assert {(row["customer_id"], row["broken_rule"]) for row in rows} == {
        (None, "null:customer_id"),
        (f"{blank}A", None),
    }


def test_an_id_that_is_a_float_is_refused_before_any_row_is_read(engine):
    raw = ibis.memtable(pa.table({"customer_id": [1.0], "signed_up_at": ["2024-01-01"]}))
    with pytest.raises(DataRefused) as refused:
        type_columns(raw, CONTRACT["customers"], make_source())
    assert (refused.value.code, refused.value.column) == ("float_id", "customer_id")

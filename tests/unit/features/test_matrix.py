from __future__ import annotations

import logging

import pytest

from churn.core.errors import DataRefused
from churn.features.matrix import build_features, join_matrix
from tests.builders import by_key, make_inputs, plain, staged_table, text_table

DAY = "2024-02-01"
EVENTS = """
customer_id | occurred_at | event_type
A           | 2024-01-10  | b
"""


def staged() -> dict:
    return {
        "customers": staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01\nB | 2024-01-01"),
        "events": staged_table("events", EVENTS),
    }


def test_every_snapshot_has_one_row_whatever_its_facts(engine):
    built = build_features(make_inputs(staged(), ["engagement", "profile"], DAY, customers=("A", "B")))
    assert set(by_key(built.table)) == {("A", DAY), ("B", DAY)}


def test_families_come_in_the_order_of_the_settings(engine):
    built = build_features(make_inputs(staged(), ["profile", "engagement"], DAY))
    assert built.catalog.names[0] == "prof_age_days"
    assert built.table.columns[2:] == tuple(built.catalog.names)


def test_families_without_their_table_are_switched_off_and_named(engine, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "churn"):
        built = build_features(make_inputs(staged(), ["support", "profile", "payments"], DAY))
    assert built.switched_off == ("support", "payments")
    assert [name for name in ("support", "payments") if any(name in message for message in caplog.messages)] == [
        "support", "payments",
    ]  # fmt: skip


def test_a_family_few_companies_have_is_named_only_where_its_table_is_there(engine, caplog: pytest.LogCaptureFixture):
    tables = {"events": staged_table("events", EVENTS)}
    with caplog.at_level(logging.INFO, logger="churn.features"):
        built = build_features(make_inputs(tables, ["seats", "obligations", "engagement"], DAY))
        assert built.switched_off == ("seats", "obligations")
        assert [message for message in caplog.messages if "obligations" in message] == []
        tables["obligations"] = staged_table(
            "obligations", "obligation_id | customer_id | opened_at | due_at\nO | A | 2024-01-01 | 2024-01-02"
        )
        build_features(make_inputs(tables, ["obligations", "engagement"], DAY))
    assert [message for message in caplog.messages if "obligations" in message] == [
        "features: the family 'obligations' is switched off, what it needs is not there"
    ]


def test_peers_without_engagement_tables_are_switched_off(engine):
    tables = {"customers": staged()["customers"]}
    assert build_features(make_inputs(tables, ["peers", "profile"], DAY)).switched_off == ("peers",)


def test_no_family_at_all_is_refused(engine):
    with pytest.raises(DataRefused) as refused:
        build_features(make_inputs({"customers": staged()["customers"]}, ["support"], DAY))
    assert refused.value.code == "no_features"


def test_the_matrix_keeps_every_snapshot_and_adds_its_label(engine):
    features = text_table("customer_id | as_of_date | x\nA | d1 | 1\nB | d1 | 2")
    labels = text_table("customer_id | as_of_date | churned\nB | d1 | true")
    assert plain(join_matrix(features, labels), "customer_id") == [
        {"customer_id": "A", "as_of_date": "d1", "x": "1", "churned": None},
        {"customer_id": "B", "as_of_date": "d1", "x": "2", "churned": "true"},
    ]


def test_customers_that_belong_together_share_a_group(engine):
    features = text_table("customer_id | as_of_date | x\nA | d1 | 1\nA | d2 | 2\nB | d1 | 3")
    labels = text_table("customer_id | as_of_date | churned\nA | d1 | true")
    groups = text_table("customer_id | group_id\nA | P")
    rows = plain(join_matrix(features, labels, groups), "customer_id", "as_of_date")
    assert [(row["customer_id"], row["group_id"]) for row in rows] == [("A", "P"), ("A", "P"), ("B", None)]

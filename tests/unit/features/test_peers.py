from __future__ import annotations

from churn.explanation.sentences import write_reason
from churn.features.matrix import build_features
from tests.builders import features_of, make_inputs, make_source, staged_table

DAY = "2024-02-01"
CUSTOMERS = """
customer_id | signed_up_at | product:text
A           | 2023-01-01   | x
B           | 2023-01-01   | x
C           | 2023-01-01   | x
D           | 2023-01-01   | y
E           | 2023-01-01   | y
"""
EVENTS = """
customer_id | occurred_at | event_type
A           | 2024-01-29  | use
A           | 2024-01-30  | use
B           | 2024-01-30  | use
D           | 2024-01-20  | use
E           | 2024-01-30  | use
E           | 2024-01-30  | use
"""


def peers(*as_of: str, segment: bool = True, names="ABCDE"):
    source = make_source(attributes={"product": "segment"} if segment else {})
    staged = {"customers": staged_table("customers", CUSTOMERS), "events": staged_table("events", EVENTS)}
    return features_of(staged, ["peers"], *(as_of or (DAY,)), customers=names, source=source, event_types=["use"])


def ranks(rows, name: str) -> dict[str, float]:
    return {customer: row[name] for (customer, _), row in rows.items()}


def test_a_rank_is_the_share_of_the_segment_that_has_less(engine):
    rows = peers()
    assert ranks(rows, "peer_active_days_rank_7d") == {"A": 100.0, "B": 50.0, "C": 0.0, "D": 0.0, "E": 100.0}
    assert ranks(rows, "peer_events_rank_30d") == {"A": 100.0, "B": 50.0, "C": 0.0, "D": 0.0, "E": 100.0}


def test_ties_share_the_lowest_rank(engine):
    assert ranks(peers(), "peer_active_days_rank_30d") == {"A": 100.0, "B": 50.0, "C": 0.0, "D": 0.0, "E": 0.0}


def test_who_has_no_event_ranks_with_zero_and_the_longest_recency(engine):
    recency = ranks(peers(), "peer_activity_recency_days_rank")
    assert recency == {"A": 0.0, "B": 0.0, "C": 100.0, "D": 100.0, "E": 0.0}


def test_without_segments_all_customers_of_a_date_are_peers(engine):
    assert ranks(peers(segment=False), "peer_events_rank_30d") == {"A": 75.0, "B": 25.0, "C": 0.0, "D": 25.0, "E": 75.0}


def test_each_date_ranks_on_its_own(engine):
    alone, among = peers(DAY), peers("2024-01-25", DAY, "2024-01-30")
    assert {key: row for key, row in among.items() if key[1] == DAY} == alone


def test_a_customer_without_peers_ranks_lowest(engine):
    assert ranks(peers(names="A"), "peer_events_rank_30d") == {"A": 0.0}


def test_peers_alone_do_not_bring_the_engagement_columns(engine):
    assert {name.split("_")[0] for name in peers()["A", DAY]} == {"customer", "as", "peer"}


def test_adoption_is_the_share_of_what_most_peers_use(engine):
    rows = peers()
    assert ranks(rows, "peer_adoption_ratio_30d") == {"A": 1.0, "B": 1.0, "C": 0.0, "D": 1.0, "E": 1.0}


def test_a_rank_is_told_with_the_number_that_is_ranked():
    staged = {"customers": staged_table("customers", CUSTOMERS), "events": staged_table("events", EVENTS)}
    catalog = build_features(
        make_inputs(staged, ["engagement", "peers"], DAY, customers="ABCDE", event_types=["use"])
    ).catalog
    row = {
        "eng_active_days_count_30d": 2.0,
        "peer_active_days_rank_30d": 75.0,
        "eng_events_count_30d": 3.0,
        "peer_events_rank_30d": 0.0,
        "eng_activity_recency_days": 400.0,
        "peer_activity_recency_days_rank": 98.1,
    }
    told = {name: [write_reason(catalog[name], row, {}, language) for language in ("en", "ja")]
            for name in row if name.startswith("peer")}  # fmt: skip
    assert told == {
        "peer_active_days_rank_30d": [
            "Active on 2 days in the last 30 (more than 75% of comparable customers)",
            "直近30日間の利用は2日（同種の顧客の75%を上回る）",
        ],
        "peer_events_rank_30d": [
            "3 actions in the last 30 days (the lowest of comparable customers)",
            "直近30日間の操作は3回（同種の顧客で最小）",
        ],
        "peer_activity_recency_days_rank": [
            "No activity in the last 90 days (more than 98% of comparable customers)",
            "利用：直近90日間なし（同種の顧客の98%を上回る）",
        ],
    }

"""As of 1 February 2024, over the last 30 days."""

from __future__ import annotations

from churn.features.matrix import build_features
from tests.builders import features_of, make_inputs, staged_table

DAY = "2024-02-01"
TICKETS = """
ticket_id | customer_id | opened_at           | text     | known_at   | csat | csat_at
T1        | A           | 2024-01-20 10:00:00 | first    |            | 2    | 2024-01-21
T2        | A           | 2024-01-25 10:00:00 | third    |            | 4    | 2024-02-02
T3        | A           | 2024-02-01 00:00:00 | tomorrow |            |      |
T4        | A           | 2024-01-26 10:00:00 | late     | 2024-02-03 |      |
T5        | A           | 2023-12-01 10:00:00 | old      |            | 1    | 2023-12-02
T6        | B           | 2024-01-20 10:00:00 |          |            | 1    | 2024-01-20
"""
ANSWERS = """
response_id | customer_id | answered_at | survey       | text   | score
R1          | A           | 2024-01-22  | nps          | second | 9
R2          | A           | 2024-01-23  | cancellation | never  | 0
R3          | A           | 2024-01-23  | nps          |        | 1
"""


def texts(*as_of: str):
    staged = {"tickets": staged_table("tickets", TICKETS), "responses": staged_table("responses", ANSWERS)}
    return features_of(staged, ["texts"], *(as_of or (DAY,)), customers="AB")


def test_what_was_known_of_a_customers_writing_newest_first(engine):
    rows = texts(DAY, "2024-02-03")
    assert rows["A", DAY]["text_recent_last"] == "third second first"
    assert rows["A", "2024-02-03"]["text_recent_last"] == "tomorrow late third second first"
    assert rows["B", DAY]["text_recent_last"] is None


def test_a_score_counts_with_its_text_once_it_was_given(engine):
    rows = texts(DAY, "2024-02-03")
    assert [rows["A", d]["text_csat_mean"] for d in (DAY, "2024-02-03")] == [2.0, 3.0]
    assert rows["A", DAY]["text_nps_mean"] == 9.0
    assert rows["B", DAY]["text_csat_mean"] is None, "a score without a text is no tone"


def test_texts_without_scores_have_none(engine):
    staged = {
        "tickets": staged_table("tickets", "ticket_id | customer_id | opened_at | text\nT1 | A | 2024-01-20 | hi")
    }
    assert set(features_of(staged, ["texts"], DAY)["A", DAY]) == {"customer_id", "as_of_date", "text_recent_last"}


def test_without_texts_the_family_is_off_and_named(engine):
    staged = {
        "tickets": staged_table("tickets", "ticket_id | customer_id | opened_at\nT1 | A | 2024-01-20"),
        "customers": staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01"),
    }
    assert build_features(make_inputs(staged, ["texts", "profile"], DAY)).switched_off == ("texts",)

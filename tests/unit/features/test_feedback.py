"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
ANSWERS = """
response_id | customer_id | answered_at      | survey       | score
R1          | A           | 2024-01-30 10:00 | nps          | 4
R2          | A           | 2024-01-10 10:00 | nps          | 8
R3          | A           | 2023-12-10 10:00 | nps          | 10
R4          | A           | 2023-10-10 10:00 | nps          | 0
R5          | A           | 2024-01-20 10:00 | csat         | 3
R6          | A           | 2024-01-31 10:00 | cancellation | 0
R7          | A           | 2024-01-31 10:00 | ces          |
R8          | A           | 2024-02-01 00:00 | nps          | 0
"""


def feedback(*as_of: str, answers: str = ANSWERS, **options):
    return features_of({"responses": staged_table("responses", answers)}, ["feedback"], *(as_of or (DAY,)), **options)


def test_eight_answers_by_hand(engine):
    row = feedback()["A", DAY]
    assert (row["fb_nps_last"], row["fb_nps_prior"], row["fb_nps_trend"]) == (4.0, 9.0, -5.0)
    assert (row["fb_csat_last"], row["fb_csat_prior"], row["fb_csat_trend"]) == (3.0, None, None)
    assert (row["fb_nps_recency_days"], row["fb_csat_recency_days"], row["fb_ces_recency_days"]) == (2.0, 12.0, 90.0)
    assert (row["fb_answers_count_7d"], row["fb_answers_count_30d"]) == (1.0, 3.0)


def test_an_answer_at_the_instant_counts_a_day_later(engine):
    rows = feedback(DAY, "2024-02-02")
    assert [rows["A", day]["fb_nps_last"] for day in (DAY, "2024-02-02")] == [4.0, 0.0]


def test_the_reason_given_on_leaving_is_never_read(engine):
    only = "\n".join(line for line in ANSWERS.splitlines() if "cancellation" in line or "survey" in line)
    row = feedback(answers=only)["A", DAY]
    assert {v for n, v in row.items() if n.startswith("fb_") and not n.endswith("recency_days")} == {0.0, None}


def test_without_scores_the_family_is_off(engine):
    answers = "response_id | customer_id | answered_at | survey\nR1 | A | 2024-01-30 | nps"
    staged = {"responses": staged_table("responses", answers), "customers": customers()}
    row = features_of(staged, ["feedback", "profile"], DAY)["A", DAY]
    assert set(row) == {"customer_id", "as_of_date", "prof_age_days"}


def customers():
    return staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01")

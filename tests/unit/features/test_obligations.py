"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
DUTIES = """
obligation_id | customer_id | opened_at  | due_at           | met_at           | weight | score
O1            | A           | 2024-01-01 | 2024-01-10       | 2024-01-05 12:00 | 10     | 80
O2            | A           | 2024-01-01 | 2024-01-20       | 2024-01-25 12:00 | 20     | 40
O3            | A           | 2024-01-01 | 2024-01-29       |                  | 30     |
O4            | A           | 2024-01-01 | 2024-02-05       | 2024-01-30 12:00 | 5      | 60
O5            | A           | 2024-01-01 | 2024-02-20       | 2024-02-03 12:00 | 5      | 99
O6            | A           | 2024-02-01 | 2024-02-02       |                  | 99     |
"""


def obligations(*as_of: str, duties: str = DUTIES, **options):
    staged = {"obligations": staged_table("obligations", duties)}
    return features_of(staged, ["obligations"], *(as_of or (DAY,)), **options)


def test_six_obligations_by_hand(engine):
    row = obligations()["A", DAY]
    assert (row["obl_due_count_7d"], row["obl_due_count_30d"]) == (1.0, 3.0)
    assert (row["obl_missed_count_7d"], row["obl_missed_count_30d"]) == (1.0, 2.0)  # O3 not met, O2 too late
    assert (row["obl_met_count_7d"], row["obl_met_count_30d"]) == (2.0, 3.0)
    assert (row["obl_coming_count_7d"], row["obl_coming_count_30d"]) == (1.0, 2.0)
    assert (row["obl_coming_open_count_7d"], row["obl_coming_open_count_30d"]) == (0.0, 1.0)  # O4 is met already
    assert (row["obl_overdue_count"], row["obl_overdue_age_days"], row["obl_overdue_weight_sum"]) == (1.0, 3.0, 30.0)
    assert row["obl_missed_ratio"] == 2 / 3
    assert (row["obl_due_recency_days"], row["obl_met_recency_days"], row["obl_to_next_days"]) == (3.0, 2.0, 4.0)
    assert (row["obl_lead_days_mean"], row["obl_lead_days_last"]) == ((5 - 5 + 6) / 3, 6.0)
    assert (row["obl_score_mean"], row["obl_score_last"]) == (60.0, 60.0)


def test_what_is_due_at_the_instant_is_overdue_and_what_is_met_at_that_instant_was_late(engine):
    duties = """
obligation_id | customer_id | opened_at  | due_at     | met_at
O1            | A           | 2024-01-01 | 2024-02-01 |
O2            | B           | 2024-01-01 | 2024-01-31 | 2024-01-31
O3            | C           | 2024-01-01 | 2024-02-01 | 2024-02-01
"""
    rows = obligations(duties=duties, customers="ABC")
    assert [rows[c, DAY]["obl_overdue_count"] for c in "ABC"] == [1.0, 0.0, 1.0]  # met at the instant: known tomorrow
    assert [rows[c, DAY]["obl_missed_count_7d"] for c in "ABC"] == [1.0, 1.0, 1.0]
    assert rows["A", DAY]["obl_overdue_age_days"] == 0.0


def test_a_score_is_known_with_the_meeting_and_not_before(engine):
    duties = "obligation_id|customer_id|opened_at|due_at|met_at|score\nO|A|2024-01-01|2024-03-01|2024-02-01|70"
    rows = obligations(DAY, "2024-02-02", duties=duties)
    assert [rows["A", day]["obl_score_last"] for day in (DAY, "2024-02-02")] == [None, 70.0]


def test_what_was_never_met_stays_in_sight_and_what_was_settled_long_ago_does_not(engine):
    duties = """
obligation_id | customer_id | opened_at  | due_at     | met_at
O1            | A           | 2023-01-01 | 2023-02-01 |
O2            | B           | 2023-01-01 | 2023-02-01 | 2023-01-15
"""
    rows = obligations(duties=duties, customers="AB")
    assert [rows[c, DAY]["obl_overdue_count"] for c in "AB"] == [1.0, 0.0]
    assert (rows["A", DAY]["obl_overdue_age_days"], rows["A", DAY]["obl_due_recency_days"]) == (365.0, 90.0)
    assert rows["B", DAY]["obl_missed_ratio"] is None


def test_without_weights_and_scores_the_rest_is_built(engine):
    duties = "obligation_id | customer_id | opened_at | due_at | met_at\nO1 | A | 2024-01-01 | 2024-01-10 | 2024-01-05"
    names = set(obligations(duties=duties)["A", DAY])
    assert "obl_overdue_count" in names
    assert not {n for n in names if "weight" in n or "score" in n}

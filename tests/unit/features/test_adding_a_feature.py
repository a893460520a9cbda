"""A feature of one's own is one function and one entry of the catalogue."""

from __future__ import annotations

from churn.features.family import facts_as_of, is_within
from churn.features.matrix import FAMILIES, Family
from churn.features.measures import Measure, aggregate_measures
from churn.features.words import describe, read_words
from tests.builders import features_of, staged_table

ENTRY = {
    "unit": "currency", "cause": "pricing", "topic": "largest", "en": "largest payment in the last {n} days",
    "ja": "直近{n}日間の最大の支払い", "reason_en": "Paid {value} at once", "reason_ja": "一度に{value}を支払い",
}  # fmt: skip


def build_largest(inputs):
    rows = facts_as_of(inputs, "payments", ["attempted_at"])
    words = describe("payments", "pay_largest_max", days=30)
    return aggregate_measures(rows, [Measure(words, lambda t: t.amount.max(where=is_within(t, "attempted_at", 30)))])


def test_a_new_feature_is_built_as_known_on_the_date(engine, monkeypatch):
    monkeypatch.setitem(read_words()["payments"], "pay_largest_max", ENTRY)
    monkeypatch.setitem(FAMILIES, "payments", Family(("payments",), build_largest))
    head = "payment_id | customer_id | attempted_at | amount | status\n"
    rows = "P1 | A | 2024-01-10 | 30 | succeeded\nP2 | A | 2024-01-20 | 50 | failed\nP3 | A | 2024-02-01 | 90 | failed"
    found = features_of({"payments": staged_table("payments", head + rows)}, ["payments"], "2024-02-01", "2024-02-02")
    assert [found["A", f"2024-02-0{n}"]["pay_largest_max_30d"] for n in (1, 2)] == [50.0, 90.0]

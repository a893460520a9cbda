from __future__ import annotations

import ibis

from churn.features.family import days_since_last, join_beside
from churn.features.measures import computable
from tests.builders import by_key, days

(DAY,) = days("2024-03-01")
KEYS = {"customer_id": "string", "as_of_date": "date"}


def test_what_lacks_a_column_is_not_computed() -> None:
    values = {"always": (set(), len), "with text": ({"text"}, len), "with both": ({"text", "score"}, len)}
    assert list(computable(("text", "other"), values)) == ["always", "with text"]


def test_the_days_since_the_last_end_at_the_reach(engine) -> None:
    at = {"A": ("2024-02-20", "2024-02-28"), "B": ("2023-01-01",), "C": (None,)}
    facts = [{"customer_id": c, "as_of_date": DAY, "at": t} for c, times in at.items() for t in times]
    rows = ibis.memtable(facts, schema=KEYS | {"at": "string"}).mutate(at=ibis._["at"].cast("timestamp(6)"))
    since = rows.group_by(*KEYS).agg(
        last=days_since_last(rows, "at", 90), early=days_since_last(rows, "at", 90, rows["at"].day() < 28)
    )
    found = {customer: (row["last"], row["early"]) for (customer, _), row in by_key(since).items()}
    assert found == {"A": (2, 10), "B": (90, 90), "C": (90, 90)}


def test_what_stands_beside_adds_columns_and_neither_rows_nor_keys(engine) -> None:
    rows = ibis.memtable([{"customer_id": c, "as_of_date": DAY} for c in "AB"], schema=KEYS)
    other = ibis.memtable([{"customer_id": c, "as_of_date": DAY, "x": 1} for c in "BC"], schema=KEYS | {"x": "int64"})
    found = by_key(join_beside(rows, other))
    assert {customer: row["x"] for (customer, _), row in found.items()} == {"A": None, "B": 1}
    assert set(next(iter(found.values()))) == {*KEYS, "x"}

from __future__ import annotations

import ibis

from churn.features.flat import describe_flat, flat_labels
from tests.builders import make_source, plain

SCHEMA = {"customer_id": "string", "as_of_date": "date", "plan": "string", "seats": "float64", "churned": "float64"}
ROWS = [
    {"customer_id": name, "as_of_date": None, "plan": "x", "seats": 1.0, "churned": churned}
    for name, churned in (("A", 1.0), ("B", 0.0), ("C", None))
]
SOURCE = make_source(
    kind="flat",
    tables={"matrix": "x"},
    attributes={"plan": "category", "seats": "number", "gender": "protected", "gone": "number"},
)


def test_features_keep_their_own_names_and_only_listed_ones_count(engine):
    catalog = describe_flat(SOURCE, ibis.memtable(ROWS, schema=SCHEMA))
    assert catalog.names == ["plan", "seats"]
    assert catalog.categories == ["plan"]
    assert catalog["seats"].reason_en == "Seats: {value} (typical: {typical})"


def test_a_missing_outcome_is_not_known_yet(engine):
    rows = plain(flat_labels(ibis.memtable(ROWS, schema=SCHEMA)), "customer_id")
    assert [(r["churned"], r["is_label_complete"], r["left_out_because"]) for r in rows] == [
        (True, True, None), (False, True, None), (None, False, "not_complete"),
    ]  # fmt: skip


def test_a_table_without_outcomes_can_be_scored(engine):
    rows = plain(flat_labels(ibis.memtable(ROWS, schema=SCHEMA).drop("churned")))
    assert {row["churned"] for row in rows} == {None}

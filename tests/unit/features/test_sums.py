from __future__ import annotations

import ibis

from churn.features.sums import exact_value, merge_sums, sum_facts
from tests.builders import plain

FACTS = [
    {"customer_id": "A", "place": 0, "event_type": "in", "value": 0.1, "day_number": 3, "day_bit": 1},
    {"customer_id": "A", "place": 0, "event_type": "in", "value": 0.2, "day_number": 3, "day_bit": 1},
    {"customer_id": "A", "place": 1, "event_type": "out", "value": None, "day_number": 5, "day_bit": 4},
    {"customer_id": "A", "place": 1, "event_type": "other", "value": 8.0, "day_number": 7, "day_bit": 16},
    {"customer_id": "B", "place": 1, "event_type": "in", "value": None, "day_number": 2, "day_bit": 2},
]
SCHEMA = {
    "customer_id": "string",
    "place": "int32",
    "event_type": "string",
    "value": "float64",
    "day_number": "int32",
    "day_bit": "int64",
}


def summed(*keys: str):
    facts = ibis.memtable(FACTS, schema=SCHEMA).mutate(value=lambda t: exact_value(t["value"]))
    return sum_facts(facts, keys, ["in", "out"], ["in"])


def test_each_type_is_summed_on_its_own_and_all_of_them_together(engine):
    first, second = plain(summed("customer_id"), "customer_id")
    assert (first["events"], first["n0"], first["n1"]) == (4, 2, 1)
    assert (first["last"], first["last0"], first["last1"], first["day_bits"]) == (7, 3, 5, 0b10101)
    assert abs(first["v0"] - 0.3) < 1e-6 and "v1" not in first
    assert (second["events"], second["v0"], second["last1"]) == (1, 0.0, 0)


def test_sums_of_sums_are_the_sums_of_the_facts(engine):
    merged = merge_sums(summed("customer_id", "place"), ["customer_id"])
    assert plain(merged.select(summed("customer_id").columns), "customer_id") == plain(
        summed("customer_id"), "customer_id"
    )


def test_values_on_the_grid_add_up_the_same_in_any_order(engine):
    values = [0.1 * 3**power for power in range(18)]
    rows = ibis.memtable([{"value": value} for value in values], schema={"value": "float64"})
    exact = exact_value(rows["value"]).to_pyarrow().to_pylist()
    assert sum(exact) == sum(exact[::-1])
    assert max(abs(a - b) for a, b in zip(exact, values, strict=True)) < 1e-6

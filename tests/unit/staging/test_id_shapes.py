from __future__ import annotations

import ibis
import pytest

from churn.staging.id_shapes import explain_strangers, find_alike
from tests.builders import text_table


def ids(*values: str):
    return text_table("customer_id | row\n" + "\n".join(f"{value} | {n}" for n, value in enumerate(values)))


def spaced(table):
    return table.mutate(customer_id=table.customer_id + "  ")


@pytest.mark.parametrize(
    ("strangers", "customers", "words"),
    [
        (("7.0", "12.00"), ("7", "12"), "a decimal point"),
        (("7", "12"), ("0007", "0012"), "leading zeros"),
        (("0007", "0012"), ("7", "12"), "leading zeros"),
        (("ab-1", "ab-2"), ("AB-1", "AB-2"), "capital and small letters"),
        (("\ufeffA1", "A2\u200b"), ("A1", "A2"), "signs that nobody sees"),
        (("Jose\u0301", "Zoe\u0308"), ("Jos\u00e9", "Zo\u00eb"), "how Unicode writes accents or wide signs"),
        (("\uff11\uff12",), ("12",), "how Unicode writes accents or wide signs"),
    ],
)
def test_ids_written_otherwise_are_recognised(engine, strangers, customers, words: str):
    hint = explain_strangers(ids(*strangers), ids(*customers))
    assert hint is not None and f"but for {words}" in hint and "AS customer_id" in hint


def test_spaces_are_recognised(engine):
    hint = explain_strangers(spaced(ids("A", "B")), ids("A", "B"))
    assert hint is not None and "trim(customer_id)" in hint


def test_a_minority_that_happens_to_fit_explains_nothing(engine):
    assert explain_strangers(ids("7.0", "X", "Y", "Z"), ids("7")) is None


def test_each_stranger_counts_once(engine):
    assert explain_strangers(ids("7.0", "7.0", "7.0", "X", "Y"), ids("7")) is None


def test_real_strangers_get_no_hint(engine):
    assert explain_strangers(ids("X", "Y"), ids("A", "B")) is None


def test_customers_who_may_be_one_are_found_in_pairs_whatever_their_versions(engine):
    rows = [{"customer_id": name} for name in ("C1", "C1 ", "c2", "C2", "C2", "C3", "C3")]
    table = ibis.memtable(rows, schema={"customer_id": "string"})
    assert find_alike(table) == [("C1", "C1 "), ("C2", "c2")]


@pytest.mark.parametrize("other", ["\uff23\uff11", "C\u200b1", "\ufeffC1", "c\u00ad1"])
def test_customers_who_look_the_same_are_found_whatever_the_bytes_of_their_ids(engine, other: str):
    assert find_alike(ids("C1", "C2", other)) == [tuple(sorted(["C1", other]))]


def test_accents_put_together_or_apart_are_the_same(engine):
    assert find_alike(ids("Jos\u00e9", "Jose\u0301", "Jose")) == [("Jose\u0301", "Jos\u00e9")]

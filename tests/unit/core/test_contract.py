from __future__ import annotations

import pytest

from churn.core.contract import CAUSES, CONTRACT, TableContract

TABLES = list(CONTRACT.values())
IDS = [table.name for table in TABLES]


def test_the_ten_tables_of_the_contract_are_there():
    assert set(CONTRACT) == {
        "customers", "subscriptions", "events", "tickets", "payments", "messages", "responses", "incidents",
        "interventions", "obligations",
    }  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=IDS)
def test_a_table_is_consistent_with_itself(table: TableContract):
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert table.column(table.time).kind == "time" and table.column(table.time).required
    assert {name for pair in table.intervals for name in pair} <= set(table.times)
    assert table.has_customer == ("customer_id" in names)


@pytest.mark.parametrize("table", TABLES, ids=IDS)
def test_only_facts_can_become_known_late(table: TableContract):
    names = [column.name for column in table.columns]
    assert ("known_at" in names) == table.is_fact
    assert "known_at" not in table.times


def test_every_customer_table_requires_the_customer():
    assert all(t.column("customer_id").required for t in TABLES if t.has_customer)


def test_the_contract_cannot_be_changed_in_passing():
    with pytest.raises(TypeError):
        CONTRACT["more"] = CONTRACT["events"]  # type: ignore[index]


def test_causes_are_unique_and_end_with_unexplained():
    assert len(set(CAUSES)) == len(CAUSES)
    assert CAUSES[-1] == "unexplained"

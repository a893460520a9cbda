from __future__ import annotations

from dataclasses import replace

from churn.features.groups import CustomerRange, customer_groups
from churn.features.matrix import build_features
from tests.builders import by_key, make_inputs, plain, staged_table

CUSTOMERS = [f"C{number}" for number in range(7)]
DATES = ("2024-02-01", "2024-03-02")
EVENTS = "customer_id | occurred_at | event_type | value\n" + "\n".join(
    f"C{number} | 2024-01-{10 + number} 08:00:00 | in | {number}.1" for number in range(7)
)


def inputs(engine, rows_per_group=None):
    made = make_inputs(
        {"events": staged_table("events", EVENTS)},
        ["engagement", "peers"],
        *DATES,
        customers=CUSTOMERS,
        event_types=["in"],
        value_types=["in"],
    )
    return replace(made, rows_per_group=rows_per_group)


def test_groups_follow_each_other_without_gaps(engine):
    groups = customer_groups(inputs(engine).snapshots, 5)
    assert groups[0].first is None and groups[-1].until is None
    assert [g.until for g in groups[:-1]] == [g.first for g in groups[1:]]


def test_every_customer_is_in_one_group_of_about_the_wanted_size(engine):
    made = inputs(engine)
    found = [plain(group.of(made.snapshots)) for group in customer_groups(made.snapshots, 5)]
    assert sorted(row["customer_id"] for rows in found for row in rows) == sorted(CUSTOMERS * 2)
    assert max(map(len, found)) <= 6


def test_a_table_without_customers_is_the_same_for_every_group(engine):
    incidents = staged_table("incidents", [{"incident_id": "I", "started_at": None, "kind": "outage"}])
    assert CustomerRange("C1", "C2").of(incidents).equals(incidents)


def test_features_built_in_groups_are_those_built_at_once(engine):
    at_once, in_groups = inputs(engine), inputs(engine, rows_per_group=3)
    assert by_key(build_features(in_groups).table) == by_key(build_features(at_once).table)

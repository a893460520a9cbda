from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import ibis

from churn.auditing.future import STRANGERS, with_invented_future
from churn.auditing.known import as_known
from tests.builders import plain, staged_table
from tests.unit.auditing.test_known import CUSTOMERS, EVENTS, SUBSCRIPTIONS, TICKETS

DAY, INSTANT = date(2024, 3, 1), datetime(2024, 3, 1)
TABLES = {"customers": CUSTOMERS, "events": EVENTS, "tickets": TICKETS, "subscriptions": SUBSCRIPTIONS}


def invented(**changes: str):
    staged = {name: staged_table(name, text) for name, text in (TABLES | changes).items()}
    whom = ibis.memtable([{"customer_id": "A"}], schema={"customer_id": "string"})
    return staged, with_invented_future(staged, whom, DAY, ["in", "just"])


def test_whatever_is_invented_was_invisible_at_the_instant(engine):
    staged, future = invented()
    before, after = as_known(staged, DAY), as_known(future, DAY)
    for name in staged:
        count = [Counter(tuple(sorted(row.items(), key=str)) for row in plain(t[name])) for t in (before, after)]
        assert count[0] == count[1], name


def test_new_events_lie_on_the_edge_after_it_or_are_known_late(engine):
    _, future = invented()
    new = [row for row in plain(future["events"]) if row["customer_id"] == "A"][4:]
    delayed = {row["occurred_at"] < INSTANT for row in new if row["known_delay_us"] > 0}
    assert delayed == {True}
    assert INSTANT in {row["occurred_at"] for row in new}
    assert {row["event_type"] for row in new} == {"in", "just", "invented_type"}


def test_known_facts_get_another_outcome(engine):
    _, future = invented()
    tickets = {row["ticket_id"]: row for row in plain(future["tickets"])}
    assert tickets["T1"]["resolved_at"] == datetime(2024, 3, 2, 12) and tickets["T1"]["csat"] == 100.0
    ends = {row["subscription_id"]: row for row in plain(future["subscriptions"])}
    assert ends["S1"]["ended_at"] == datetime(2024, 3, 2, 12) and ends["S1"]["end_reason"] == "switched"
    assert ends["S2"]["ended_at"] == datetime(2024, 2, 1)


def test_customers_get_later_versions_and_strangers_sign_up(engine):
    _, future = invented()
    rows = plain(future["customers"])
    assert sum(row["customer_id"].startswith("invented-") for row in rows) == STRANGERS
    assert [r["valid_from"] for r in rows if r["customer_id"] == "A" and r["country"] == "invented"] == [
        INSTANT, datetime(2024, 3, 11),
    ]  # fmt: skip


def test_a_company_without_versions_gets_none(engine):
    _, future = invented(customers="customer_id | signed_up_at | seats:number\nA | 2024-01-01 | 5")
    assert [row["seats"] for row in plain(future["customers"]) if row["customer_id"] == "A"] == [5.0]

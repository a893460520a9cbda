from __future__ import annotations

from datetime import date

from churn.auditing.known import as_known
from tests.builders import plain, staged_table

DAY = date(2024, 3, 1)
CUSTOMERS = """
customer_id | signed_up_at     | valid_from       | country:text
A           | 2024-01-01       |                  | DE
A           | 2024-01-01       | 2024-02-29 23:59 | FR
A           | 2024-01-01       | 2024-03-01 00:00 | ES
B           | 2024-03-01 00:00 |                  | JP
C           | 2024-03-05       |                  | US
"""
EVENTS = """
customer_id | occurred_at      | event_type | known_at
A           | 2024-02-29 23:59 | in         |
A           | 2024-03-01 00:00 | in         |
A           | 2024-02-20       | late       | 2024-03-01 00:00:00.000001
A           | 2024-02-20       | just       | 2024-03-01 00:00
C           | 2024-02-20       | early      |
"""
TICKETS = """
ticket_id | customer_id | opened_at  | resolved_at      | csat | csat_at
T1        | A           | 2024-02-01 | 2024-03-01 00:00 | 5    | 2024-03-02
T2        | A           | 2024-02-01 | 2024-02-02       | 1    | 2024-02-29 23:59
T3        | A           | 2024-03-01 |                  |      |
"""
SUBSCRIPTIONS = """
subscription_id | customer_id | started_at | ended_at   | end_reason | trial_ends_at | cancel_requested_at
S1              | A           | 2024-01-01 | 2024-03-01 | voluntary  | 2024-03-10    | 2024-02-28
S2              | A           | 2024-01-01 | 2024-02-01 | switched   |               |
"""


def known(**tables: str):
    staged = {name: staged_table(name, text) for name, text in {"customers": CUSTOMERS, **tables}.items()}
    return {name: plain(table) for name, table in as_known(staged, DAY).items()}


def test_a_fact_is_there_when_it_had_happened_before_the_instant_and_was_known_by_it(engine):
    rows = known(events=EVENTS)["events"]
    assert sorted(row["event_type"] for row in rows) == ["early", "in", "just"]


def test_versions_to_come_are_gone_and_so_are_strangers(engine):
    rows = known(events=EVENTS)["customers"]
    assert sorted((row["customer_id"], row["country"]) for row in rows) == [("A", "DE"), ("A", "FR"), ("C", "US")]


def test_each_timestamp_of_a_ticket_is_a_fact_of_its_own_with_what_it_brings(engine):
    rows = {row["ticket_id"]: row for row in known(tickets=TICKETS)["tickets"]}
    assert set(rows) == {"T1", "T2"}
    assert (rows["T1"]["resolved_at"], rows["T1"]["csat_at"], rows["T1"]["csat"]) == (None, None, None)
    assert rows["T2"]["csat"] == 1.0 and rows["T2"]["resolved_at"] is not None


def test_a_score_without_a_time_of_its_own_comes_with_the_resolution(engine):
    text = "\n".join(line.rpartition("|")[0] for line in TICKETS.strip().splitlines())
    rows = {row["ticket_id"]: row for row in known(tickets=text)["tickets"]}
    assert (rows["T1"]["csat"], rows["T2"]["csat"]) == (None, 1.0)


def test_an_end_to_come_is_masked_with_its_reason_but_a_planned_end_of_trial_is_not(engine):
    rows = {row["subscription_id"]: row for row in known(subscriptions=SUBSCRIPTIONS)["subscriptions"]}
    assert (rows["S1"]["ended_at"], rows["S1"]["end_reason"]) == (None, None)
    assert rows["S1"]["trial_ends_at"] is not None and rows["S1"]["cancel_requested_at"] is not None
    assert rows["S2"]["end_reason"] == "switched"


def test_an_announced_change_is_known_before_it_begins(engine):
    incidents = """
incident_id | started_at | ended_at   | kind         | announced_at
I1          | 2024-04-01 |            | price_change | 2024-02-01
I2          | 2024-04-01 |            | price_change | 2024-03-01
I3          | 2024-02-01 | 2024-03-02 | outage       |
"""
    rows = {row["incident_id"]: row for row in known(events=EVENTS, incidents=incidents)["incidents"]}
    assert set(rows) == {"I1", "I3"}
    assert rows["I3"]["ended_at"] is None

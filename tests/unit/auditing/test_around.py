from __future__ import annotations

from datetime import date

import pytest

from churn.auditing.around import count_around
from churn.integrations.engine import Engine

AS_OF = date(2024, 3, 1)


def test_facts_are_counted_on_either_side_and_by_their_kind(engine: Engine) -> None:
    rows = [
        ("A", "2024-02-29 23:59", "login", 2),
        ("A", "2024-03-01 00:00", "login", 4),
        ("A", "2024-03-05", "view", 6),
    ]
    values = ", ".join(f"('{who}', TIMESTAMP '{at}', '{kind}', {value})" for who, at, kind, value in rows)
    events = engine.define(
        "events_given", f"SELECT * FROM (VALUES {values}) t(customer_id, occurred_at, event_type, value)"
    )
    customers = engine.define("customers_given", "SELECT unnest(['A', 'B']) AS customer_id")
    found = count_around({"events": events}, customers, AS_OF).to_pyarrow().to_pandas().set_index("customer_id")
    told = found.loc["A"]
    assert (told["past_events"], told["future_events"], told["future_events_days"]) == (1, 2, 4)
    assert (told["past_events_is_0"], told["future_events_is_0"], told["future_events_is_1"]) == (1, 1, 1)
    assert told["future_events_value_mean"] == pytest.approx(5.0)
    assert (found.loc["B"] == 0).all(), "nothing of whom nothing is on record"

from __future__ import annotations

from collections.abc import Iterator

import pytest

from churn.auditing.input_cuts import Arrival, find_arrivals
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from tests.builders import ENGINE


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(ENGINE) as opened:
        yield opened


def arrivals(engine: Engine, value: str, rows: int = 200) -> list[Arrival]:
    """Return what arrives with `t`, which every second row has, when a value is computed from the row's number."""
    time = "CASE WHEN i % 2 = 0 THEN DATE '2024-01-01' + i::INT END"
    return find_arrivals(engine, f"(SELECT {time} AS t, {value} AS v FROM range({rows}) r(i))", ["t"])


def test_a_value_never_there_without_the_time_arrives_with_it(engine: Engine) -> None:
    assert arrivals(engine, "CASE WHEN i % 2 = 0 THEN i END") == [Arrival("v", "t", None)]
    assert arrivals(engine, "CASE WHEN i % 4 = 0 THEN 'price' END") == [Arrival("v", "t", None)]


def test_a_status_that_is_always_or_never_with_the_time_was_the_other_before(engine: Engine) -> None:
    assert arrivals(engine, "CASE WHEN i % 2 = 0 THEN 'closed' WHEN i % 3 = 0 THEN 'new' ELSE 'open' END") == [
        Arrival("v", "t", "open")
    ]


def test_values_that_are_there_both_ways_are_known_before(engine: Engine) -> None:
    assert arrivals(engine, "i % 3") == []
    assert arrivals(engine, "CASE WHEN i = 7 OR i % 2 = 0 THEN 'late' END") == []
    assert arrivals(engine, "'id' || i") == []


def test_what_few_rows_show_may_be_chance(engine: Engine) -> None:
    assert arrivals(engine, "CASE WHEN i % 2 = 0 AND i < 20 THEN 'old' END") == []
    assert arrivals(engine, "CASE WHEN i % 2 = 0 THEN 1 END", rows=20) == []


def test_values_of_the_contract_arrive_with_their_times_even_where_every_row_has_both(engine: Engine) -> None:
    rows = "(SELECT DATE '2024-01-01' AS outcome_at, 'kept' AS outcome, 'call' AS action FROM range(5))"
    assert find_arrivals(engine, rows, ["outcome_at"]) == [Arrival("outcome", "outcome_at", None)]

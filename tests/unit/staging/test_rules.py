from __future__ import annotations

import pytest

from churn.core.contract import CONTRACT
from churn.core.errors import DataRefused
from churn.staging.rules import RULES, count_marks, example_ids, refuse_broken
from tests.builders import make_source, text_table

ROWS = """
event_id | customer_id | broken_rule         | noted                   | broken_value
E1       | A           |                     |                         |
E2       | A           |                     | clock_moved:occurred_at |
E3       |             | null:customer_id    |                         |
E4       | B           | orphan:customer_id  | clock_moved:occurred_at | B
E5       | C           | orphan:customer_id  |                         | C
"""


def refuse(broken: dict[str, int], total: int, **source) -> None:
    found = {key: (count, text_table(ROWS)) for key, count in broken.items()}
    refuse_broken(found, total, CONTRACT["events"], make_source(**source))


def test_rows_are_counted_by_rule_and_good_ones_by_note(engine):
    assert count_marks(text_table(ROWS)) == (
        5,
        {"null:customer_id": 1, "orphan:customer_id": 2},
        {"clock_moved:occurred_at": 1},
    )


@pytest.mark.parametrize(
    ("count", "total", "is_refused"), [(1, 100, False), (2, 200, False), (2, 199, True), (3, 200, True)]
)
def test_a_share_is_refused_only_above_its_limit(engine, count: int, total: int, is_refused: bool):
    if is_refused:
        with pytest.raises(DataRefused, match=r"max_orphan_share \(now 0.01\)"):
            refuse({"orphan:customer_id": count}, total)
    else:
        refuse({"orphan:customer_id": count}, total)


def test_an_example_shows_the_value_that_stood_there(engine):
    with pytest.raises(DataRefused) as refused:
        refuse({"orphan:customer_id": 2}, 2)
    assert refused.value.examples == ("E4: 'B'", "E5: 'C'")


def test_a_rule_without_a_share_tolerates_nothing(engine):
    with pytest.raises(DataRefused) as refused:
        refuse({"not_a_time:occurred_at": 1}, 10**9)
    assert refused.value.code == "not_a_time"


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_say_itself_in_full(engine, name: str):
    with pytest.raises(DataRefused) as refused:
        refuse({f"{name}:value": 5}, 5)
    assert refused.value.code == name
    assert "{" not in str(refused.value) and "None" not in str(refused.value)


def test_examples_are_the_keys_sorted_and_at_most_five(engine):
    rows = text_table("event_id | customer_id\n" + "\n".join(f"E{i} | A" for i in range(9, 0, -1)))
    assert example_ids(rows, CONTRACT["events"]) == ["E1", "E2", "E3", "E4", "E5"]


def test_without_a_key_examples_are_customers(engine):
    assert example_ids(text_table("customer_id | event_type\nB | x\nA | x\nB | x"), CONTRACT["events"]) == ["A", "B"]
    assert example_ids(text_table("event_id | customer_id\n | B"), CONTRACT["events"]) == ["B"]
    assert example_ids(text_table("event_type\nx"), CONTRACT["events"]) == []

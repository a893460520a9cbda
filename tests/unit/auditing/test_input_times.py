from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from churn.auditing.input_times import find_times
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from tests.builders import ENGINE


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(ENGINE) as opened:
        yield opened


MARCH = date(2024, 3, 1)


def come(engine: Engine, values: str, select: str = "", zone: str = "UTC", as_of: date = MARCH) -> list[bool] | None:
    """Return which of the values of a column `t` lie before a date, or None where it holds no times."""
    relation = f"(SELECT * FROM (VALUES {values}) v(t))"
    found = find_times(engine, relation, [select]).get("t")
    if found is None:
        return None
    return [row[0] for row in engine.run(f"SELECT {found.has_come(zone, as_of)} FROM {relation}")]


@pytest.mark.parametrize(
    ("values", "select"),
    [
        ("(DATE '2024-02-29'), (DATE '2024-03-01'), (NULL)", ""),
        ("('2024-02-29'), ('2024-03-01T00:00'), (NULL)", ""),
        ("('29.02.2024'), ('01.03.2024'), ('')", "SELECT strptime(t, '%d.%m.%Y') FROM x"),
        ("('2024/02/29'), ('2024/03/01'), (NULL)", "SELECT try_strptime(x.t, '%Y/%m/%d') FROM x"),
        ("(20240229), (20240301), (NULL)", "SELECT strptime(t::VARCHAR, '%Y%m%d') FROM x"),
        ("(1709251199000), (1709251200000), (NULL)", "SELECT epoch_ms(t) FROM x"),
        ("(1709251199000), (1709251200000), (NULL)", "SELECT epoch_ms(min(x.t)) FROM x"),
        ("('1709251199'), ('1709251200'), (NULL)", "SELECT to_timestamp(CAST(x.t AS BIGINT)) FROM x"),
    ],
)
def test_times_are_read_as_the_selects_read_them(engine: Engine, values: str, select: str) -> None:
    assert come(engine, values, select) == [True, False, False]


@pytest.mark.parametrize(
    ("values", "written"), [("('202402'), ('202403')", "%Y%m"), ("('Feb 2024'), ('Mar 2024')", "%b %Y")]
)
def test_a_month_without_a_day_has_come_when_it_is_over(engine: Engine, values: str, written: str) -> None:
    select = f"SELECT strptime(t, '{written}') FROM x"
    assert come(engine, values, select, as_of=date(2024, 2, 29)) == [False, False]
    assert come(engine, values, select, as_of=date(2024, 3, 1)) == [True, False]
    assert come(engine, values, select, as_of=date(2024, 3, 31)) == [True, False]


def test_numbers_and_text_that_no_select_reads_as_times_are_none(engine: Engine) -> None:
    assert come(engine, "(1709251199), (1709251200)", "SELECT t FROM x") is None
    assert come(engine, "('29.02.2024'), ('new')", "SELECT strptime(t, '%d.%m.%Y') FROM x") is None
    assert come(engine, "(NULL), (NULL)", "SELECT strptime(t, '%Y') FROM x") is None


def test_local_times_are_compared_in_their_zone_and_offsets_are_taken_at_their_word(engine: Engine) -> None:
    local = "(TIMESTAMP '2024-03-01 08:59:00'), (TIMESTAMP '2024-03-01 09:00:00')"
    assert come(engine, local, zone="Asia/Tokyo") == [True, False]
    mixed = "('2024-03-01 08:59'), ('2024-03-01T08:59:00+09:00'), ('2024-03-01T00:00:00Z')"
    assert come(engine, mixed, zone="Asia/Tokyo") == [True, True, False]

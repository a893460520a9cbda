from __future__ import annotations

import pytest

from churn.core.errors import DataRefused
from churn.integrations.selects import one_select, refuse_assumed_zone


@pytest.fixture(autouse=True)
def _an_input(engine):
    engine.run("CREATE VIEW visits AS SELECT 1 AS id, DATE '2024-01-01' AS current_date")
    engine.run("CREATE VIEW plans AS SELECT 1 AS id")


def refuse(engine, select: str) -> DataRefused:
    with pytest.raises(DataRefused) as refused:
        one_select(engine, "events", select)
    assert refused.value.table == "events"
    return refused.value


@pytest.mark.parametrize(
    "select",
    [
        "SELECT * FROM visits",
        " FROM visits ; ",
        "WITH v AS (FROM visits) SELECT * FROM v -- the end",
        "SELECT id FROM visits UNION ALL SELECT id FROM plans",
        "SELECT 'now(); random()' AS said FROM visits",
        "VALUES (1)",
        "SELECT * FROM visits, range(3), unnest([1])",
    ],
)
def test_one_select_is_returned_without_what_follows_it(engine, select: str):
    assert one_select(engine, "events", select) == select.strip().rstrip("; ")


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("SELECT * FROM visits; DROP VIEW plans", "SELECT and DROP"),
        ("SELECT 1; SELECT 2", "SELECT and SELECT"),
        ("DROP VIEW plans", "holds DROP"),
        ("COPY visits TO 'elsewhere.csv'", "holds COPY"),
        ("  ", "holds nothing"),
        ("-- SELECT * FROM visits", "holds nothing"),
    ],
)
def test_anything_but_one_select_is_refused_and_not_run(engine, select: str, found: str):
    refusal = refuse(engine, select)
    assert refusal.code == "bad_mapping" and found in str(refusal)
    assert engine.run("FROM plans") == [(1,)]


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("SELECT * FROM read_parquet('exports/*.parquet')", "read_parquet()"),
        ("SELECT v.*, (SELECT count(*) FROM 'exports/visits.csv' w) FROM visits v", "'exports/visits.csv'"),
        ("WITH e AS (FROM parquet_scan('e')) SELECT * FROM visits JOIN e USING (id)", "parquet_scan()"),
    ],
)
def test_a_file_that_is_no_input_is_refused(engine, select: str, found: str):
    refusal = refuse(engine, select)
    assert refusal.code == "unnamed_input" and found in str(refusal)


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("SELECT * FROM visits WHERE random() < 0.5", "random()"),
        ("WITH v AS (SELECT uuid() AS event_id FROM visits) FROM v", "uuid()"),
        ("SELECT * FROM visits USING SAMPLE 10%", "a sample"),
        ("SELECT * FROM visits TABLESAMPLE reservoir(5)", "a sample"),
        ("SELECT date_diff('day', born, today()) AS age FROM visits", "today()"),
        ("SELECT id FROM plans WHERE NOW() > '2024-01-01'", "now()"),
        ("SELECT CURRENT_TIMESTAMP AS occurred_at FROM plans", "current_timestamp"),
    ],
)
def test_what_would_be_otherwise_at_every_run_is_refused(engine, select: str, found: str):
    refusal = refuse(engine, select)
    assert refusal.code == "changing_mapping"
    assert f"the SELECT asks for {found}:" in str(refusal)


def test_a_column_that_is_named_like_the_clock_is_a_column(engine):
    assert one_select(engine, "events", "SELECT current_date FROM visits") == "SELECT current_date FROM visits"


INPUTS = {
    "new": {"id": "VARCHAR", "seen": "TIMESTAMP WITH TIME ZONE"},
    "old": {"id": "VARCHAR", "seen": "TIMESTAMP", "day": "DATE"},
}


@pytest.mark.parametrize(
    ("select", "column"),
    [
        ("SELECT id, seen FROM new UNION ALL SELECT id, seen FROM old", "seen"),
        ("SELECT coalesce(new.seen, old.seen) AS seen FROM new LEFT JOIN old USING (id)", "seen"),
        ("SELECT id, greatest(new.seen, old.day) AS seen FROM new JOIN old USING (id)", "day"),
        ("SELECT seen::TIMESTAMPTZ AS seen FROM old", "seen"),
        ("SELECT new.* FROM new JOIN old USING (id) WHERE new.seen > old.seen", "seen"),
    ],
)
def test_columns_without_a_zone_that_become_instants_are_refused(select: str, column: str):
    with pytest.raises(DataRefused) as refused:
        refuse_assumed_zone("events", select, INPUTS, "Asia/Tokyo")
    assert (refused.value.code, refused.value.column) == ("assumed_zone", column)
    refuse_assumed_zone("events", select, INPUTS, "UTC")


@pytest.mark.parametrize(
    "select",
    [
        "SELECT id, seen FROM new UNION ALL SELECT id, timezone('Asia/Tokyo', seen) FROM old",
        "SELECT id, seen FROM new UNION ALL SELECT id, timezone('Asia/Tokyo', day) FROM old",
        "SELECT old.seen FROM old JOIN new USING (id)",
        "SELECT * FROM new WHERE seen >= DATE '2024-01-01'",
        "SELECT seen::DATE AS day FROM new",
        "SELECT seen FROM old WHERE id = 'x' OR seen > TIMESTAMP '2024-01-01'",
        "SELECT i::VARCHAR AS id, seen FROM old, range(3) AS r(i)",
    ],
)
def test_columns_that_stay_as_they_are_or_have_their_zone_said_are_not(select: str):
    refuse_assumed_zone("events", select, INPUTS, "Asia/Tokyo")

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.errors import DataRefused, OutOfMemory
from churn.core.source import InputSettings
from churn.integrations.sources import explain_engine_error, open_source
from tests.builders import make_source, plain


def source(folder: Path, **tables: str):
    (folder / "people.csv").write_text("ID,Joined,Plan\n1,2024-01-01,pro\n2,2024-01-02,basic\n")
    pq.write_table(pa.table({"who": ["1", "1", "2"], "n": [1, 2, 3]}), folder / "clicks.parquet")
    return make_source(
        inputs={
            "people": InputSettings(path=str(folder / "people.csv")),
            "clicks": InputSettings(path=str(folder / "clicks.parquet")),
        },
        tables=tables,
    )


def test_each_table_is_what_its_select_yields(engine, tmp_path: Path):
    tables = open_source(
        engine,
        source(
            tmp_path,
            customers="SELECT ID AS customer_id, Joined AS signed_up_at FROM people;",
            events="SELECT who AS customer_id, sum(n) AS value, 'x' AS event_type FROM clicks GROUP BY who",
        ),
    )
    assert list(tables) == ["customers", "events"]
    assert plain(tables["customers"], "customer_id")[0] == {"customer_id": "1", "signed_up_at": "2024-01-01"}
    assert [(r["customer_id"], int(r["value"])) for r in plain(tables["events"], "customer_id")] == [("1", 3), ("2", 3)]


def test_a_select_may_join_inputs_and_use_several_lines(engine, tmp_path: Path):
    select = """
    WITH used AS (SELECT who, count(*) AS n FROM clicks GROUP BY who)
    SELECT ID AS customer_id, Joined AS signed_up_at, n FROM people LEFT JOIN used ON who = ID
    """
    tables = open_source(engine, source(tmp_path, customers=select, events="SELECT * FROM clicks"))
    assert [row["n"] for row in plain(tables["customers"], "customer_id")] == [2, 1]


def test_upper_and_lower_case_of_a_column_are_one_name_as_in_sql(engine, tmp_path: Path):
    select = "SELECT ID AS Customer_ID, Joined AS SIGNED_UP_AT, Plan FROM people"
    tables = open_source(engine, source(tmp_path, customers=select, events="SELECT * FROM clicks"))
    assert tables["customers"].columns == ("customer_id", "signed_up_at", "Plan")


def test_an_input_may_bear_the_name_of_a_table_of_the_contract(engine, tmp_path: Path):
    (tmp_path / "c.csv").write_text("customer_id,signed_up_at\n1,2024-01-01\n")
    settings = make_source(
        inputs={"customers": InputSettings(path=str(tmp_path / "c.csv"))},
        tables={"customers": "SELECT * FROM customers", "events": "SELECT 1 AS x"},
    )
    assert len(plain(open_source(engine, settings)["customers"])) == 1


def test_a_missing_column_suggests_the_nearest(engine, tmp_path: Path):
    with pytest.raises(DataRefused) as refused:
        open_source(
            engine, source(tmp_path, customers="SELECT costumer FROM people", events="SELECT Jined FROM people")
        )
    assert (refused.value.code, refused.value.table, refused.value.column) == (
        "missing_column",
        "customers",
        "costumer",
    )
    with pytest.raises(DataRefused, match="did you mean 'Joined'"):
        open_source(engine, source(tmp_path, customers="SELECT Jined FROM people", events="SELECT 1"))


def test_a_select_of_an_unknown_input_names_its_table(engine, tmp_path: Path):
    with pytest.raises(DataRefused) as refused:
        open_source(engine, source(tmp_path, customers="SELECT * FROM peple", events="SELECT 1 AS x"))
    assert (refused.value.code, refused.value.table) == ("bad_mapping", "customers")
    assert "peple" in str(refused.value) and "inputs are named under 'inputs'" in str(refused.value)


def test_a_select_that_cannot_be_read_is_shown_where(engine, tmp_path: Path):
    select = "SELECT id AS customer_id,\n  CASE WHEN true THEN joined ELSE at END AS signed_up_at\nFROM people"
    with pytest.raises(DataRefused, match=r'near "END", in its line 2: CASE WHEN .* END AS signed_up_at\. Correct it'):
        open_source(engine, source(tmp_path, customers=select, events="SELECT 1 AS x"))


def test_a_select_that_would_fetch_something_from_the_net_is_refused(engine, tmp_path: Path):
    select = "SELECT * FROM read_csv('https://127.0.0.1:9/people.csv')"
    with pytest.raises(DataRefused, match=r"reads read_csv\(\) by itself") as refused:
        open_source(engine, source(tmp_path, customers=select, events="SELECT 1 AS x"))
    assert (refused.value.code, refused.value.table) == ("unnamed_input", "customers")


def test_files_of_one_input_that_disagree_about_a_type_are_refused(engine, tmp_path: Path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [{"x": 1}]}), tmp_path / "b.parquet")
    settings = make_source(
        inputs={"raw": InputSettings(path=str(tmp_path / "*.parquet"))},
        tables={"customers": "SELECT id AS customer_id FROM raw", "events": "SELECT 1 AS x"},
    )
    with pytest.raises(DataRefused) as refused:
        tables = open_source(engine, settings)
        try:
            plain(tables["customers"])
        except Exception as error:
            raise explain_engine_error(error, "customers") from error
    assert refused.value.exit_code == 1


def test_a_lack_of_memory_is_not_said_of_the_data(engine, tmp_path: Path):
    settings = source(tmp_path, customers="SELECT * FROM people", events="SELECT * FROM clicks")
    pq.write_table(pa.table({"who": [str(n) for n in range(300_000)]}), tmp_path / "clicks.parquet")
    engine.run("SET memory_limit = '100KB'")
    with pytest.raises(OutOfMemory, match=r"than engine\.memory_limit grants") as lacking:
        open_source(engine, settings)
    assert lacking.value.exit_code == 4


def test_errors_that_are_not_the_engines_pass_unchanged(engine):
    error = KeyError("x")
    assert explain_engine_error(error, "events") is error


def test_a_refusal_is_never_explained_again():
    refusal = DataRefused("broken", remedy="Fix it", table="events")
    assert explain_engine_error(refusal, "customers") is refusal

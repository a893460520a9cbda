from __future__ import annotations

from datetime import date
from pathlib import Path

import ibis
import pyarrow.parquet as pq
import pytest

from churn.core.settings import EngineSettings
from churn.integrations.engine import identifier, quoted
from churn.integrations.engines import open_engine
from tests.builders import ENGINE


def setting(engine, name: str) -> str:
    return str(engine.run(f"SELECT current_setting('{name}')")[0][0])


def test_limits_zone_and_spill_folder_are_set(tmp_path: Path):
    with open_engine(EngineSettings(memory_limit="512MiB", threads=1), tmp_path / "scratch") as engine:
        assert setting(engine, "memory_limit") == "512.0 MiB"
        assert setting(engine, "threads") == "1"
        assert setting(engine, "TimeZone") == "UTC"
        assert setting(engine, "temp_directory") == str(engine.scratch / "spill")
        assert engine.scratch.parent == tmp_path / "scratch"


def test_expressions_run_on_the_engine_that_was_opened_last():
    with open_engine(ENGINE) as engine:
        assert ibis.get_backend() is engine.backend
        assert ibis.memtable([{"x": 1}], schema={"x": "int64"}).x.sum().to_pyarrow().as_py() == 1


@pytest.mark.parametrize("fails", [False, True])
def test_the_scratch_folder_vanishes_whatever_happened(tmp_path: Path, fails: bool):
    with pytest.raises(RuntimeError) if fails else open_engine(ENGINE), open_engine(ENGINE, tmp_path) as engine:
        (engine.scratch / "left-over").write_text("x")
        assert list(tmp_path.iterdir()) == [engine.scratch]
        if fails:
            raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_quote_in_its_name_is_fine(tmp_path: Path):
    with open_engine(ENGINE, tmp_path / "it's here") as engine:
        assert "it's here" in setting(engine, "temp_directory")


def test_two_engines_do_not_see_each_others_tables():
    with open_engine(ENGINE) as first:
        first.run("CREATE TABLE t AS SELECT 1 AS x")
        with open_engine(ENGINE) as second:
            assert second.run("SHOW TABLES") == []
        assert first.run("SELECT x FROM t") == [(1,)]


@pytest.mark.parametrize(("text", "safe"), [("plain", "plain"), ("it's", "it''s"), (Path("/a'b"), "/a''b")])
def test_text_is_quoted_for_a_literal(text: object, safe: str):
    assert quoted(text) == safe


@pytest.mark.parametrize("name", ["plain", 'with "quotes"', "with space", "select", "日本"])
def test_a_name_is_quoted_as_an_identifier(engine, name: str):
    engine.run(f"CREATE TABLE {identifier(name)} AS SELECT 1 AS x")
    assert engine.run("SHOW TABLES") == [(name,)]


@pytest.mark.parametrize("rows_per_group", [None, 1, 4, 100])
def test_sorted_rows_are_the_same_however_many_are_sorted_at_a_time(tmp_path: Path, rows_per_group: int | None):
    rows = [{"day": date(2024, 1, n % 5 + 1), "who": str(7 * n % 11), "x": n / 8 if n % 3 else None} for n in range(11)]
    limits = ENGINE.model_copy(update={"rows_per_group": rows_per_group, "rows_per_batch": 3})
    with open_engine(limits) as engine:
        table = ibis.memtable(rows, schema={"day": "date", "who": "string", "x": "float64"}).cache()
        engine.write_sorted(table, ("day", "who"), tmp_path / "rows.parquet")
        engine.write_sorted(table, ("who", "day"), tmp_path / "rows.parquet")
        engine.write_sorted(table, ("day", "who"), tmp_path / "rows.parquet")
    with open_engine(ENGINE) as engine:
        ordered = ibis.memtable(rows, schema=table.schema()).order_by("day", "who").to_pyarrow()
        written = pq.ParquetFile(tmp_path / "rows.parquet")
        assert written.read().cast(ordered.schema).equals(ordered)


def test_a_date_with_more_rows_than_are_sorted_at_a_time_is_sorted_in_parts(tmp_path: Path):
    rows = [{"day": date(2024, 1, 1), "who": str(7 * n % 13), "x": n} for n in range(13)]
    limits = ENGINE.model_copy(update={"rows_per_group": 4, "rows_per_batch": 100})
    with open_engine(limits) as engine:
        table = ibis.memtable(rows, schema={"day": "date", "who": "string", "x": "int64"}).cache()
        engine.write_sorted(table, ("day", "who"), tmp_path / "rows.parquet")
    written = pq.ParquetFile(tmp_path / "rows.parquet")
    parts = [written.metadata.row_group(number).num_rows for number in range(written.num_row_groups)]
    assert written.read()["who"].to_pylist() == sorted(row["who"] for row in rows)
    assert max(parts) <= 4

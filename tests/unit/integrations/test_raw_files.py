from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.errors import DataRefused, first_line
from churn.core.source import InputSettings
from churn.integrations.csv_files import explain_csv_error
from churn.integrations.raw_files import files_relation, find_files


def read(engine, path: Path | str, **options) -> list[tuple[object, ...]]:
    return list(engine.run(f"SELECT * FROM {files_relation(engine, 'raw', InputSettings(path=str(path), **options))}"))


class TestFinding:
    def test_files_of_a_glob_come_sorted(self, tmp_path: Path):
        for name in ("b.csv", "a.csv", "c.txt"):
            (tmp_path / name).write_text("x\n1\n")
        assert [p.name for p in find_files("raw", str(tmp_path / "*.csv"))] == ["a.csv", "b.csv"]

    def test_globs_reach_into_folders_and_pass_over_them(self, tmp_path: Path):
        (tmp_path / "2024" / "x.csv").mkdir(parents=True)
        (tmp_path / "2024" / "y.csv").write_text("x\n1\n")
        assert [p.name for p in find_files("raw", str(tmp_path / "**" / "*.csv"))] == ["y.csv"]

    def test_a_folder_is_no_file(self, tmp_path: Path):
        with pytest.raises(DataRefused, match="is a folder"):
            find_files("raw", str(tmp_path))


class TestReading:
    def test_every_column_of_a_csv_is_text_and_empty_is_null(self, engine, tmp_path: Path):
        (tmp_path / "a.csv").write_text('id,n,flag\n007,1.50,\n"",NA,true\n')
        assert read(engine, tmp_path / "a.csv") == [("007", "1.50", None), (None, "NA", "true")]

    def test_a_parquet_keeps_its_types_whatever_its_ending(self, engine, tmp_path: Path):
        pq.write_table(pa.table({"id": [7], "ok": [True]}), tmp_path / "a.data")
        assert read(engine, tmp_path / "a.data") == [(7, True)]
        assert read(engine, tmp_path / "a.data", format="parquet") == [(7, True)]

    def test_a_csv_with_another_ending_is_read_where_the_format_says_so(self, engine, tmp_path: Path):
        (tmp_path / "a.dump").write_text("id\n1\n")
        assert read(engine, tmp_path / "a.dump", format="csv") == [("1",)]

    def test_a_file_without_a_header_loses_no_row_where_its_columns_are_named(self, engine, tmp_path: Path):
        (tmp_path / "a.csv").write_text("1,0\n2,1\n")
        (tmp_path / "b.csv").write_text("3,0\n")
        columns = ["id", "label"]
        assert read(engine, tmp_path / "*.csv", columns=columns) == [("1", "0"), ("2", "1"), ("3", "0")]
        relation = files_relation(engine, "raw", InputSettings(path=str(tmp_path / "a.csv"), columns=columns))
        assert engine.run(f"SELECT id, label FROM {relation} LIMIT 1") == [("1", "0")]

    def test_a_row_in_the_place_of_the_header_is_told(self, engine, tmp_path: Path):
        (tmp_path / "a.csv").write_text("1,0\n2,1\n")
        with pytest.raises(DataRefused, match=r"names of the columns are numbers \(1, 0\).*columns: \[id, label\]"):
            read(engine, tmp_path / "a.csv")
        with pytest.raises(DataRefused, match="line 1: 2 columns, where this input names 3"):
            read(engine, tmp_path / "a.csv", columns=["id", "label", "more"])

    @pytest.mark.parametrize("ending", ["csv", "tsv", "txt"])
    def test_text_files_may_be_packed(self, engine, tmp_path: Path, ending: str):
        path = tmp_path / f"a.{ending}.gz"
        path.write_bytes(gzip.compress(b"id\tn\n1\t2\n"))
        assert read(engine, path, delimiter="\t") == [("1", "2")]

    def test_columns_of_several_files_meet_by_name(self, engine, tmp_path: Path):
        (tmp_path / "a.csv").write_text("id,n\n1,2\n")
        (tmp_path / "b.csv").write_text("n,id,more\n4,3,x\n")
        assert sorted(read(engine, tmp_path / "*.csv")) == [("1", "2", None), ("3", "4", "x")]
        pq.write_table(pa.table({"id": ["1"], "n": [2]}), tmp_path / "a.parquet")
        pq.write_table(pa.table({"n": [4], "id": ["3"]}), tmp_path / "b.parquet")
        assert sorted(read(engine, tmp_path / "*.parquet")) == [("1", 2), ("3", 4)]

    def test_several_packed_files_of_one_name_do_not_overwrite_each_other(self, engine, tmp_path: Path):
        for folder, value in (("x", "1"), ("y", "2")):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "a.csv.gz").write_bytes(gzip.compress(f"id\n{value}\n".encode()))
        assert sorted(read(engine, tmp_path / "*" / "a.csv.gz")) == [("1",), ("2",)]

    def test_awkward_names_of_files_and_columns_are_fine(self, engine, tmp_path: Path):
        (tmp_path / "it's a [file].csv").write_text('"it\'s","a ""b""",日本\n1,2,3\n', encoding="utf-8")
        assert read(engine, tmp_path / "it's*.csv") == [("1", "2", "3")]

    def test_a_large_file_in_another_encoding_is_transcoded_in_pieces(self, engine, tmp_path: Path):
        rows = 120_000
        (tmp_path / "a.csv").write_bytes(("id,name\n" + "".join(f"{i},日本語\n" for i in range(rows))).encode("cp932"))
        relation = files_relation(engine, "raw", InputSettings(path=str(tmp_path / "a.csv"), encoding="cp932"))
        assert engine.run(f"SELECT count(*), count(DISTINCT name), min(name) FROM {relation}") == [(rows, 1, "日本語")]

    def test_a_wrong_byte_far_into_the_file_is_found_at_its_place(self, engine, tmp_path: Path):
        content = bytearray(b"id,name\n" + b"1,abcdef\n" * 200_000)
        content[1_500_000] = 0xFF
        (tmp_path / "a.csv").write_bytes(bytes(content))
        with pytest.raises(DataRefused, match="is not utf-8 at byte 1,500,000"):
            read(engine, tmp_path / "a.csv")


class TestExplaining:
    def test_a_complaint_about_a_line_becomes_ours(self):
        error = RuntimeError(
            "Invalid Input Error: CSV Error on Line: 1234\nOriginal Line: secret,value\n"
            "Expected Number of Columns: 3 Found: 2\nPossible fixes:\n  file = /data/a.csv\n  delimiter = ,\n"
        )
        refusal = explain_csv_error(error, "events")
        assert refusal is not None
        assert (refusal.code, refusal.table) == ("broken_row", "events")
        assert "/data/a.csv, line 1,234: Expected Number of Columns: 3 Found: 2" in str(refusal)
        assert "secret" not in str(refusal)

    def test_anything_else_is_not_about_a_line(self):
        assert explain_csv_error(RuntimeError("Out of Memory"), "events") is None

    @pytest.mark.parametrize(("error", "line"), [(RuntimeError("a\nb"), "a"), (RuntimeError(), "RuntimeError")])
    def test_the_first_line_of_an_error_is_never_nothing(self, error: Exception, line: str):
        assert first_line(error) == line


class TestRenamedColumns:
    SELECTS = {
        "all": "SELECT * FROM raw",
        "one": "SELECT n FROM raw",
        "both": "SELECT coalesce(n, number) AS n FROM raw",
        "neither": "SELECT id FROM raw",
    }

    def relation(self, engine, folder: Path, kind: str, select: str) -> str:
        if kind == "csv":
            (folder / "a.csv").write_text("id,n\n1,2\n")
            (folder / "b.csv").write_text("id,number\n3,4\n")
        else:
            pq.write_table(pa.table({"id": ["1"], "n": ["2"]}), folder / "a.parquet")
            pq.write_table(pa.table({"id": ["3"], "number": ["4"]}), folder / "b.parquet")
        settings = InputSettings(path=str(folder / f"*.{kind}"))
        return files_relation(engine, "raw", settings, [self.SELECTS[select], "SELECT * FROM another"])

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    @pytest.mark.parametrize("select", ["all", "one"])
    def test_one_that_the_mapping_reads_without_its_new_name_is_refused(self, engine, tmp_path, kind, select):
        with pytest.raises(DataRefused, match=r"b\.\w+ has number where a\.\w+ has n") as refused:
            self.relation(engine, tmp_path, kind, select)
        assert refused.value.code == "renamed_column"
        assert "coalesce(n, number) AS n" in str(refused.value)

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    @pytest.mark.parametrize("select", ["both", "neither"])
    def test_one_that_the_mapping_knows_or_does_not_need_is_fine(self, engine, tmp_path, kind, select):
        assert len(engine.run(f"SELECT * FROM {self.relation(engine, tmp_path, kind, select)}")) == 2

"""`churn list` as people call it: a process of its own, every format, read back."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import openpyxl
import pytest

from churn.integrations.publication import read_published
from churn.integrations.workbook import HEADINGS
from tests.pipelines.demo import CHURN, Demo, Outcome, churn_process, run_churn


def _list(demo: Demo, *words: str) -> Outcome:
    done = run_churn("list", *words, *demo.folders)
    assert done.code == 0, done.err
    return done


@pytest.fixture
def ids(demo: Demo) -> list[str]:
    return list(read_published(demo.lists, "latest", "worklist")[0]["customer_id"])


def test_the_screen_shows_every_listed_customer(demo: Demo, ids: list[str]) -> None:
    done = churn_process("list", *demo.folders, env={"COLUMNS": "140"})
    assert (done.code, done.err) == (0, "")
    assert all(name in done.out for name in ids)


def test_csv_json_and_excel_hold_the_same_list(demo: Demo, ids: list[str], tmp_path: Path) -> None:
    texts = churn_process("list", "--format", "csv", *demo.folders)
    assert (texts.code, texts.err) == (0, "")
    lines = list(csv.DictReader(io.StringIO(texts.out, newline="")))
    objects = json.loads(_list(demo, "--format", "json").out)
    path = tmp_path / "list.xlsx"
    assert churn_process("list", "--format", "xlsx", "--out", str(path), *demo.folders).code == 0
    header, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    names = {english: name for name, (english, _) in HEADINGS.items()}
    sheet = [
        dict(zip((names.get(title.removesuffix(" (EUR)"), title) for title in header), row, strict=True))
        for row in rows
    ]
    assert "Industry" in header  # as the source calls its attribute `segment`
    for table in (lines, objects, sheet):
        assert [row["customer_id"] for row in table] == ids
    for line, record, row in zip(lines, objects, sheet, strict=True):
        assert float(line["churn_probability"]) == record["churn_probability"] == row["churn_probability"]
        assert [line[f"reason_{n + 1}"] for n in range(len(record["reasons"]))] == record["reasons"]


def test_files_are_written_for_spreadsheets_and_programs(demo: Demo, ids: list[str], tmp_path: Path) -> None:
    done = _list(demo, "--format", "csv", "--language", "ja", "--out", str(tmp_path / "list.csv"))
    assert done.out == f"{len(ids)} customers written to {tmp_path / 'list.csv'}\n"
    assert (tmp_path / "list.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    _list(demo, "--format", "json", "--out", str(tmp_path / "list.json"))
    assert len(json.loads((tmp_path / "list.json").read_text(encoding="utf-8"))) == len(ids)


def test_japanese_and_english_are_the_same_customers(demo: Demo) -> None:
    english, japanese = (json.loads(_list(demo, "--format", "json", "--language", code).out) for code in ("en", "ja"))
    assert [row["customer_id"] for row in english] == [row["customer_id"] for row in japanese]
    assert all(not row["action"].isascii() for row in japanese)


def test_filters_narrow_the_list(demo: Demo) -> None:
    everybody = json.loads(_list(demo, "--format", "json", "--all").out)
    assert len(everybody) > 20
    plan = everybody[0]["plan"]
    chosen = json.loads(_list(demo, "--format", "json", "--all", "--segment", f"plan={plan}", "--top", "3").out)
    assert len(chosen) == 3
    assert {row["plan"] for row in chosen} == {plan}


def test_a_date_without_a_list_names_those_there_are(demo: Demo) -> None:
    done = run_churn("list", "--as-of", "2020-01-01", *demo.folders)
    assert done.code == 1
    assert "no list of 2020-01-01 has been published (there are: 20" in done.err


def test_a_company_without_a_list_says_what_to_run(tmp_path: Path) -> None:
    done = run_churn("list", f"paths.data={tmp_path}")
    assert done.code == 1
    assert "no list has been published yet of source=demo" in done.err
    assert "churn score source=demo --as-of DATE" in done.err


def test_a_segment_that_nobody_has_is_a_usage_error(demo: Demo) -> None:
    done = run_churn("list", "--segment", "contry=JP", *demo.folders)
    assert done.code == 2
    assert "did you mean 'country'?" in done.err


def test_a_reader_that_stops_early_is_no_error(demo: Demo) -> None:
    command = " ".join(f"'{word}'" for word in [*CHURN, "list", "--all", "--format", "json", *demo.folders])
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command} | head -c 10"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[")

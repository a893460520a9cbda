from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import OutputFailed
from churn.integrations.exports import neutral, print_table, to_csv, to_json, to_records, write_file
from tests.unit.integrations.lists import FORMULAS, IDS, list_rows


def _read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestCsv:
    def test_ids_and_japanese_text_come_back_as_they_were(self, tmp_path: Path) -> None:
        path = tmp_path / "list.csv"
        path.write_text(to_csv(list_rows()), encoding="utf-8-sig", newline="")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        back = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        assert list(back["customer_id"]) == IDS
        assert list(back["country"]) == ["", *["日本"] * 5]

    @pytest.mark.parametrize("text", FORMULAS)
    def test_text_that_a_spreadsheet_would_run_is_made_neutral(self, text: str) -> None:
        rows = list_rows(["a"], customer_id=[text], country=[text], reasons=[[text]], action=[text])
        (line,) = _read_csv(to_csv(rows))
        for name in ("customer_id", "country", "reason_1", "action"):
            assert line[name] == f"'{text}"

    def test_numbers_stay_numbers_also_when_they_are_negative(self) -> None:
        (line,) = _read_csv(to_csv(list_rows(["a"], mrr=[-12.345], churn_probability=[0.98765])))
        assert (line["mrr"], line["churn_probability"]) == ("-12.35", "0.9877")

    def test_reasons_have_three_columns_of_their_own(self) -> None:
        line = _read_csv(to_csv(list_rows()))[0]
        assert [line[f"reason_{n}"] for n in (1, 2, 3)] == ["Active on 3 days", "料金: 高い", ""]

    def test_commas_quotes_and_line_breaks_survive(self) -> None:
        text = 'He said "no", then\nleft'
        (line,) = _read_csv(to_csv(list_rows(["a"], action=[text])))
        assert line["action"] == text

    def test_an_empty_selection_keeps_the_header(self) -> None:
        text = to_csv(list_rows().head(0))
        assert text.splitlines()[0] == to_csv(list_rows()).splitlines()[0]
        assert len(text.splitlines()) == 1


class TestJson:
    def test_is_plain_and_says_null_for_what_is_missing(self) -> None:
        first, second, *_ = json.loads(to_json(list_rows()))
        assert first["mrr"] is None and first["country"] is None
        assert (second["mrr"], second["customer_id"]) == (1200.5, "1E5")
        assert second["reasons"] == ["Active on 3 days", "料金: 高い"]

    def test_keeps_japanese_readable(self) -> None:
        assert "株式会社山田" in to_json(list_rows())

    def test_formulas_need_no_neutral_form_here(self) -> None:
        assert json.loads(to_json(list_rows(["=1+1"])))[0]["customer_id"] == "=1+1"

    def test_an_empty_selection_is_an_empty_array(self) -> None:
        assert json.loads(to_json(list_rows().head(0))) == []


class TestTable:
    @pytest.mark.parametrize(("language", "word"), [("en", "customer"), ("ja", "顧客")])
    def test_shows_who_how_sure_how_much_why_and_what_to_do(
        self, language: Any, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "160")
        print_table(list_rows(), language, "EUR")
        shown = capsys.readouterr().out
        for text in (word, "churn-demo 7, 2024-06-30", *IDS, "12.3%", "EUR", "Active on 3 days", "Right-size the plan"):
            assert text in shown

    def test_words_in_square_brackets_are_shown_as_they_are(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(list_rows(["[red]x[/red]"], reasons=[["[link=evil]plan[/link]"]]), "en", "EUR")
        shown = capsys.readouterr().out
        assert "[red]x[/red]" in shown.replace("\n", "")
        assert "[link=evil]" in shown

    def test_without_a_price_there_is_no_money_column(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(list_rows(mrr=np.nan, mrr_at_risk=np.nan), "en", "EUR")
        assert "EUR" not in capsys.readouterr().out

    def test_nobody_is_no_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_table(list_rows().head(0), "en", "EUR")
        assert "Active" not in capsys.readouterr().out


def test_only_text_is_ever_made_neutral() -> None:
    assert [neutral(value) for value in (-3.5, None, 0, "3-4", "1E5", "a=b")] == [-3.5, None, 0, "3-4", "1E5", "a=b"]


def test_records_are_rounded_for_people_and_leave_the_rows_alone() -> None:
    rows = list_rows()
    record = to_records(rows)[1]
    assert (record["churn_probability"], record["mrr_at_risk"]) == (0.1235, 148.21)
    assert rows["churn_probability"].iloc[1] == 0.123456


class TestFiles:
    def test_a_link_stays_one_and_what_it_leads_to_is_written(self, tmp_path: Path) -> None:
        link, file = tmp_path / "latest.csv", tmp_path / "june.csv"
        file.write_text("old")
        link.symlink_to(file.name)
        write_file(b"new", link)
        assert link.is_symlink() and file.read_bytes() == b"new"

    def test_a_pipe_is_written_to_and_not_replaced(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        write_file(b"new", pipe)
        assert os.read(reader, 10) == b"new" and pipe.is_fifo()
        os.close(reader)

    def test_a_folder_is_no_file_and_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        with pytest.raises(OutputFailed):
            write_file(b"new", tmp_path)
        assert not list(tmp_path.iterdir()) and not list(tmp_path.parent.glob(".*.tmp"))

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from churn.core.errors import OutputFailed
from churn.core.settings import Language
from churn.integrations.workbook import HEADINGS, write_xlsx
from tests.unit.integrations.lists import FORMULAS, IDS, list_rows


def _write(rows: pd.DataFrame, path: Path, language: Language = "en") -> None:
    write_xlsx(rows, path, language, {"country": "国" if language == "ja" else "country"}, "EUR")


def _read_xlsx(path: Path) -> list[dict[str, Any]]:
    sheet = openpyxl.load_workbook(path).worksheets[0]
    header, *lines = list(sheet.iter_rows())
    names = {english: name for name, (english, _) in HEADINGS.items()}
    titles = [names.get(str(cell.value).removesuffix(" (EUR)"), str(cell.value)) for cell in header]
    return [dict(zip(titles, line, strict=True)) for line in lines]


class TestXlsx:
    def test_ids_are_text_cells_that_keep_their_zeros(self, tmp_path: Path) -> None:
        _write(list_rows(), tmp_path / "list.xlsx")
        cells = [line["customer_id"] for line in _read_xlsx(tmp_path / "list.xlsx")]
        assert [cell.value for cell in cells] == IDS
        assert {cell.data_type for cell in cells} == {"s"}
        assert {cell.number_format for cell in cells} == {"@"}

    @pytest.mark.parametrize("text", FORMULAS[:5])
    def test_formulas_are_text_and_never_run(self, text: str, tmp_path: Path) -> None:
        _write(list_rows(["a"], customer_id=[text], action=[text], reasons=[[text]]), tmp_path / "list.xlsx")
        (line,) = _read_xlsx(tmp_path / "list.xlsx")
        for name in ("customer_id", "action", "reason_1"):
            assert (line[name].data_type, line[name].value) == ("s", text)

    def test_more_rows_than_a_sheet_holds_are_refused_instead_of_lost(self, tmp_path: Path) -> None:
        with pytest.raises(OutputFailed, match="1,048,576 rows, and a sheet holds 1,048,575"):
            _write(pd.DataFrame(index=range(2**20)), tmp_path / "list.xlsx")
        assert list(tmp_path.iterdir()) == []

    def test_links_are_not_made_of_text(self, tmp_path: Path) -> None:
        _write(list_rows(["a"], action=["https://example.org/?q=1"]), tmp_path / "list.xlsx")
        (line,) = _read_xlsx(tmp_path / "list.xlsx")
        assert line["action"].hyperlink is None

    def test_numbers_are_numbers_and_missing_ones_are_empty(self, tmp_path: Path) -> None:
        _write(list_rows(), tmp_path / "list.xlsx")
        first, second, *_ = _read_xlsx(tmp_path / "list.xlsx")
        assert first["mrr"].value is None
        assert (second["mrr"].data_type, second["mrr"].value) == ("n", 1200.5)
        assert second["Country"].value == "日本"

    def test_an_empty_selection_is_a_sheet_with_a_header(self, tmp_path: Path) -> None:
        _write(list_rows().head(0), tmp_path / "list.xlsx")
        assert _read_xlsx(tmp_path / "list.xlsx") == []

    def test_a_former_file_is_replaced_whole_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        path = tmp_path / "list.xlsx"
        path.write_bytes(b"former")
        _write(list_rows(), path)
        assert [p.name for p in tmp_path.iterdir()] == ["list.xlsx"]
        assert len(_read_xlsx(path)) == len(IDS)

    def test_a_folder_that_is_not_there_is_an_output_failure(self, tmp_path: Path) -> None:
        with pytest.raises(OutputFailed, match="cannot write to"):
            _write(list_rows(), tmp_path / "nowhere" / "list.xlsx")

    def test_headings_are_words_in_the_readers_language(self, tmp_path: Path) -> None:
        _write(list_rows(), tmp_path / "list.xlsx", "ja")
        sheet = openpyxl.load_workbook(tmp_path / "list.xlsx").worksheets[0]
        titles = [cell.value for cell in sheet[1]]
        assert titles[:4] == ["順位", "顧客", "基準日", "解約確率"] and "理由1" in titles
        assert "国" in titles and "月額料金（EUR）" in titles and sheet.title == "解約リスク"
        assert {sheet.cell(line, titles.index("リスク") + 1).value for line in range(2, 8)} == {"高"}

    def test_printed_it_is_one_page_wide_with_its_headings_on_every_page(self, tmp_path: Path) -> None:
        _write(list_rows(), tmp_path / "list.xlsx")
        sheet = openpyxl.load_workbook(tmp_path / "list.xlsx").worksheets[0]
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.row_dimensions[1].height >= 45  # the longest heading takes three lines

    def test_the_control_group_is_told_from_those_to_contact(self, tmp_path: Path) -> None:
        _write(list_rows(["a", "b"], arm=["treatment", "control"]), tmp_path / "list.xlsx")
        assert [line["arm"].value for line in _read_xlsx(tmp_path / "list.xlsx")] == [
            "contact",
            "leave alone, to compare",
        ]

    def test_chances_are_shown_as_percentages(self, tmp_path: Path) -> None:
        _write(list_rows(), tmp_path / "list.xlsx")
        cell = _read_xlsx(tmp_path / "list.xlsx")[0]["churn_probability"]
        assert (cell.value, cell.number_format) == (0.1235, "0.0%")

"""A list as an Excel sheet for people: headings in their language with units, reasons that wrap, ids as text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from churn.core.errors import OutputFailed
from churn.core.settings import Language
from churn.integrations.exports import SCREEN, spread_reasons, to_records, write_file

LANGUAGES: Sequence[Language] = ("en", "ja")
HEADINGS: Mapping[str, tuple[str, str]] = {
    "list_position": ("No.", "順位"),
    "customer_id": ("Customer", "顧客"),
    "as_of_date": ("As of", "基準日"),
    "churn_probability": ("Chance of leaving", "解約確率"),
    "risk_rank": ("Rank by chance", "確率順位"),
    "risk_band": ("Risk", "リスク"),
    "mrr": ("Pays a month", "月額料金"),
    "mrr_at_risk": ("At risk a month", "月間リスク額"),
    "expected_profit": ("Expected profit of contact", "連絡の期待利益"),
    "cause": ("Cause (code)", "原因コード"),
    "cause_text": ("Main cause", "主な原因"),
    "reason_1": ("Reason 1", "理由1"),
    "reason_2": ("Reason 2", "理由2"),
    "reason_3": ("Reason 3", "理由3"),
    "action": ("What to do", "対応"),
    "arm": ("Contact?", "連絡"),
    "plan": ("Plan", "プラン"),
    "pay_failure_code": ("Last failed payment", "直近の支払い失敗の理由"),
    "model_name": ("Model", "モデル"),
    "model_version": ("Model version", "モデルの版"),
    "model_run_id": ("Model run", "モデルの実行"),
}
NUMBERS: Mapping[str, str] = {
    "churn_probability": "0.0%", "mrr": "#,##0.00", "mrr_at_risk": "#,##0.00", "expected_profit": "#,##0.00",
}  # fmt: skip
ARMS: Mapping[str, tuple[str, str]] = {
    "treatment": ("contact", "連絡する"),
    "control": ("leave alone, to compare", "連絡しない（比較用）"),
}
MONEY = ("mrr", "mrr_at_risk", "expected_profit")
SHEET: Mapping[Language, str] = {"en": "at risk", "ja": "解約リスク"}
WRAPPED = ("cause_text", "reason_1", "reason_2", "reason_3", "action")
MOST_ROWS = 2**20 - 1  # beside the heading; what Excel has no room for would be left out without a word
WIDTH, WRAPPED_WIDTH = 14, 38  # characters
HEADING_HEIGHT = 45  # points: three lines
A3 = 8  # paper, as spreadsheets number it; printed, the list is one page wide, its headings on every page
WIDTHS: Mapping[str, int] = {"list_position": 6, "as_of_date": 11, "churn_probability": 10, "risk_rank": 10,
                             "risk_band": 8, "cause": 19, "cause_text": 27}  # fmt: skip


def heading(name: str, language: Language, words: Mapping[str, str], currency: str) -> str:
    """Return a column's heading in plain words.

    Parameters
    ----------
    words
        What the company calls its attributes; one that it gives no words for keeps its name, written as words.
    currency
        Unit of the columns that hold money.

    Examples
    --------
    >>> heading("mrr_at_risk", "en", {}, "EUR"), heading("region", "ja", {"region": "都道府県"}, "円")
    ('At risk a month (EUR)', '都道府県')
    >>> heading("sales_region", "en", {}, "EUR")
    'Sales region'
    """
    if name in HEADINGS:
        unit = f"（{currency}）" if language == "ja" else f" ({currency})"
        return HEADINGS[name][LANGUAGES.index(language)] + (unit if name in MONEY else "")
    text = words.get(name) or name.replace("_", " ")
    return text[:1].upper() + text[1:]


def write_xlsx(rows: pd.DataFrame, path: Path, language: Language, words: Mapping[str, str], currency: str) -> None:
    """Write the rows as an Excel sheet: text cells for text, numbers as numbers; nothing in a cell is ever run.

    `words` and `currency` are those of `heading`.

    Raises
    ------
    OutputFailed
        When the file cannot be written, or a sheet has no room for so many rows; a former one stands.
    """
    if len(rows) > MOST_ROWS:
        raise OutputFailed(
            f"{path}: {len(rows):,} rows, and a sheet holds {MOST_ROWS:,}; take --format csv, or --top N"
        )
    import xlsxwriter

    records = [spread_reasons(record) for record in to_records(rows)]
    names = list(records[0]) if records else list(spread_reasons(dict.fromkeys(rows.columns)))
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet(SHEET[language])
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8ECF0", "bottom": 1})
        for column, name in enumerate(names):
            cell = book.add_format(
                {
                    "num_format": NUMBERS.get(name, "@"),
                    "valign": "top",
                    "text_wrap": name in WRAPPED,
                    "indent": int(name not in NUMBERS),
                }
            )
            plain = cell if name in NUMBERS else book.add_format({"valign": "top"})
            sheet.set_column(column, column, WIDTHS.get(name, WRAPPED_WIDTH if name in WRAPPED else WIDTH))
            sheet.write_string(0, column, heading(name, language, words, currency), bold)
            for line, record in enumerate(records, start=1):
                value = _worded(name, record[name], language)
                if isinstance(value, str):
                    sheet.write_string(line, column, value, cell)
                elif value is not None:
                    sheet.write_number(line, column, value, plain)
        sheet.set_row(0, HEADING_HEIGHT)
        sheet.set_landscape()
        sheet.set_paper(A3)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(len(records), 1), max(len(names) - 1, 0))
    write_file(buffer.getvalue(), path)


def _worded(name: str, value: Any, language: Language) -> Any:
    """Return a code in the reader's words; other values as they are."""
    if name == "risk_band":
        return SCREEN[language][value]
    if name == "arm" and value in ARMS:
        return ARMS[value][LANGUAGES.index(language)]
    return value

"""A list as an Excel sheet for people: headings in their language, percentages, reasons that wrap, ids as text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

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
WRAPPED = ("cause_text", "reason_1", "reason_2", "reason_3", "action")
WIDTH, WRAPPED_WIDTH = 14, 38  # characters


def heading(name: str, language: Language) -> str:
    """Return a column's heading in plain words; a company's own attribute keeps its name, written as words.

    Examples
    --------
    >>> heading("mrr_at_risk", "en"), heading("sales_region", "en")
    ('At risk a month', 'Sales region')
    """
    if name in HEADINGS:
        return HEADINGS[name][LANGUAGES.index(language)]
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def write_xlsx(rows: pd.DataFrame, path: Path, language: Language = "en") -> None:
    """Write the rows as an Excel sheet: text cells for text, numbers as numbers; nothing in a cell is ever run.

    Raises
    ------
    OutputFailed
        When the file cannot be written; a former one stands.
    """
    import xlsxwriter

    records = [spread_reasons(record) for record in to_records(rows)]
    names = list(records[0]) if records else list(spread_reasons(dict.fromkeys(rows.columns)))
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet("at risk")
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        for column, name in enumerate(names):
            cell = book.add_format(
                {"num_format": NUMBERS.get(name, "@"), "valign": "top", "text_wrap": name in WRAPPED}
            )
            plain = cell if name in NUMBERS else book.add_format({"valign": "top"})
            sheet.set_column(column, column, WRAPPED_WIDTH if name in WRAPPED else WIDTH)
            sheet.write_string(0, column, heading(name, language), bold)
            for line, record in enumerate(records, start=1):
                value = _worded(name, record[name], language)
                if isinstance(value, str):
                    sheet.write_string(line, column, value, cell)
                elif value is not None:
                    sheet.write_number(line, column, value, plain)
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

"""A list as text on screen, CSV for programs and spreadsheets, or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from churn.core.settings import Language
from churn.integrations.store import new_file, output_errors

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones in Japanese spreadsheets
DECIMALS = {"churn_probability": 4, "mrr": 2, "mrr_at_risk": 2, "expected_profit": 2}
SCREEN: Mapping[Language, Mapping[str, str]] = {
    "en": {"rank": "#", "who": "customer", "risk": "risk", "money": "at risk\na month", "why": "why, and what to do",
           "item": "• {}", "action": "→ {}", "high": "high", "medium": "medium", "low": "low"},
    "ja": {"rank": "順位", "who": "顧客", "risk": "解約確率", "money": "月間\nリスク額", "why": "理由と対応",
           "item": "・{}", "action": "→{}", "high": "高", "medium": "中", "low": "低"},
}  # fmt: skip


def to_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one plain mapping per row: numbers rounded for people, missing values as None."""
    return [{str(key): _plain(str(key), value) for key, value in row.items()} for row in rows.to_dict("records")]


def to_json(rows: pd.DataFrame) -> str:
    """Return the rows as a JSON array of objects."""
    return json.dumps(to_records(rows), ensure_ascii=False, indent=2)


def to_csv(rows: pd.DataFrame) -> str:
    """Return the rows as CSV, reasons in columns of their own; text that a spreadsheet would run is made neutral."""
    records = [spread_reasons(record) for record in to_records(rows)]
    header = list(records[0]) if records else list(spread_reasons(dict.fromkeys(rows.columns)))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows([[neutral(record.get(name)) for name in header] for record in records])
    return buffer.getvalue()


def write_file(content: bytes, path: Path) -> None:
    """Write an export whole or not at all; a former file stands until the new one is complete.

    A link stays one: what it leads to is written. So does a device or pipe, such as `/dev/stdout`.
    """
    with output_errors(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            path.write_bytes(content)
            return
        with new_file(path.resolve()) as temporary:
            temporary.write_bytes(content)


def print_table(rows: pd.DataFrame, language: Language, currency: str) -> None:
    """Print the rows for reading on a screen."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    words = SCREEN[language]
    has_money = bool(len(rows)) and not rows["mrr_at_risk"].isna().all()
    first = rows.iloc[0] if len(rows) else None
    title = None if first is None else f"{first['model_name']} {first['model_version']}, {first['as_of_date']}"
    table = Table(show_lines=True, title=title)
    table.add_column(words["rank"], justify="right")
    table.add_column(words["who"], overflow="fold")
    table.add_column(words["risk"], justify="right")
    if has_money:
        table.add_column(words["money"], justify="right")
    table.add_column(words["why"], overflow="fold", ratio=1)
    for record in to_records(rows):
        money = [f"{record['mrr_at_risk'] or 0:,.0f}\n{currency}"] if has_money else []
        risk = f"{record['churn_probability']:.1%}\n{words[record['risk_band']]}"
        position = str(record.get("list_position", record["risk_rank"]))
        table.add_row(position, escape(record["customer_id"]), risk, *money, _why(record, words))
    Console().print(table)


def _why(record: Mapping[str, Any], words: Mapping[str, str]) -> str:
    from rich.markup import escape

    reasons = [words["item"].format(escape(reason)) for reason in record["reasons"]]
    action = words["action"].format(escape(record["action"]))
    return "\n".join([f"[bold]{escape(record['cause_text'])}[/bold]", *reasons, action])


def neutral(value: Any) -> Any:
    """Return text that no spreadsheet runs as a formula; numbers as they are.

    Examples
    --------
    >>> neutral("=1+1"), neutral(-3.5), neutral("00123")
    ("'=1+1", -3.5, '00123')
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return value
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return round(value, DECIMALS[name]) if name in DECIMALS else value


def spread_reasons(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its reasons in columns of their own, at least three."""
    spread: dict[str, Any] = {}
    for name, value in record.items():
        if name == "reasons":
            value = value or []
            spread |= {f"reason_{n + 1}": value[n] if n < len(value) else None for n in range(max(3, len(value)))}
        else:
            spread[name] = value
    return spread

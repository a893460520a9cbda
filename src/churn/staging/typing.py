"""Typed columns out of raw ones: ids as text, numbers as float64, times as UTC, and the rule each bad row broke.

A typed table has the contract's columns (missing optional ones are absent), plus `broken_rule`: null for a good row,
else `rule:column` of the first rule the row breaks; `broken_value`: what stood there; and `noted`: what was read into a
good row, in the form of `broken_rule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from churn.core.contract import LARGEST, Column, TableContract
from churn.core.errors import DataRefused
from churn.core.source import SourceSettings
from churn.core.suggestions import did_you_mean
from churn.staging.scrubbing import scrub_text

RULE, NOTE, VALUE = "broken_rule", "noted", "broken_value"
HAPPENED = ("events", "tickets", "payments", "messages", "responses", "interventions")  # no plans: their time has come
MOVED = "clock_moved"
_DATE, _TIME = r"^\d{4}-\d{2}-\d{2}", r"[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_NAIVE = rf"{_DATE}({_TIME})?$"
_AWARE = rf"{_DATE}{_TIME} ?([Zz]|UTC|GMT|[+-](0\d|1[0-4])(:?[0-5]\d)?)$"
_VISIBLE = r"[^\s\p{Z}\p{C}]"  # an id of blanks, or of marks that nobody sees, is none


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def timezone(zone: str, value: dt.timestamp) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """Read a naive local time in a zone as an instant (the engine's own function)."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def local_time(zone: str, value: dt.Timestamp("UTC")) -> dt.timestamp:  # type: ignore[valid-type]
    """Return the local time of an instant in a zone (the engine's own function)."""


def type_columns(raw: ir.Table, contract: TableContract, source: SourceSettings) -> ir.Table:
    """Return the typed table with `broken_rule` and `noted`; lazily, nothing is computed here.

    Raises
    ------
    DataRefused
        When a required column is missing, an id is a floating point number, or a time is naive without a zone.
    """
    typed, rules = _judged(raw, contract, source)
    broken = [(condition, f"{rule}:{name}") for rule, name, condition in rules if rule != MOVED]
    noted = [(condition, f"{rule}:{name}") for rule, name, condition in rules if rule == MOVED]
    given = [(condition, _given(raw[name])) for rule, name, condition in rules if rule != MOVED]
    return raw.select(**typed, **{RULE: _first(broken), NOTE: _first(noted), VALUE: _first(given)})


def mark_columns(raw: ir.Table, contract: TableContract, source: SourceSettings) -> dict[str, ir.Table]:
    """Return, by column, the typed table with the rule that this column breaks in each row, whatever others break.

    One computation serves all of them. Of a row, `broken_rule` of `type_columns` names the first broken rule alone.
    """
    typed, rules = _judged(raw, contract, source)
    columns = dict.fromkeys(name for rule, name, _ in rules if rule != MOVED)
    marks = {}
    for place, column in enumerate(columns):
        found = [(rule, condition) for rule, name, condition in rules if name == column and rule != MOVED]
        marks[f"{RULE}_{place}"] = _first([(condition, f"{rule}:{column}") for rule, condition in found])
        marks[f"{VALUE}_{place}"] = _first([(condition, _given(raw[column])) for _, condition in found])
    whole = raw.select(**typed, **marks).cache()
    return {
        column: whole.select(*typed, **{RULE: whole[f"{RULE}_{place}"], VALUE: whole[f"{VALUE}_{place}"]})
        for place, column in enumerate(columns)
    }


def _judged(
    raw: ir.Table, contract: TableContract, source: SourceSettings
) -> tuple[dict[str, Any], list[tuple[str, str, Any]]]:
    """Return the typed columns, and for each rule of a column the condition under which a row breaks it."""
    _require_columns(raw, contract, source)
    columns = [c for c in contract.columns if c.name in raw.columns]
    typed: dict[str, Any] = {}
    rules: list[tuple[str, str, Any]] = []
    for column in columns:
        value, broken = _typed(raw[column.name], column, contract, source)
        typed[column.name] = value
        rules += [(rule, column.name, condition) for rule, condition in broken]
    for start, end in contract.intervals:
        if start in typed and end in typed:
            rules.append(("reversed", end, typed[end] < typed[start]))
    return typed, rules


def _given(value: Any) -> Any:
    """Return a raw value as the text it came as, where it has one."""
    kind = value.type()
    is_plain = kind.is_string() or kind.is_numeric() or kind.is_temporal() or kind.is_boolean()
    return value.cast("string") if is_plain else ibis.null("string")


def _first(marks: Sequence[tuple[Any, Any]]) -> Any:
    return ibis.cases(*marks, else_=ibis.null("string")) if marks else ibis.null("string")


def unlisted_columns(raw: ir.Table, contract: TableContract) -> tuple[str, ...]:
    """Return the columns the mapping yields that nobody asked for; they are dropped and named once."""
    known = {column.name for column in contract.columns}
    return tuple(name for name in raw.columns if name not in known)


def _require_columns(raw: ir.Table, contract: TableContract, source: SourceSettings) -> None:
    listed = source.attributes if contract.name in ("customers", "matrix") else ()
    needed = [c.name for c in contract.columns if c.required or c.name in listed]
    absent = [name for name in needed if name not in raw.columns]
    if absent:
        raise DataRefused(
            f"required column{'s' if len(absent) > 1 else ''} {', '.join(absent)} missing; the mapping yields "
            f"{', '.join(raw.columns)}{did_you_mean(absent[0], raw.columns)}",
            table=contract.name,
            column=absent[0],
            code="missing_column",
            remedy=f"Let the SELECT of '{contract.name}' in the source file yield it",
        )


Rules = list[tuple[str, Any]]


def _typed(value: Any, column: Column, contract: TableContract, source: SourceSettings) -> tuple[Any, Rules]:
    if value.type().is_unknown():  # a bare NULL in the SELECT
        value = value.cast("string")
    if column.kind == "id":
        typed, rules = _as_id(value, column, contract)
    elif column.kind == "number":
        typed, rules = _as_number(value, column, contract)
    elif column.kind == "time":
        typed, rules = _as_utc(value, column, contract, source)
        if column.name == contract.time and contract.name in HAPPENED:
            rules.append(("future", typed >= ibis.literal(_after_tomorrow())))
    elif column.kind == "day":
        typed, rules = _as_day(value)
    else:
        _refuse_nested(value.type(), column, contract)
        typed, rules = _as_text(value, column)
        typed = scrub_text(typed, source.names_in_texts) if column.name == "text" else typed
    if column.required:
        rules.append(("null", typed.isnull()))
    return typed, rules


def _as_id(value: Any, column: Column, contract: TableContract) -> tuple[Any, Rules]:
    kind = value.type()
    if kind.is_floating() or (kind.is_decimal() and kind.scale != 0):
        raise DataRefused(
            "ids arrive as floating point numbers, which lose digits" if kind.is_floating()
            else f"ids arrive as {kind}, whose digits after the point no other table has",
            table=contract.name,
            column=column.name,
            code="float_id",
            remedy="Export or map them as text or whole numbers",
        )  # fmt: skip
    _refuse_nested(kind, column, contract)
    text = value.cast("string").replace("\0", "")
    return ibis.ifelse(text.re_search(_VISIBLE), text, ibis.null("string")), []


def _refuse_nested(kind: Any, column: Column, contract: TableContract) -> None:
    """Refuse lists, structs and maps where a text is asked for: how an engine prints them is no value."""
    if kind.is_nested():
        raise DataRefused(
            f"a text arrives as {kind}",
            table=contract.name,
            column=column.name,
            code="nested_value",
            remedy="Take one part of it in the SELECT, for example column.part or column[1], or "
            "array_to_string(column, ' ')",
        )


def _as_text(value: Any, column: Column) -> tuple[Any, Rules]:
    text = value.cast("string").replace("\0", "").nullif("")
    rules: Rules = [("unknown_value", text.notnull() & ~text.isin(column.allowed))] if column.allowed else []
    return text, rules


def _as_number(value: Any, column: Column, contract: TableContract) -> tuple[Any, Rules]:
    rules: Rules = []
    if value.type().is_string():
        stripped = value.strip().nullif("")
        number = stripped.try_cast("float64")
        rules.append(("not_a_number", stripped.notnull() & number.isnull()))
    elif not (value.type().is_numeric() or value.type().is_boolean() or value.type().is_null()):
        raise DataRefused(
            f"a number arrives as {value.type()}",
            table=contract.name,
            column=column.name,
            code="not_a_number",
            remedy="Map it in the SELECT (of a date, date_diff('day', column, another); of a length of time, "
            "epoch(column) / 3600 for hours), or give it the role category",
        )
    else:
        number = value.cast("float64")
    number = ibis.ifelse(number.isnan(), ibis.null("float64"), number)
    rules.append(("out_of_range", number < (-LARGEST if column.low is None else column.low)))
    rules.append(("out_of_range", number > (LARGEST if column.high is None else column.high)))
    return number, rules


def _as_utc(value: Any, column: Column, contract: TableContract, source: SourceSettings) -> tuple[Any, Rules]:
    kind = value.type()
    rules: Rules = []
    if kind.is_string():
        utc, rules = _parse_times(_without_sentinels(value.strip().nullif(""), source), source)
    elif kind.is_timestamp() and kind.timezone is not None:
        utc = _without_sentinels(value, source).cast(dt.Timestamp("UTC")).cast("timestamp(6)")
    elif kind.is_date() or kind.is_timestamp():
        _require_zone(column, contract, source)
        utc, rules = _local_to_utc(_without_sentinels(value, source).cast("timestamp(6)"), source)
    elif kind.is_null():
        utc = value.cast("timestamp(6)")
    else:
        raise DataRefused(
            f"a point in time arrives as {kind}",
            table=contract.name,
            column=column.name,
            code="not_a_time",
            remedy="Map it in the SELECT, for example epoch_ms(column) or to_timestamp(column)",
        )
    low, high = (datetime.combine(day, time()) for day in (source.earliest_date, source.latest_date))
    rules.append(("outside_sane_dates", (utc < low) | (utc >= high)))
    return utc, rules


def _as_day(value: Any) -> tuple[Any, Rules]:
    """Return a calendar day as its midnight, in no zone: a day that is stated as such is never moved."""
    rules: Rules = []
    if value.type().is_string():
        stripped = value.strip().nullif("")
        day = ibis.ifelse(stripped.re_search(_NAIVE), stripped.substr(0, 10), ibis.null("string")).try_cast("date")
        rules.append(("not_a_time", stripped.notnull() & day.isnull()))
    else:
        day = value.cast(dt.Timestamp("UTC")).date() if getattr(value.type(), "timezone", None) else value.cast("date")
    return day.cast("timestamp(6)"), rules


def _after_tomorrow() -> datetime:
    """Return the midnight after tomorrow, UTC: past every time zone and any honest clock."""
    return datetime.combine(datetime.now(UTC).date() + timedelta(days=2), time())


def _without_sentinels(value: Any, source: SourceSettings) -> Any:
    """Return the raw times without placeholders, which are days as the source writes them, in no zone."""
    if not source.sentinel_dates:
        return value
    is_text = value.type().is_string()
    day = value.substr(0, 10) if is_text else value.cast("date")
    listed = [sentinel.isoformat() if is_text else sentinel for sentinel in source.sentinel_dates]
    return ibis.ifelse(day.isin(listed), ibis.null(value.type()), value)


def _parse_times(text: Any, source: SourceSettings) -> tuple[Any, Rules]:
    nothing = ibis.null("string")
    aware = ibis.ifelse(text.re_search(_AWARE), text, nothing).try_cast(dt.Timestamp("UTC"))
    naive = ibis.ifelse(text.re_search(_NAIVE), text, nothing).try_cast("timestamp(6)")
    rules: Rules = [("not_a_time", text.notnull() & aware.isnull() & naive.isnull())]
    aware_utc = aware.cast("timestamp(6)")
    if source.time_zone is None:
        rules.append(("naive_time", naive.notnull()))
        return ibis.coalesce(aware_utc, naive), rules
    utc, moved = _local_to_utc(naive, source)
    return ibis.coalesce(aware_utc, utc), [*rules, *moved]


def _require_zone(column: Column, contract: TableContract, source: SourceSettings) -> None:
    if source.time_zone is None:
        raise DataRefused(
            "timestamps carry no time zone and the source states none",
            table=contract.name,
            column=column.name,
            code="naive_time",
            remedy="State time_zone: in the source file, for example time_zone: UTC",
        )


def _local_to_utc(local: Any, source: SourceSettings) -> tuple[Any, Rules]:
    """Return local times as UTC, and the rule for those that a change of the clocks skips or repeats.

    A skipped time moves forward by the hour that is missing, a repeated one is read as the later.
    """
    zone = str(source.time_zone)
    if zone.upper() == "UTC":
        return local, []
    instant = timezone(zone, local)
    is_skipped = local_time(zone, instant) != local
    is_repeated = local_time(zone, instant - ibis.interval(hours=1)) == local
    rule = "clock_change" if source.clock_changes == "refuse" else MOVED
    return instant.cast("timestamp(6)"), [(rule, is_skipped | is_repeated)]

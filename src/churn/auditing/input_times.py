"""Which columns of a raw input hold points in time, and the SQL that reads each of them as the source's SELECTs do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from churn.integrations.engine import Engine, columns_of, identifier, quoted

SAMPLE = 5000
MONTH = "INTERVAL 1 MONTH - INTERVAL 1 MICROSECOND"
_ISO = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}.*)?$"
_OFFSET = r":\d{2}.*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"
_FORMAT = re.compile(r"'([^']*%[Yy][^']*)'")
_EPOCH = re.compile(r"\b(epoch_ms|to_timestamp)\s*\((?:\s*\w+\s*\()*\s*(?:\w+\.)?\"?(\w+)", re.IGNORECASE)
_MONTH, _DAY = re.compile("%-?[mbB]"), re.compile("%(-?[dj]|[aAuwxc])")
_LEFT_OUT = re.compile(r"\bEXCLUDE\s*(\([^)]*\)|\w+)", re.IGNORECASE)
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U")


@dataclass(frozen=True)
class TimeColumn:
    """A column of times: SQL that reads them as local ones, as instants, or as whichever a text says it is.

    `is_unread` where none of the source's SELECTs names it.
    """

    name: str
    local: str | None = None
    instant: str | None = None
    is_unread: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the column says by itself which instant is meant, in no need of a time zone."""
        return self.local is None

    def has_come(self, zone: str, as_of: date) -> str:
        """Return SQL that is true for times before midnight UTC; local times are compared in their own zone."""
        midnight = f"TIMESTAMPTZ '{as_of} 00:00:00+00'"
        local = f"{self.local} < timezone('{quoted(zone)}', {midnight})"
        instant = f"{self.instant} < {midnight}"
        if self.local is None or self.instant is None:
            come = instant if self.local is None else local
        else:
            come = f"CASE WHEN regexp_matches({identifier(self.name)}, '{_OFFSET}') THEN {instant} ELSE {local} END"
        return f"coalesce({come}, false)"


def find_times(
    engine: Engine, relation: str, selects: Iterable[str], stated: Mapping[str, str] = MappingProxyType({})
) -> dict[str, TimeColumn]:
    """Return the columns of an input that hold points in time.

    Text and whole numbers count where all of a sample read as times: in ISO 8601, in a format that the SELECTs read
    with `strptime`, or where they read the column as seconds or milliseconds. Of others it is `stated` by which SQL
    they become times.
    """
    kinds, written = columns_of(engine, relation), " ".join(selects)
    found = {name: _typed(name, kind) for name, kind in kinds.items() if kind.startswith(("DATE", "TIMESTAMP"))}
    found |= {name: TimeColumn(name, local=f"TRY_CAST(({sql}) AS TIMESTAMP)") for name, sql in stated.items()}
    candidates = {n: list(_readers(n, k, written)) for n, k in kinds.items() if n not in found}
    tests = [(name, reader, test) for name, readers in candidates.items() for reader, test in readers]
    if tests:
        sample = f"(FROM {relation} LIMIT {SAMPLE})"
        passed = engine.run(f"SELECT {', '.join(test for _, _, test in tests)} FROM {sample}")[0]
        for (name, reader, _), is_time in zip(tests, passed, strict=True):
            if is_time:
                found.setdefault(name, reader)
    words = set(re.findall(r"\w+", _LEFT_OUT.sub("", written)))
    return {name: replace(found[name], is_unread=name not in words) for name in kinds if name in found}


def _typed(name: str, kind: str) -> TimeColumn:
    if "TIME ZONE" in kind:
        return TimeColumn(name, instant=identifier(name))
    return TimeColumn(name, local=f"TRY_CAST({identifier(name)} AS TIMESTAMP)")


def _readers(name: str, kind: str, written: str) -> Iterable[tuple[TimeColumn, str]]:
    """Return what a column of text or whole numbers may be read by, each with SQL that tells whether it fits."""
    column = identifier(name)
    text = f"nullif(trim({column}::VARCHAR), '')"
    if kind == "VARCHAR":
        both = TimeColumn(name, f"TRY_CAST({column} AS TIMESTAMP)", f"TRY_CAST({column} AS TIMESTAMPTZ)")
        yield both, f"coalesce(bool_and(regexp_matches({text}, '{_ISO}')), false)"
    if kind != "VARCHAR" and not kind.startswith(_WHOLE):
        return
    read = [_read_by(text, f) for f in dict.fromkeys(_FORMAT.findall(written)) if "%z" not in f]
    units: Mapping[str, str] = {found: call.lower() for call, found in _EPOCH.findall(written)}
    if name in units:
        kind_of = "BIGINT" if units[name] == "epoch_ms" else "DOUBLE"
        read.append(f"timezone('UTC', {units[name]}(TRY_CAST({column} AS {kind_of}))::TIMESTAMPTZ)")
    for reader in read:
        yield TimeColumn(name, local=reader), f"count({text}) > 0 AND count({text}) = count({reader})"


def _read_by(text: str, written: str) -> str:
    """Return SQL that reads a text in a format; a month without a day has come when it is over."""
    is_month = _MONTH.search(written) and not _DAY.search(written)
    return f"TRY_STRPTIME({text}, '{written}')" + (f" + {MONTH}" if is_month else "")

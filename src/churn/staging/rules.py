"""Which broken rules refuse the whole table, which only reject the row, and what to say about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis.expr.types as ir

from churn.core.contract import LARGEST, TableContract
from churn.core.errors import EXAMPLE_IDS, DataRefused, refuse_together
from churn.core.source import SourceSettings
from churn.staging.id_shapes import explain_strangers
from churn.staging.typing import NOTE, RULE, VALUE

SHOWN = 40  # characters of a value in a message


@dataclass(frozen=True)
class Rule:
    """A rule in words; `share` names the source setting up to which rows are rejected instead of refused."""

    problem: str
    remedy: str
    share: str | None = None


RULES: Mapping[str, Rule] = {
    "null": Rule(
        "no value in a required column",
        "Complete the export, or raise {share} in the source file to reject such rows",
        "max_null_share",
    ),
    "not_a_number": Rule(
        "text that is not a number",
        "Map it in the SELECT: thousands with replace(column, ',', ''), a decimal comma with "
        "replace(replace(column, '.', ''), ',', '.'), words with column = 'Yes', "
        "placeholders with nullif(column, 'N/A')",
    ),
    "out_of_range": Rule(
        "values outside the contract's range [{low}, {high}]",
        "Correct the export or the mapping; infinities and sentinels must become null",
    ),
    "unknown_value": Rule(
        "values other than {allowed}",
        "Translate them in the SELECT with CASE column WHEN ... THEN ...",
    ),
    "not_a_time": Rule(
        "text that is not an ISO 8601 time",
        "Map it in the SELECT with strptime(column, '%d/%m/%Y') and the format it has, milliseconds with "
        "epoch_ms(column::BIGINT), placeholders with nullif(column, 'NULL')",
    ),
    "naive_time": Rule(
        "times without a time zone, and the source states none",
        "State time_zone: in the source file, for example time_zone: UTC",
    ),
    "clock_change": Rule(
        "local times that a change of the clocks skips or repeats",
        "Export them in UTC or with an offset, or set clock_changes: shift in the source file",
    ),
    "outside_sane_dates": Rule(
        "times outside [{earliest}, {latest})",
        "List placeholders under sentinel_dates in the source file, or move earliest_date / latest_date",
    ),
    "future": Rule(
        "things that have not happened yet: their time is to come (this machine's clock says {today})",
        "Correct the export or the mapping (day and month swapped?), or raise {share} to reject such rows",
        "max_future_share",
    ),
    "reversed": Rule(
        "ends before it starts",
        "Correct the export, or raise {share} in the source file to reject such rows",
        "max_reversed_share",
    ),
    "orphan": Rule(
        "rows of customers that the customers table does not have",
        "Export both tables at the same moment, or raise {share} in the source file",
        "max_orphan_share",
    ),
}


def count_marks(typed: ir.Table) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return the number of rows, the rows per broken `rule:column`, and the good rows per note."""
    broken, noted = Counter[str](), Counter[str]()
    total = 0
    for row in typed.group_by(RULE, NOTE).agg(rows=typed.count()).to_pyarrow().to_pylist():
        total += row["rows"]
        if row[RULE] is not None:
            broken[row[RULE]] += row["rows"]
        elif row[NOTE] is not None:
            noted[row[NOTE]] += row["rows"]
    return total, dict(broken), dict(noted)


def is_too_often(key: str, count: int, total: int, source: SourceSettings) -> bool:
    """Return whether a `rule:column` is broken by more of all rows than the source allows."""
    return count > _limit(key, source) * total


def _limit(key: str, source: SourceSettings) -> float:
    share = RULES[key.partition(":")[0]].share
    return float(getattr(source, share)) if share else 0.0


def refuse_broken(
    broken: Mapping[str, tuple[int, ir.Table]],
    total: int,
    contract: TableContract,
    source: SourceSettings,
    customers: ir.Table | None = None,
) -> None:
    """Refuse the table when rules are broken more often than the source allows.

    Parameters
    ----------
    broken
        How many rows break each `rule:column`, and a table with `broken_rule` from which example ids are taken.
    total
        Rows in the table.
    customers
        The known `customer_id`s: strangers that are customers written otherwise are told so.

    Raises
    ------
    DataRefused
        For every rule and column that is broken too often, by rule.
    """
    refusals = []
    for key, (count, rows) in sorted(broken.items(), key=lambda item: item[0]):
        name, column = key.split(":", 1)
        rule, limit = RULES[name], _limit(key, source)
        if is_too_often(key, count, total, source):
            concerned = rows.filter(rows[RULE] == key)
            hint = explain_strangers(concerned, customers) if name == "orphan" and customers is not None else None
            refusal = DataRefused(
                rule.problem.format(**_facts(contract, column, source)),
                remedy=hint or rule.remedy.format(share=f"{rule.share} (now {limit:g})"),
                table=contract.name,
                column=column,
                count=count,
                code=name,
                examples=_example_values(concerned, contract),
            )
            refusals.append(refusal)
    refuse_together(refusals)


def count_rules(rows: ir.Table) -> dict[str, int]:
    """Return how many rows break each `rule:column` of `broken_rule`."""
    counted = rows.filter(rows[RULE].notnull()).group_by(RULE).agg(rows=lambda t: t.count())
    return {row[RULE]: row["rows"] for row in counted.to_pyarrow().to_pylist()}


def _example_values(rows: ir.Table, contract: TableContract) -> list[str]:
    """Return up to five ids of broken rows, each with the value that stood there."""
    ids = example_ids(rows, contract)
    if not ids or rows.filter(rows[VALUE].notnull()).limit(1).to_pyarrow().num_rows == 0:
        return ids
    name = next(n for n in dict.fromkeys([*contract.key, "customer_id"]) if n in rows.columns)
    found = rows.select(name, VALUE).distinct().order_by([name, VALUE]).limit(EXAMPLE_IDS).to_pyarrow().to_pylist()
    return [f"{row[name]}: '{(row[VALUE] or '')[:SHOWN]}'" for row in found]


def example_ids(rows: ir.Table, contract: TableContract) -> list[str]:
    """Return up to five ids of rows concerned: the key where it is there, else the customer."""
    for name in dict.fromkeys([*contract.key, "customer_id"]):
        if name in rows.columns and rows[name].type().is_string():
            found = rows.select(name).drop_null().distinct().order_by(name).limit(EXAMPLE_IDS).to_pyarrow()
            if found.num_rows:
                return [str(value) for value in found[name].to_pylist()]
    return []


def _facts(contract: TableContract, column: str, source: SourceSettings) -> dict[str, object]:
    known = contract.column(column) if column in {c.name for c in contract.columns} else None
    return {
        "low": known.low if known and known.low is not None else -LARGEST,
        "high": known.high if known and known.high is not None else LARGEST,
        "allowed": ", ".join(known.allowed) if known else "",
        "earliest": source.earliest_date,
        "latest": source.latest_date,
        "today": datetime.now(UTC).date(),
    }

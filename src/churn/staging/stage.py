"""Staged tables: typed, deduplicated and checked, with the rejected rows beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, TableContract
from churn.core.errors import DataRefused, refuse_together
from churn.core.source import SourceSettings
from churn.staging.contracts import contract_of
from churn.staging.rules import RULES, count_marks, count_rules, example_ids, is_too_often, refuse_broken
from churn.staging.typing import NOTE, RULE, VALUE, mark_columns, type_columns, unlisted_columns

log = logging.getLogger(__name__)
HOUR_US = 3_600_000_000
Explain = Callable[[Exception, str], Exception]


@dataclass(frozen=True)
class StagedTable:
    """One staged table: good rows, rejected rows with `broken_rule`, and what was counted on the way."""

    contract: TableContract
    rows: ir.Table
    rejected: ir.Table
    rows_in: int
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_rejected(self) -> bool:
        """Whether any row was rejected."""
        return any(is_rejection(key) for key in self.counts)


def is_rejection(key: str) -> bool:
    """Return whether a count is of rejected rows; repeated and merely noted ones are not."""
    return key.partition(":")[0] in RULES


def _as_it_is(error: Exception, _table: str) -> Exception:
    return error


def stage_tables(
    raw: Mapping[str, ir.Table], source: SourceSettings, explain: Explain = _as_it_is
) -> dict[str, StagedTable]:
    """Return the staged tables of a source, customers first.

    Parameters
    ----------
    raw
        What the mapping's SELECTs yield, by canonical table name (`matrix` for a flat source).
    source
        Roles of attributes, time zone, tolerated shares.
    explain
        Says in other words what the engine says of the table of that name.

    Returns
    -------
    dict of str to StagedTable
        Same grain as the contract; facts carry `known_delay_us`; ordered by customer and time.

    Raises
    ------
    DataRefused
        For every table that breaks a rule more often than the source allows, all in one.
    """
    staged: dict[str, StagedTable] = {}
    refusals = []
    customers: ir.Table | None = None
    for name in sorted(raw, key=lambda table: table != "customers"):
        try:
            staged[name] = _stage_table(raw[name], contract_of(source, name), source, customers)
        except DataRefused as refusal:
            refusals.append(refusal)
            continue
        except Exception as error:
            raise explain(error, name) from error
        if name == "customers":
            customers = staged[name].rows.select("customer_id").distinct()
    refuse_together(refusals)
    return staged


def _stage_table(
    raw: ir.Table, contract: TableContract, source: SourceSettings, customers: ir.Table | None
) -> StagedTable:
    extra = [name for name in unlisted_columns(raw, contract) if name not in source.attributes]
    if extra:
        log.info("%s: columns nobody listed are dropped: %s", contract.name, ", ".join(extra))
    typed = type_columns(raw, contract, source)
    typed = (_mark_orphans(typed, customers) if customers is not None and contract.has_customer else typed).cache()
    total, broken, noted = count_marks(typed)
    floor = source.min_rows if contract.name in ("customers", "matrix") else 1
    if total < floor:
        raise DataRefused(
            f"{total:,} rows, fewer than {f'min_rows ({floor:,})' if floor > 1 else 'one'}",
            table=contract.name,
            code="too_few_rows",
            remedy="Did the export finish? Otherwise lower min_rows, or leave the table out of the source file",
        )
    if any(is_too_often(key, count, total, source) for key, count in broken.items()):
        in_full = {key: (count, typed) for key, count in broken.items() if key.startswith("orphan:")}
        for marked in mark_columns(raw, contract, source).values():
            in_full |= {key: (count, marked) for key, count in count_rules(marked).items()}
        refuse_broken(in_full, total, contract, source, customers)
    good = typed.filter(typed[RULE].isnull()).drop(RULE, NOTE, VALUE)
    unique, repeated = _keep_unique(good, contract)
    rows = _add_delay(unique, contract, source)
    counts = {**broken, **noted, **({"duplicate": repeated} if repeated else {})}
    order = [c for c in dict.fromkeys(("customer_id", contract.time, *contract.key)) if c in rows.columns]
    rejected = typed.filter(typed[RULE].notnull()).drop(NOTE)
    return StagedTable(contract, rows.order_by(order), rejected, total, counts)


def _mark_orphans(typed: ir.Table, customers: ir.Table) -> ir.Table:
    known = customers.mutate(is_known=True)
    joined = typed.left_join(known, "customer_id")
    is_orphan = joined.is_known.isnull() & joined[RULE].isnull()
    rule = ibis.ifelse(is_orphan, "orphan:customer_id", joined[RULE])
    value = ibis.ifelse(is_orphan, joined.customer_id, joined[VALUE])
    return joined.select(*[c for c in typed.columns if c not in (RULE, VALUE)], **{RULE: rule, VALUE: value})


def _keep_unique(rows: ir.Table, contract: TableContract) -> tuple[ir.Table, int]:
    key = [c for c in contract.key if c in rows.columns]
    if not key and contract.duplicates == "keep_one":
        key = list(rows.columns)
    if not key:
        raise DataRefused(
            f"none of the key columns {', '.join(contract.key)} is there",
            table=contract.name,
            code="missing_column",
            remedy=f"Let the SELECT of '{contract.name}' yield one",
        )
    keyed = rows.filter(rows[key[0]].notnull()) if len(key) == 1 else rows
    repeated = keyed.group_by(key).agg(copies=keyed.count())
    repeated = repeated.filter(repeated.copies > 1)
    surplus = int((repeated.copies.sum() - repeated.count()).to_pyarrow().as_py() or 0)
    if surplus == 0:
        return rows, 0
    if contract.duplicates == "refuse":
        raise DataRefused(
            f"the same {' + '.join(key)} more than once",
            table=contract.name,
            column=key[0],
            count=surplus,
            code="duplicate_key",
            examples=example_ids(repeated, contract),
            remedy=f"The grain is {contract.grain}: make the SELECT yield that, for example with QUALIFY row_number()",
        )
    return _first_of_each(rows, key), surplus


def _first_of_each(rows: ir.Table, key: list[str]) -> ir.Table:
    """Keep one row per key, the first in the order of all columns; rows whose key is null are all kept."""
    window = ibis.window(group_by=key, order_by=[c for c in rows.columns if c not in key] or key)
    numbered = rows.mutate(copy_number=ibis.row_number().over(window))
    has_null_key = ibis.or_(*[numbered[c].isnull() for c in key]) if len(key) == 1 else ibis.literal(False)
    return numbered.filter((numbered.copy_number == 0) | has_null_key).drop("copy_number")


def _add_delay(rows: ir.Table, contract: TableContract, source: SourceSettings) -> ir.Table:
    if not contract.is_fact or contract.name == "matrix":
        return rows
    lag = source.lag_hours.get(contract.name, 0) * HOUR_US
    if "known_at" not in rows.columns:
        return rows.mutate(**{DELAY: ibis.literal(lag, "int64")})
    late = rows.known_at.delta(rows[contract.time], unit="microsecond")
    delay = ibis.greatest(late.fill_null(0), 0) + lag
    return rows.mutate(**{DELAY: delay.cast("int64")}).drop("known_at")

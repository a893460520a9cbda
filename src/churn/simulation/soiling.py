"""Dirt laid over clean tables on their way to the disk; the process and its truth know nothing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn.core.contract import CONTRACT
from churn.simulation.accounts import customer_numbers
from churn.simulation.arrow import DAY_MICROSECONDS, clock, epoch_microseconds, ids
from churn.simulation.dirt import DirtSettings, SchemaChangeSettings
from churn.simulation.randomness import Purpose, generator, uniform
from churn.simulation.settings import DAYS_PER_MONTH, SimulationSettings
from churn.simulation.taxonomy import Flags, Ints

DELIVERED = ("events", "tickets", "payments", "messages", "responses")
OPTIONAL = MappingProxyType(
    {
        "customers": ("country", "segment", "acquisition_channel", "company_size"),
        "events": ("value",),
        "tickets": ("priority", "category", "csat", "text"),
        "payments": ("failure_code",),
        "messages": ("channel", "campaign"),
        "responses": ("score", "text"),
    }
)
LOST_IN_DRIFT = 1 / 3
ADDED_VALUE = "v2"


@dataclass(frozen=True)
class Delivery:
    """What is written of a table: `rows`, after a schema change also `changed` rows, and the dirt in it by kind."""

    rows: pa.Table
    changed: pa.Table | None
    counts: Mapping[str, int]


def deliver(settings: SimulationSettings, name: str, rows: pa.Table, block: int) -> Delivery:
    """Return a block's rows of a table as they are delivered; untouched where the settings ask for no dirt.

    Parameters
    ----------
    settings
        The company; `dirt` says what goes wrong.
    name
        The table.
    rows
        Its clean rows, in contract form.
    block
        Number of the block; with the seed it fixes which rows are hit.
    """
    if settings.dirt == DirtSettings() or name not in OPTIONAL:
        return Delivery(rows, None, {})
    counts: Counter[str] = Counter()
    rng = generator(settings.seed, Purpose.DIRT, block * len(OPTIONAL) + list(OPTIONAL).index(name))
    if name == "events":
        rows = _without_outage_day(settings, _drifted(settings, rows, rng, counts), counts)
    rows = _with_missing(settings.dirt, name, rows, rng, counts)
    if name in DELIVERED:
        rows = _with_orphans(settings, rows, rng, counts)
        rows = _with_late(settings.dirt, rows, rng, counts)
        rows = _with_duplicates(settings.dirt, name, rows, rng, counts)
    before, changed = _after_schema_change(settings.dirt.schema_change, name, rows, counts)
    return Delivery(before, changed, dict(counts))


def _hit(rng: np.random.Generator, rows: pa.Table, share: float) -> Flags:
    return np.asarray(uniform(rng, rows.num_rows) < share)


def _moments(rows: pa.Table, column: str) -> Ints:
    return np.asarray(rows[column].cast(pa.int64()).to_numpy())


def _put(rows: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), column, values)


def _drifted(settings: SimulationSettings, rows: pa.Table, rng: np.random.Generator, counts: Counter[str]) -> pa.Table:
    dirt = settings.dirt
    if dirt.drift_month is None:
        return rows
    begin = epoch_microseconds(settings.start_date) + (dirt.drift_month - 1) * DAYS_PER_MONTH * DAY_MICROSECONDS
    after = _moments(rows, "occurred_at") >= begin
    value = rows["value"].to_numpy()
    scaled = np.where(after, np.round(value * dirt.drift_factor, 1), value)
    common = max(settings.events, key=lambda event: event.weekly_rate).name
    is_common = pc.equal(rows["event_type"].cast(pa.string()), common).to_numpy(zero_copy_only=False)
    lost = after & is_common & _hit(rng, rows, LOST_IN_DRIFT)
    counts["drift_changed"] += int((after & ~lost & ~np.isnan(scaled)).sum())
    counts["drift_lost"] += int(lost.sum())
    return _put(rows, "value", pa.array(scaled, mask=np.isnan(scaled))).filter(pa.array(~lost))


def _without_outage_day(settings: SimulationSettings, rows: pa.Table, counts: Counter[str]) -> pa.Table:
    if settings.dirt.outage_date is None:
        return rows
    begin = epoch_microseconds(settings.dirt.outage_date)
    moments = _moments(rows, "occurred_at")
    lost = (moments >= begin) & (moments < begin + DAY_MICROSECONDS)
    counts["outage_lost"] += int(lost.sum())
    return rows.filter(pa.array(~lost))


def _with_missing(
    dirt: DirtSettings, name: str, rows: pa.Table, rng: np.random.Generator, counts: Counter[str]
) -> pa.Table:
    if dirt.missing_share == 0:
        return rows
    for column in OPTIONAL[name]:
        gone = pa.array(_hit(rng, rows, dirt.missing_share))
        kind = rows.schema.field(column).type
        plain = rows[column].cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
        emptied = pc.if_else(gone, pa.scalar(None, plain.type), plain)
        counts["missing"] += emptied.null_count - plain.null_count
        rows = _put(rows, column, emptied)
    return rows


def _with_orphans(
    settings: SimulationSettings, rows: pa.Table, rng: np.random.Generator, counts: Counter[str]
) -> pa.Table:
    lost = _hit(rng, rows, settings.dirt.orphan_share)
    if not lost.any():
        return rows
    stranger = customer_numbers(settings.customers, 1).repeat(rows.num_rows)
    counts["orphans"] += int(lost.sum())
    known = rows["customer_id"].cast(pa.string())
    return _put(rows, "customer_id", pc.if_else(pa.array(lost), ids("", (stranger, 8, "")), known))


def _with_late(dirt: DirtSettings, rows: pa.Table, rng: np.random.Generator, counts: Counter[str]) -> pa.Table:
    late = _hit(rng, rows, dirt.late_share)
    if not late.any():
        return rows
    delay = rng.exponential(dirt.late_days * 86_400, rows.num_rows).astype(np.int64) * 1_000_000
    counts["late"] += int(late.sum())
    return _put(rows, "known_at", clock(_moments(rows, "known_at") + np.where(late, delay, 0)))


def _with_duplicates(
    dirt: DirtSettings, name: str, rows: pa.Table, rng: np.random.Generator, counts: Counter[str]
) -> pa.Table:
    again = _hit(rng, rows, dirt.duplicate_share)
    if name not in dirt.duplicate_tables or not again.any():
        return rows
    counts["duplicates"] += int(again.sum())
    return pa.concat_tables([rows, rows.filter(pa.array(again))], promote_options="default")


def _after_schema_change(
    change: SchemaChangeSettings | None, name: str, rows: pa.Table, counts: Counter[str]
) -> tuple[pa.Table, pa.Table | None]:
    if change is None or change.table != name:
        return rows, None
    new = pa.array(_moments(rows, CONTRACT[name].time) >= epoch_microseconds(change.from_date))
    before, changed = rows.filter(pc.invert(new)), rows.filter(new)
    counts[f"schema_{change.kind}"] += changed.num_rows
    if change.kind == "renamed":
        names = [change.new_name if column == change.column else column for column in rows.column_names]
        return before, changed.rename_columns(names)
    if change.kind == "added":
        return before, changed.append_column(change.new_name, pa.array([ADDED_VALUE] * changed.num_rows, pa.string()))
    values = [None if value is None else f"{value:,.1f}" for value in changed[change.column].to_pylist()]
    return before, _put(changed, str(change.column), pa.array(values, pa.string()))

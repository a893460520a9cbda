"""featuretools with cutoff times: the windows and columns it can express, one pass over the dates per window.

It knows a single time of a fact, so it is given work without late facts. It has no window that ends before the cutoff,
and no log ratio of two windows: earlier windows and trends are left out. Runs on pandas below 3, with an interpreter of
its own.
"""

from __future__ import annotations

from pathlib import Path

import featuretools as ft
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from featuretools.primitives import Count, Mean, NumUnique, Sum, TimeSinceLast

from benchmarks.feature_work.names import filled_with
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, VALUE_TYPES, WINDOWS_DAYS, Work, snapshots

CUSTOMERS = "customers"


def build_featuretools(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:  # noqa: ARG001 it has no limit
    """Write the features; return what it cost; one process, one thread."""
    cohort = pd.concat([table.to_pandas() for table in snapshots(work, folder)], ignore_index=True)
    watch = Stopwatch()
    entities = _entities(folder)
    cutoffs = cohort.rename(columns={"as_of_date": "time"}).astype({"time": "datetime64[ns]"})
    parts = [_within(entities, cutoffs, days, _over_window(entities, days)) for days in WINDOWS_DAYS]
    recency = np.ceil(_within(entities, cutoffs, OBSERVATION_DAYS, _recency(entities)))
    table = pd.concat([*parts, recency], axis=1).astype("float64")
    filled = table.fillna({name: value for name, value in filled_with().items() if name in table}).reset_index()
    filled.rename(columns={"time": "as_of_date"}).assign(as_of_date=lambda t: t.as_of_date.dt.date).to_parquet(out)
    return watch.read()


def _entities(folder: Path) -> ft.EntitySet:
    customers, events, tickets = (
        pq.read_table(folder / f"{name}.parquet").to_pandas() for name in (CUSTOMERS, "events", "tickets")
    )
    events = events.assign(event_id=np.arange(len(events)), day=events.occurred_at.dt.dayofyear)
    hours = (tickets.resolved_at.dt.floor("s") - tickets.opened_at.dt.floor("s")) / pd.Timedelta(hours=1)
    csat = tickets.csat.where(tickets.resolved_at.notna())
    tickets = tickets.assign(resolution_hours=hours, csat=csat)
    entities = ft.EntitySet("work")
    entities.add_dataframe(dataframe_name=CUSTOMERS, dataframe=customers[["customer_id"]], index="customer_id")
    entities.add_dataframe(
        dataframe_name="events",
        dataframe=events[["event_id", "customer_id", "occurred_at", "event_type", "value", "day"]],
        index="event_id", time_index="occurred_at", logical_types={"event_type": "Categorical", "day": "Categorical"},
    )  # fmt: skip
    entities.add_dataframe(
        dataframe_name="tickets",
        dataframe=tickets[["ticket_id", "customer_id", "opened_at", "resolved_at", "resolution_hours", "csat"]],
        index="ticket_id", time_index="opened_at", secondary_time_index={"resolved_at": ["resolution_hours", "csat"]},
        logical_types={"csat": "Double"},
    )  # fmt: skip
    for name in ("events", "tickets"):
        entities.add_relationship(CUSTOMERS, "customer_id", name, "customer_id")
    return entities


def _within(
    entities: ft.EntitySet, cutoffs: pd.DataFrame, days: int, features: dict[str, ft.AggregationFeature]
) -> pd.DataFrame:
    """Return the features of every cutoff over `[cutoff - days, cutoff)`."""
    named = [feature.rename(name) for name, feature in features.items()]
    return ft.calculate_feature_matrix(
        named, entities, cutoff_time=cutoffs, cutoff_time_in_index=True, training_window=f"{days} days",
        include_cutoff_time=False,
    )  # fmt: skip


def _over_window(entities: ft.EntitySet, days: int) -> dict[str, ft.AggregationFeature]:
    events, tickets = entities["events"].ww, entities["tickets"].ww
    out = {
        f"eng_events_count_{days}d": _over(events["event_id"], Count),
        f"eng_active_days_count_{days}d": _over(events["day"], NumUnique),
        f"eng_types_count_{days}d": _over(events["event_type"], NumUnique),
        f"sup_tickets_count_{days}d": _over(tickets["ticket_id"], Count),
        f"sup_resolution_hours_mean_{days}d": _over(tickets["resolution_hours"], Mean),
        f"sup_csat_mean_{days}d": _over(tickets["csat"], Mean),
    }
    for name in EVENT_TYPES:
        is_type = ft.Feature(events["event_type"]) == name
        out[f"eng_{name}_count_{days}d"] = _over(events["event_id"], Count, is_type)
        if name in VALUE_TYPES:
            out[f"eng_{name}_value_sum_{days}d"] = _over(events["value"], Sum, is_type)
    return out


def _recency(entities: ft.EntitySet) -> dict[str, ft.AggregationFeature]:
    events, since = entities["events"].ww, TimeSinceLast(unit="days")
    out = {"eng_activity_recency_days": _over(events["occurred_at"], since)}
    for name in EVENT_TYPES:
        is_type = ft.Feature(events["event_type"]) == name
        out[f"eng_{name}_recency_days"] = _over(events["occurred_at"], since, is_type)
    return out


def _over(column: pd.Series, primitive: object, where: ft.Feature | None = None) -> ft.AggregationFeature:
    return ft.Feature(column, parent_dataframe_name=CUSTOMERS, primitive=primitive, where=where)

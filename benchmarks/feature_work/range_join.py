"""The naive way: snapshots joined with every event in reach, in one DuckDB query with a FILTER per column."""

from __future__ import annotations

from pathlib import Path

from benchmarks.feature_work.duck import open_work
from benchmarks.feature_work.names import VALUED, filled_with
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, WINDOWS_DAYS, Work

VISIBLE = (
    "greatest(occurred_at::date + 1, "
    "(occurred_at + to_microseconds(known_delay_us) - INTERVAL 1 MICROSECOND)::date + 1)"
)


def build_range_join(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:
    """Write the engagement features; return what it cost."""
    con = open_work(work, folder, out, memory_limit)
    watch = Stopwatch()
    con.execute(f"COPY ({_query(folder)}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
    return watch.read()


def _query(folder: Path) -> str:
    empty = filled_with()
    columns = [f"coalesce(({sql})::DOUBLE, {empty[name]}) AS {name}" for name, sql in _columns().items()]
    return f"""
        WITH facts AS (
            SELECT customer_id, event_type, value, occurred_at::date AS happened, {VISIBLE} AS visible
            FROM '{folder / "events.parquet"}')
        SELECT s.customer_id, s.as_of_date, {", ".join(columns)}
        FROM snapshots s LEFT JOIN facts e ON e.customer_id = s.customer_id AND visible <= as_of_date
            AND happened >= as_of_date - {OBSERVATION_DAYS}
        GROUP BY s.customer_id, s.as_of_date"""


def _columns() -> dict[str, str]:
    recency = "least(date_diff('day', max(happened) {0}, s.as_of_date), " + f"{OBSERVATION_DAYS})"
    out = {"eng_activity_recency_days": recency.format("")}
    for days in WINDOWS_DAYS:
        inside = f"happened >= as_of_date - {days}"
        before = f"happened >= as_of_date - {2 * days} AND happened < as_of_date - {days}"
        active, prior = (f"count(DISTINCT happened) FILTER ({stretch})" for stretch in (inside, before))
        events, former = (f"count(happened) FILTER ({stretch})" for stretch in (inside, before))
        out |= {
            f"eng_active_days_count_{days}d": active,
            f"eng_events_count_{days}d": events,
            f"eng_types_count_{days}d": f"count(DISTINCT event_type) FILTER ({inside})",
            f"eng_active_days_prior_{days}d": prior,
            f"eng_active_days_trend_{days}d": f"ln(({active} + 1) / ({prior} + 1))",
            f"eng_events_trend_{days}d": f"ln(({events} + 1) / ({former} + 1))",
        }
        for i, name in enumerate(EVENT_TYPES):
            of_type, earlier = (f"FILTER (event_type = '{name}' AND {stretch})" for stretch in (inside, before))
            out[f"eng_{name}_count_{days}d"] = f"count(happened) {of_type}"
            out[f"eng_{name}_trend_{days}d"] = f"count(happened) {of_type} - count(happened) {earlier}"
            if i in VALUED:
                out[f"eng_{name}_value_sum_{days}d"] = f"sum(value) {of_type}"
    for name in EVENT_TYPES:
        out[f"eng_{name}_recency_days"] = recency.format(f"FILTER (event_type = '{name}')")
    return out

"""The project's plan by hand: the same segments, groups of customers, columns and order, in SQL for DuckDB.

What the project takes longer than this is the price of writing expressions.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb

from benchmarks.feature_work.duck import open_work
from benchmarks.feature_work.names import HOURS, VALUED, filled_with
from benchmarks.feature_work.plan import BITS, LOOKS, calendar, membership
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, WINDOWS_DAYS, Work

ROWS_PER_GROUP = 250_000
TYPES = range(len(EVENT_TYPES))
SUMS = ("events", *(f"n{i}" for i in TYPES), *(f"v{i}" for i in VALUED))
LASTS = ("last", *(f"last{i}" for i in TYPES))
VISIBLE = "greatest({0}::date + 1, ({0} + to_microseconds(known_delay_us) - INTERVAL 1 MICROSECOND)::date + 1)"
HOURS_UNTIL = "(floor(epoch({0})) - floor(epoch(opened_at))) / 3600"
TICKET_TIMES = ("opened_at", "first_response_at", "resolved_at", "reopened_at", "escalated_at")


def build_sql(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:
    """Write the features in order of date and customer; return what it cost."""
    con = open_work(work, folder, out, memory_limit)
    watch = Stopwatch()
    _write_plan(con, work)
    families = {"engagement": _engagement(work, folder), "support": _support(folder)}
    groups = _groups(con)
    for name, query in families.items():
        for number, group in enumerate(groups):
            made = f"CREATE TABLE {name} AS" if number == 0 else f"INSERT INTO {name}"
            con.execute(f"{made} {query.format(group=group)}")
    empty = filled_with()
    columns = [row[0] for name in families for row in con.execute(f"DESCRIBE {name}").fetchall()]
    filled = [f"coalesce({c}, {empty[c]}) AS {c}" if c in empty else c for c in columns if c.startswith(("eng", "sup"))]
    con.execute(
        f"COPY (SELECT customer_id, as_of_date, {', '.join(filled)} FROM snapshots "
        "LEFT JOIN engagement USING (customer_id, as_of_date) LEFT JOIN support USING (customer_id, as_of_date) "
        f"ORDER BY as_of_date, customer_id) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
    )
    return watch.read()


def _write_plan(con: duckdb.DuckDBPyConnection, work: Work) -> None:
    words = ", ".join(f"{word} BIGINT" for word in BITS)
    con.execute("CREATE TABLE calendar (day DATE, segment INTEGER, bit BIGINT)")
    con.executemany("INSERT INTO calendar VALUES (?, ?, ?)", calendar(work))
    flags = ", ".join(f"{look} DOUBLE" for look in LOOKS)
    con.execute(f"CREATE TABLE membership (as_of_date DATE, segment INTEGER, {flags}, {words})")
    con.executemany(
        f"INSERT INTO membership VALUES ({', '.join('?' * (2 + len(LOOKS) + len(BITS)))})", membership(work)
    )


def _groups(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return conditions on `customer_id` that part the cohort into groups of about so many rows."""
    firsts = con.execute(
        "SELECT min(customer_id) FROM (SELECT customer_id, sum(count(*)) OVER (ORDER BY customer_id) - 1 AS place "
        f"FROM snapshots GROUP BY customer_id) GROUP BY place // {ROWS_PER_GROUP} ORDER BY 1"
    ).fetchall()
    bounds = [*(row[0] for row in firsts), "~"]
    return [f"customer_id >= '{first}' AND customer_id < '{until}'" for first, until in pairwise(bounds)]


def _engagement(work: Work, folder: Path) -> str:
    dates = work.as_of_dates
    first_seen = " ".join(f"WHEN late <= DATE '{day}' THEN DATE '{day}'" for day in dates)
    on_time = " ".join(f"WHEN day < DATE '{day}' THEN DATE '{day}'" for day in dates)
    start = dates[0] - timedelta(days=OBSERVATION_DAYS)
    is_type = [f"event_type = '{name}'" for name in EVENT_TYPES]
    per_segment = [
        "count(*)::DOUBLE AS events", "max(day) AS last", "bit_or(bit) AS bits",
        *(f"(count(*) FILTER ({is_type[i]}))::DOUBLE AS n{i}" for i in TYPES),
        *(f"coalesce(sum(value) FILTER ({is_type[i]}), 0) AS v{i}" for i in VALUED),
        *(f"max(day) FILTER ({is_type[i]}) AS last{i}" for i in TYPES),
    ]  # fmt: skip
    per_date = [
        *(f"sum({name} * {look}) AS {look}__{name}" for look in LOOKS for name in SUMS if _is_read(look, name)),
        *(f"bit_or(bits * {word}) AS {word}" for word in BITS),
        *(f"max({name}) AS {name}" for name in LASTS),
    ]
    return f"""
        WITH marked AS (
            SELECT customer_id, event_type, occurred_at::DATE AS day, round(value * 1048576) / 1048576 AS value,
                CASE WHEN known_delay_us <> 0 THEN {VISIBLE.format("occurred_at")} END AS late
            FROM '{folder / "events.parquet"}'
            WHERE occurred_at >= TIMESTAMP '{start}' AND occurred_at < TIMESTAMP '{dates[-1]}' AND {{group}}),
        placed AS (
            SELECT *, CASE WHEN late IS NOT NULL THEN CASE {first_seen} END ELSE CASE {on_time} END END AS seen
            FROM marked JOIN calendar USING (day)),
        parts AS (
            SELECT customer_id, segment, seen, {", ".join(per_segment)}
            FROM placed GROUP BY customer_id, segment, seen),
        summed AS (
            SELECT customer_id, as_of_date, {", ".join(per_date)}
            FROM parts JOIN membership USING (segment) WHERE seen <= as_of_date GROUP BY customer_id, as_of_date)
        SELECT customer_id, as_of_date, {_named(_engagement_columns())} FROM summed"""


def _named(columns: dict[str, str]) -> str:
    return ", ".join(f"({sql})::DOUBLE AS {name}" for name, sql in columns.items())


def _is_read(look: str, name: str) -> bool:
    return look.startswith("in_") or not name.startswith("v")


def _engagement_columns() -> dict[str, str]:
    out = {"eng_activity_recency_days": "as_of_date - last"}
    for days in WINDOWS_DAYS:
        active, prior = _active(f"in_{days}"), _active(f"before_{days}")
        out |= {
            f"eng_active_days_count_{days}d": active,
            f"eng_events_count_{days}d": f"in_{days}__events",
            f"eng_types_count_{days}d": " + ".join(f"(in_{days}__n{i} > 0)::INTEGER" for i in TYPES),
            f"eng_active_days_prior_{days}d": prior,
            f"eng_active_days_trend_{days}d": f"ln(({active} + 1)::DOUBLE / ({prior} + 1))",
            f"eng_events_trend_{days}d": f"ln((in_{days}__events + 1) / (before_{days}__events + 1))",
        }
    for days in WINDOWS_DAYS[:-1]:
        usual = f"({_active(f'in_{WINDOWS_DAYS[-1]}')}) * {days / WINDOWS_DAYS[-1]}"
        out[f"eng_active_days_pace_trend_{days}d"] = f"ln(({_active(f'in_{days}')} + 1)::DOUBLE / ({usual} + 1))"
    for i, name in enumerate(EVENT_TYPES):
        out |= {f"eng_{name}_count_{days}d": f"in_{days}__n{i}" for days in WINDOWS_DAYS}
        out |= {f"eng_{name}_trend_{days}d": f"in_{days}__n{i} - before_{days}__n{i}" for days in WINDOWS_DAYS}
        out[f"eng_{name}_recency_days"] = f"coalesce(as_of_date - last{i}, {OBSERVATION_DAYS})"
        if i in VALUED:
            out |= {f"eng_{name}_value_sum_{days}d": f"in_{days}__v{i}" for days in WINDOWS_DAYS}
            inside = f"in_{WINDOWS_DAYS[-1]}"
            out[f"eng_{name}_value_mean_{WINDOWS_DAYS[-1]}d"] = f"{inside}__v{i} / nullif({inside}__n{i}, 0)"
    return out


def _active(look: str) -> str:
    return " + ".join(f"bit_count({word} & {mask})" for word, mask in zip(BITS, LOOKS[look], strict=True) if mask)


def _support(folder: Path) -> str:
    visible = ", ".join(f"{VISIBLE.format(time)} AS {time}_visible" for time in TICKET_TIMES)
    masked = ", ".join(f"CASE WHEN {time}_visible <= as_of_date THEN {time} END AS {time}" for time in TICKET_TIMES[1:])
    return f"""
        WITH tickets AS (SELECT *, {visible} FROM '{folder / "tickets.parquet"}' WHERE {{group}}),
        known AS (
            SELECT customer_id, as_of_date, opened_at, csat, {masked}
            FROM tickets JOIN snapshots USING (customer_id) WHERE opened_at_visible <= as_of_date),
        rows AS (
            SELECT *, opened_at::DATE AS opened,
                resolved_at IS NULL OR coalesce(reopened_at > resolved_at, false) AS is_open
            FROM known)
        SELECT customer_id, as_of_date, {_named(_support_columns())}
        FROM rows WHERE opened >= as_of_date - {OBSERVATION_DAYS} OR is_open GROUP BY customer_id, as_of_date"""


def _support_columns() -> dict[str, str]:
    out = {
        "sup_tickets_recency_days": f"least(as_of_date - max(opened), {OBSERVATION_DAYS})",
        "sup_open_count": "count(*) FILTER (is_open)",
        "sup_open_age_days": "as_of_date - min(opened) FILTER (is_open)",
        "sup_unanswered_count": "count(*) FILTER (is_open AND first_response_at IS NULL)",
    }
    for days in WINDOWS_DAYS:
        inside = f"opened >= as_of_date - {days}"
        out |= {
            f"sup_tickets_count_{days}d": f"count(*) FILTER ({inside})",
            f"sup_escalated_count_{days}d": f"count(*) FILTER (escalated_at::DATE >= as_of_date - {days})",
            f"sup_reopened_count_{days}d": f"count(*) FILTER (reopened_at::DATE >= as_of_date - {days})",
            f"sup_csat_mean_{days}d": f"avg(csat) FILTER (resolved_at IS NOT NULL AND {inside})",
        } | {
            f"sup_{name}_hours_mean_{days}d": f"avg({HOURS_UNTIL.format(time)}) FILTER ({inside})"
            for name, time in HOURS.items()
        }
    return out

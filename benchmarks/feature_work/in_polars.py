"""The best hand-written Polars pipeline we know of: lazy, streaming, segments, day bits, flags multiplied."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.feature_work.names import HOURS, VALUED, filled_with
from benchmarks.feature_work.plan import BITS, LOOKS, calendar, first_dates, membership
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, WINDOWS_DAYS, Work, snapshots

DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
KEY = ["customer_id", "as_of_date"]


def build_polars(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:  # noqa: ARG001 Polars has no limit
    """Write the features; return what it cost."""
    cohort = pl.concat([pl.from_arrow(table) for table in snapshots(work, folder)])
    watch = Stopwatch()
    table = (
        cohort.lazy()
        .join(_engagement(work, folder), on=KEY, how="left")
        .join(_support(work, folder), on=KEY, how="left")
    )
    filled = table.with_columns(pl.col(name).fill_null(value) for name, value in filled_with().items())
    filled.sink_parquet(out, compression="zstd", engine="streaming")
    return watch.read()


def _visible(time: str) -> pl.Expr:
    known = pl.col(time) + pl.duration(microseconds="known_delay_us")
    return pl.max_horizontal(pl.col(time).dt.date() + DAY, (known - MICROSECOND).dt.date() + DAY)


def _visible_mostly() -> pl.Expr:
    at_once = pl.col("occurred_at").dt.date() + DAY
    return pl.when(pl.col("known_delay_us") == 0).then(at_once).otherwise(_visible("occurred_at"))


def _engagement(work: Work, folder: Path) -> pl.LazyFrame:
    days = pl.DataFrame(calendar(work), schema={"day": pl.Date, "segment": pl.Int32, "bit": pl.Int64}, orient="row")
    firsts = pl.DataFrame(first_dates(work), schema={"visible": pl.Date, "seen": pl.Date}, orient="row")
    flags = {
        "as_of_date": pl.Date,
        "segment": pl.Int32,
        **dict.fromkeys(LOOKS, pl.Float64),
        **dict.fromkeys(BITS, pl.Int64),
    }
    member = pl.DataFrame(membership(work), schema=flags, orient="row")
    first, last = days["day"].min(), work.as_of_dates[-1]
    events = (
        pl.scan_parquet(folder / "events.parquet")
        .filter(pl.col("occurred_at") >= first, pl.col("occurred_at") < last)
        .select("customer_id", "event_type", "value", day=pl.col("occurred_at").dt.date(), visible=_visible_mostly())
        .join(days.lazy(), on="day")
        .join(firsts.lazy(), on="visible")
    )  # fmt: skip
    is_type = [pl.col("event_type") == name for name in EVENT_TYPES]
    parts = events.group_by("customer_id", "segment", "seen").agg(
        pl.col("bit").bitwise_or(),
        last=pl.col("day").max(),
        events=pl.len(),
        **{f"n{i}": match.sum() for i, match in enumerate(is_type)},
        **{f"v{i}": pl.when(is_type[i]).then("value").sum() for i in VALUED},
        **{f"last{i}": pl.when(match).then("day").max() for i, match in enumerate(is_type)},
    )
    counts = ["events", *(f"n{i}" for i in range(len(EVENT_TYPES)))]
    sums = [*counts, *(f"v{i}" for i in VALUED)]
    lasts = ["last", *(f"last{i}" for i in range(len(EVENT_TYPES)))]
    seen = parts.with_columns(pl.col(counts).cast(pl.Float64)).join(member.lazy(), on="segment")
    total = seen.filter(pl.col("seen") <= pl.col("as_of_date")).group_by(KEY).agg(
        *[(pl.col(c) * pl.col(f"in_{d}")).sum().alias(f"in_{d}__{c}") for d in WINDOWS_DAYS for c in sums],
        *[(pl.col(c) * pl.col(f"before_{d}")).sum().alias(f"before_{d}__{c}") for d in WINDOWS_DAYS for c in counts],
        *[(pl.col("bit") * pl.col(word)).bitwise_or().alias(word) for word in BITS],
        *[pl.col(c).max() for c in lasts],
    )  # fmt: skip
    return total.select(*KEY, *_engagement_columns())


def _engagement_columns() -> list[pl.Expr]:
    out = []
    for days in WINDOWS_DAYS:
        active, prior = _active(f"in_{days}"), _active(f"before_{days}")
        events, before = pl.col(f"in_{days}__events"), pl.col(f"before_{days}__events")
        types = pl.sum_horizontal((pl.col(f"in_{days}__n{i}") > 0).cast(pl.Float64) for i in range(len(EVENT_TYPES)))
        out += [
            active.alias(f"eng_active_days_count_{days}d"),
            events.alias(f"eng_events_count_{days}d"),
            types.alias(f"eng_types_count_{days}d"),
            prior.alias(f"eng_active_days_prior_{days}d"),
            ((active + 1) / (prior + 1)).log().alias(f"eng_active_days_trend_{days}d"),
            ((events + 1) / (before + 1)).log().alias(f"eng_events_trend_{days}d"),
        ]
    longest = WINDOWS_DAYS[-1]
    usual = _active(f"in_{longest}")
    out += [
        ((_active(f"in_{d}") + 1) / (usual * (d / longest) + 1)).log().alias(f"eng_active_days_pace_trend_{d}d")
        for d in WINDOWS_DAYS[:-1]
    ]
    out.append(_since("last").alias("eng_activity_recency_days"))
    for i, name in enumerate(EVENT_TYPES):
        counts = {d: pl.col(f"in_{d}__n{i}") for d in WINDOWS_DAYS}
        out += [count.alias(f"eng_{name}_count_{d}d") for d, count in counts.items()]
        out += [(count - pl.col(f"before_{d}__n{i}")).alias(f"eng_{name}_trend_{d}d") for d, count in counts.items()]
        if i in VALUED:
            values = {d: pl.col(f"in_{d}__v{i}") for d in WINDOWS_DAYS}
            out += [value.alias(f"eng_{name}_value_sum_{d}d") for d, value in values.items()]
            mean = pl.when(counts[longest] > 0).then(values[longest] / counts[longest])
            out.append(mean.alias(f"eng_{name}_value_mean_{longest}d"))
        out.append(_since(f"last{i}").alias(f"eng_{name}_recency_days"))
    return out


def _active(look: str) -> pl.Expr:
    masks = LOOKS[look]
    return pl.sum_horizontal(
        (pl.col(word) & mask).bitwise_count_ones().cast(pl.Float64)
        for word, mask in zip(BITS, masks, strict=True)
        if mask
    )


def _since(last: str) -> pl.Expr:
    return (pl.col("as_of_date") - pl.col(last)).dt.total_days().cast(pl.Float64).fill_null(float(OBSERVATION_DAYS))


def _support(work: Work, folder: Path) -> pl.LazyFrame:
    times = ["first_response_at", "resolved_at", "reopened_at", "escalated_at"]
    dates = pl.LazyFrame({"as_of_date": list(work.as_of_dates)}, schema={"as_of_date": pl.Date})
    tickets = pl.scan_parquet(folder / "tickets.parquet").with_columns(
        **{f"{time}_visible": _visible(time) for time in ["opened_at", *times]}
    )
    as_of = pl.col("as_of_date")
    seen = tickets.join(dates, how="cross").filter(pl.col("opened_at_visible") <= as_of)
    seen = seen.with_columns(pl.when(pl.col(f"{time}_visible") <= as_of).then(time).alias(time) for time in times)
    is_open = pl.col("resolved_at").is_null() | (pl.col("reopened_at") > pl.col("resolved_at")).fill_null(value=False)
    opened = pl.col("opened_at").dt.date()
    seen = seen.with_columns(is_open=is_open, opened=opened)
    seen = seen.filter((pl.col("opened") >= as_of - timedelta(days=OBSERVATION_DAYS)) | pl.col("is_open"))
    seen = seen.with_columns(
        ((pl.col(column).dt.truncate("1s") - pl.col("opened_at").dt.truncate("1s")).dt.total_seconds() / 3600.0).alias(
            f"{name}_hours"
        )
        for name, column in HOURS.items()
    )
    out = [
        (pl.col("as_of_date").first() - pl.col("opened").max()).dt.total_days().clip(upper_bound=OBSERVATION_DAYS)
        .cast(pl.Float64).alias("sup_tickets_recency_days"),
        pl.col("is_open").sum().cast(pl.Float64).alias("sup_open_count"),
        (pl.col("as_of_date").first() - pl.when("is_open").then("opened").min()).dt.total_days().cast(pl.Float64)
        .alias("sup_open_age_days"),
        (pl.col("first_response_at").is_null() & pl.col("is_open")).sum().cast(pl.Float64)
        .alias("sup_unanswered_count"),
    ]  # fmt: skip
    for days in WINDOWS_DAYS:
        start = as_of - timedelta(days=days)
        inside = pl.col("opened") >= start
        out += [
            inside.sum().cast(pl.Float64).alias(f"sup_tickets_count_{days}d"),
            (pl.col("escalated_at").dt.date() >= start).sum().cast(pl.Float64).alias(f"sup_escalated_count_{days}d"),
            (pl.col("reopened_at").dt.date() >= start).sum().cast(pl.Float64).alias(f"sup_reopened_count_{days}d"),
            *[
                pl.when(inside).then(f"{name}_hours").mean().alias(f"sup_{name}_hours_mean_{days}d")
                for name in HOURS
            ],
            pl.when(inside & pl.col("resolved_at").is_not_null()).then("csat").mean().alias(f"sup_csat_mean_{days}d"),
        ]  # fmt: skip
    return seen.group_by(KEY).agg(*out)

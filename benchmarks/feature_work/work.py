"""The work: staged tables of an invented company, written as `churn validate` writes them, and the question asked.

Customers sign up over time and some leave; events come at a rate of the customer's own, a few are known late. Files are
sorted by customer and time, as staged tables are. The same settings give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY_US = 86_400_000_000
EVENT_TYPES = (
    "alert", "api_call", "comment", "dashboard", "error", "export", "import", "invite", "login", "report", "search",
    "share",
)  # fmt: skip
VALUE_TYPES = ("api_call", "export", "import", "report", "search")
TYPE_SHARES = (0.03, 0.12, 0.08, 0.14, 0.03, 0.05, 0.04, 0.02, 0.24, 0.08, 0.12, 0.05)
WINDOWS_DAYS = (7, 30, 90)
OBSERVATION_DAYS = 180
CADENCE_DAYS = 30
HISTORY_DAYS = OBSERVATION_DAYS + 5 * CADENCE_DAYS  # what six monthly dates look back on
LAST = date(2024, 12, 1)
LATE_SHARE = 0.01
CHUNK = 25_000  # customers written at a time
ROW_GROUP = 122_880  # DuckDB's own


@dataclass(frozen=True)
class Work:
    """How much there is to do."""

    customers: int = 200_000
    events: int = 18_400_000
    tickets: int = 1_000_000
    dates: int = 6
    cadence_days: int = CADENCE_DAYS
    late_share: float = LATE_SHARE

    @property
    def name(self) -> str:
        """Return a folder name that tells the data apart (all choices of dates share them)."""
        return f"{self.customers}-{self.events}-{self.tickets}" + ("" if self.late_share else "-on-time")

    def times(self, share: float) -> Work:
        """Return a share of the work: so much less (or more) of everything but dates."""
        sizes = {name: round(getattr(self, name) * share) for name in ("customers", "events", "tickets")}
        return replace(self, **sizes)

    @property
    def as_of_dates(self) -> tuple[date, ...]:
        """Dates, ascending, the last one always the same."""
        return tuple(LAST - timedelta(days=self.cadence_days * back) for back in range(self.dates - 1, -1, -1))

    def to_dict(self) -> dict[str, float]:
        """Return all that makes the work."""
        return asdict(self)


def write_work(work: Work, parent: Path) -> Path:
    """Write `customers`, `events` and `tickets` of the work below `parent` unless they are there; return the folder."""
    folder = parent / work.name
    if (folder / "done").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"customers": _customers, "events": _events, "tickets": _tickets}
    for name, make in tables.items():
        writer: pq.ParquetWriter | None = None
        for start in range(0, work.customers, CHUNK):
            table = make(work, start, min(CHUNK, work.customers - start))
            writer = writer or pq.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd")
            writer.write_table(table, row_group_size=ROW_GROUP)
        if writer is not None:
            writer.close()
    (folder / "done").touch()
    return folder


def _lives(work: Work, start: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first and last day of each customer (from the start of history), and their own rate."""
    rng = np.random.default_rng([1, work.customers, start])
    begins = np.where(rng.random(count) < 0.72, 0.0, rng.random(count) * HISTORY_DAYS)
    ends = np.where(rng.random(count) < 0.85, HISTORY_DAYS, begins + rng.random(count) * HISTORY_DAYS)
    return begins, np.minimum(ends, HISTORY_DAYS), rng.gamma(0.9, 1.0, count)


def _times(rng: np.random.Generator, work: Work, start: int, count: int, facts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the customer of each fact and its microseconds from the start of history, in that order."""
    begins, ends, rate = _lives(work, start, count)
    share = (ends - begins) * rate
    owner = rng.choice(count, size=round(facts * count / work.customers), p=share / share.sum())
    spot = begins[owner] + rng.random(len(owner)) * (ends - begins)[owner]
    span = (HISTORY_DAYS + 1) * DAY_US
    keys = np.sort(owner * span + (spot * DAY_US).astype(np.int64))
    return keys // span, keys % span


def _stamp(micros: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    first = datetime.combine(LAST - timedelta(days=HISTORY_DAYS), datetime.min.time())
    epoch = (first - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 staged timestamps are naive UTC
    return pa.array(epoch + micros, pa.timestamp("us"), mask=missing)


def _ids(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    return pa.array(np.char.add(prefix, np.char.zfill(numbers.astype(f"U{width}"), width)))


def _customers(work: Work, start: int, count: int) -> pa.Table:
    begins, _, _ = _lives(work, start, count)
    ids = _ids("C", np.arange(start, start + count), 8)
    return pa.table({"customer_id": ids, "signed_up_at": _stamp((begins * DAY_US).astype(np.int64))})


def _owned(owner: np.ndarray, start: int, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        owner.astype(np.int32), _ids("C", np.arange(start, start + count), 8)
    ).dictionary_decode()


def _events(work: Work, start: int, count: int) -> pa.Table:
    rng = np.random.default_rng([2, work.events, start])
    owner, micros = _times(rng, work, start, count, work.events)
    kind = rng.choice(len(EVENT_TYPES), size=len(owner), p=np.array(TYPE_SHARES)).astype(np.int8)
    valued = np.isin(np.array(EVENT_TYPES), VALUE_TYPES)[kind]
    late = rng.random(len(owner)) < work.late_share
    delay = np.where(late, (rng.exponential(5.0, len(owner)) * DAY_US).astype(np.int64), 0)
    return pa.table(
        {
            "customer_id": _owned(owner, start, count),
            "occurred_at": _stamp(micros),
            "event_type": pa.DictionaryArray.from_arrays(kind, list(EVENT_TYPES)).dictionary_decode(),
            "value": pa.array(np.round(rng.gamma(2.0, 10.0, len(owner)), 2), mask=~valued),
            "known_delay_us": delay,
        }
    )


def _tickets(work: Work, start: int, count: int) -> pa.Table:
    rng = np.random.default_rng([3, work.tickets, start])
    owner, micros = _times(rng, work, start, count, work.tickets)
    size = len(owner)
    first = micros + (rng.exponential(0.3, size) * DAY_US).astype(np.int64)
    resolved = first + (rng.exponential(3.0, size) * DAY_US).astype(np.int64)
    is_open, again = rng.random(size) < 0.05, rng.random(size) < 0.08
    reopened = resolved + (rng.exponential(2.0, size) * DAY_US).astype(np.int64)
    escalated = micros + (rng.exponential(1.0, size) * DAY_US).astype(np.int64)
    number = np.arange(size) + int(start * work.tickets / work.customers)
    unscored = is_open | (rng.random(size) > 0.3)
    return pa.table(
        {
            "ticket_id": _ids("T", number, 9),
            "customer_id": _owned(owner, start, count),
            "opened_at": _stamp(micros),
            "first_response_at": _stamp(first, is_open & (rng.random(size) < 0.5)),
            "resolved_at": _stamp(resolved, is_open),
            "reopened_at": _stamp(reopened, is_open | ~again),
            "escalated_at": _stamp(escalated, rng.random(size) > 0.06),
            "csat": pa.array(rng.integers(1, 6, size).astype(np.float64), mask=unscored),
            "known_delay_us": np.where(rng.random(size) < work.late_share, DAY_US, 0),
        }
    )


def snapshots(work: Work, folder: Path) -> Iterator[pa.Table]:
    """Yield the cohort, one table a date: customers signed up at least a day before (`customer_id`, `as_of_date`)."""
    customers = pq.read_table(folder / "customers.parquet")
    signed = customers["signed_up_at"].to_numpy()
    for day in work.as_of_dates:
        chosen = customers.filter(pa.array(signed < np.datetime64(day)))["customer_id"]
        yield pa.table({"customer_id": chosen, "as_of_date": pa.array([day] * len(chosen), pa.date32())})

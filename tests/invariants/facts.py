"""Random small companies, the engine that turns them into rows fast, and what is visible on a date in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from hypothesis import strategies as st

from churn.core.contract import DELAY
from churn.integrations.engine import Engine

Row = dict[str, Any]
Facts = dict[str, list[Row]]

DATES = (date(2024, 3, 1), date(2024, 3, 8), date(2024, 3, 31), date(2024, 5, 1))
CUSTOMERS = ("A", "B", "C")
OBSERVATION_DAYS = 60
WINDOWS_DAYS = (7, 30)
EVENT_TYPES = ("in", "out")
CATEGORIES = ("bill", "bug")
KINDS = ("outage", "price_change", "feature_removed", "policy_change", "competitor_launch")
MICROSECOND = timedelta(microseconds=1)
DELAYS = (timedelta(), timedelta(), MICROSECOND, timedelta(hours=12), timedelta(days=1), timedelta(days=40))

_TEXT, _NUMBER, _TIME = pa.string(), pa.float64(), pa.timestamp("us")
SCHEMAS: Mapping[str, Mapping[str, pa.DataType]] = {
    "customers": {
        "customer_id": _TEXT, "signed_up_at": _TIME, "valid_from": _TIME, "country": _TEXT, "seats": _NUMBER,
    },
    "events": {
        "customer_id": _TEXT, "occurred_at": _TIME, "event_type": _TEXT, "value": _NUMBER, "user_id": _TEXT,
        DELAY: pa.int64(),
    },
    "tickets": {
        "ticket_id": _TEXT, "customer_id": _TEXT, "opened_at": _TIME, "first_response_at": _TIME, "resolved_at": _TIME,
        "reopened_at": _TIME, "escalated_at": _TIME, "csat": _NUMBER, "csat_at": _TIME, "category": _TEXT,
        "text": _TEXT, DELAY: pa.int64(),
    },
    "messages": {
        "message_id": _TEXT, "customer_id": _TEXT, "sent_at": _TIME, "opened_at": _TIME, "clicked_at": _TIME,
        "unsubscribed_at": _TIME, DELAY: pa.int64(),
    },
    "responses": {
        "response_id": _TEXT, "customer_id": _TEXT, "answered_at": _TIME, "survey": _TEXT, "score": _NUMBER,
        "text": _TEXT,
        DELAY: pa.int64(),
    },
    "obligations": {
        "obligation_id": _TEXT, "customer_id": _TEXT, "opened_at": _TIME, "due_at": _TIME, "met_at": _TIME,
        "weight": _NUMBER, "score": _NUMBER, DELAY: pa.int64(),
    },
    "incidents": {
        "incident_id": _TEXT, "started_at": _TIME, "ended_at": _TIME, "kind": _TEXT, "plan": _TEXT,
        "magnitude": _NUMBER, "announced_at": _TIME,
    },
    "payments": {
        "payment_id": _TEXT, "customer_id": _TEXT, "attempted_at": _TIME, "amount": _NUMBER, "status": _TEXT,
        "failure_code": _TEXT, "card_expires_at": _TIME,
        DELAY: pa.int64(),
    },
    "subscriptions": {
        "subscription_id": _TEXT, "customer_id": _TEXT, "plan": _TEXT, "mrr": _NUMBER, "billing_period_months": _NUMBER,
        "started_at": _TIME, "ended_at": _TIME, "trial_ends_at": _TIME, "discount_ends_at": _TIME,
        "cancel_requested_at": _TIME,
        "end_reason": _TEXT, DELAY: pa.int64(),
    },
}  # fmt: skip
KEYS: Mapping[str, str] = {
    "tickets": "ticket_id", "payments": "payment_id", "subscriptions": "subscription_id", "messages": "message_id",
    "responses": "response_id", "incidents": "incident_id", "obligations": "obligation_id",
}  # fmt: skip
MAIN_TIME = {
    "events": "occurred_at", "tickets": "opened_at", "payments": "attempted_at", "subscriptions": "started_at",
    "messages": "sent_at", "responses": "answered_at", "obligations": "opened_at",
}  # fmt: skip
# The timestamps that are facts of their own, with what they bring along; the end of a trial and the day something is
# due are planned, so known.
LATER_TIMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "events": {},
    "payments": {},
    "responses": {},
    "messages": {"opened_at": (), "clicked_at": (), "unsubscribed_at": ()},
    "tickets": {
        "first_response_at": (), "resolved_at": (), "reopened_at": (), "escalated_at": (), "csat_at": ("csat",),
    },
    "subscriptions": {"ended_at": ("end_reason",), "cancel_requested_at": ()},
    "obligations": {"met_at": ("score",)},
}  # fmt: skip


def midnight(day: date) -> datetime:
    """Return the instant of an as-of date."""
    return datetime.combine(day, time())


def is_visible(at: datetime | None, delay_us: int, as_of: date) -> bool:
    """Whether something had happened before the instant and was known by it: the rule, as it is written."""
    if at is None:
        return False
    return at < midnight(as_of) and at + timedelta(microseconds=delay_us) <= midnight(as_of)


def as_known(facts: Facts, as_of: date) -> Facts:
    """Return the facts as the company's systems held them at the instant: nothing else existed yet."""
    known: Facts = {"customers": [c for c in facts["customers"] if _has_begun(c, as_of)]}
    for table, main in MAIN_TIME.items():
        known[table] = [_masked(row, table, as_of) for row in facts[table] if is_visible(row[main], row[DELAY], as_of)]
    known["incidents"] = [told for row in facts["incidents"] if (told := incident_as_known(row, as_of))]
    return known


def incident_as_known(row: Row, as_of: date) -> Row | None:
    """Return an incident as it was known at the instant (begun, or announced for later), or None."""
    seen = {name: is_visible(row[name], 0, as_of) for name in ("started_at", "ended_at", "announced_at")}
    if not seen["started_at"] and not seen["announced_at"]:
        return None
    return row | {name: None for name in ("ended_at", "announced_at") if not seen[name]}


def _has_begun(customer: Row, as_of: date) -> bool:
    return customer["valid_from"] is None or customer["valid_from"] < midnight(as_of)


def _masked(row: Row, table: str, as_of: date) -> Row:
    out = dict(row)
    for name, companions in LATER_TIMES[table].items():
        if not is_visible(row[name], row[DELAY], as_of):
            out |= dict.fromkeys((name, *companions))
    return out


_EDGES = sorted({day - timedelta(days=back) for day in DATES for back in (-8, -1, 0, 1, 7, 8, 14, 15, 30, 31, 60, 61)})
_DAYS = st.sampled_from(_EDGES) | st.dates(date(2023, 12, 1), date(2024, 6, 15))
_MOMENTS = st.builds(datetime.combine, _DAYS, st.sampled_from((time(), time(12), time(23, 59, 59, 999_999))))
_MINUTES = st.builds(datetime.combine, _DAYS, st.sampled_from((time(), time(12, 30), time(23, 59))))
_DELAY_US = st.sampled_from(DELAYS).map(lambda delay: delay // MICROSECOND)
_WHO = st.sampled_from(CUSTOMERS)
_EDGE_FACTS = tuple(
    (midnight(day) - delay + step * MICROSECOND, delay // MICROSECOND)
    for day in DATES
    for delay in DELAYS
    for step in (-1, 0, 1)
)
# When a fact happened and how much later it was known; a third of all are known at an as-of instant, give or take.
_WHEN = st.tuples(_MOMENTS, _DELAY_US) | st.tuples(_MOMENTS, _DELAY_US) | st.sampled_from(_EDGE_FACTS)


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


_WORDS = st.sampled_from((None, "late", "broken", "dear"))


@st.composite
def _events(draw: st.DrawFn) -> Row:
    at, delay = draw(_WHEN)
    return {
        "customer_id": draw(_WHO),
        "occurred_at": at,
        "event_type": draw(st.sampled_from((*EVENT_TYPES, "other"))),
        "value": draw(_optional(st.integers(-3, 9).map(float))),
        "user_id": draw(st.sampled_from((None, "u1", "u2", "u3"))),
        DELAY: delay,
    }


@st.composite
def _payments(draw: st.DrawFn) -> Row:
    at, delay = draw(_WHEN)
    return {
        "customer_id": draw(_WHO),
        "attempted_at": at,
        "amount": draw(st.integers(1, 99).map(float)),
        "status": draw(st.sampled_from(("succeeded", "failed", "refunded", "disputed"))),
        "failure_code": draw(st.sampled_from((None, "expired", "funds"))),
        "card_expires_at": draw(_optional(_MOMENTS)),
        DELAY: delay,
    }


@st.composite
def _tickets(draw: st.DrawFn) -> Row:
    opened = draw(_MINUTES)
    later = _optional(st.sampled_from((0, 1, 30, 1440, 1441, 14_400, 100_000)).map(lambda m: timedelta(minutes=m)))
    times = {name: draw(later) for name in LATER_TIMES["tickets"]}
    return {
        "customer_id": draw(_WHO),
        "opened_at": opened,
        **{name: None if gap is None else opened + gap for name, gap in times.items()},
        "csat": draw(_optional(st.integers(1, 5).map(float))),
        "text": draw(_WORDS),
        "category": draw(st.sampled_from((None, *CATEGORIES, "rest"))),
        DELAY: draw(_DELAY_US),
    }


_LATER = _optional(st.sampled_from((0, 1, 1440, 14_400)).map(lambda m: timedelta(minutes=m)))


@st.composite
def _messages(draw: st.DrawFn) -> Row:
    sent, delay = draw(_WHEN)
    times = {name: draw(_LATER) for name in LATER_TIMES["messages"]}
    return {
        "customer_id": draw(_WHO),
        "sent_at": sent,
        **{name: None if gap is None else sent + gap for name, gap in times.items()},
        DELAY: delay,
    }


@st.composite
def _responses(draw: st.DrawFn) -> Row:
    at, delay = draw(_WHEN)
    return {
        "customer_id": draw(_WHO),
        "answered_at": at,
        "survey": draw(st.sampled_from(("nps", "csat", "ces", "cancellation"))),
        "score": draw(_optional(st.integers(0, 10).map(float))),
        "text": draw(_WORDS),
        DELAY: delay,
    }


@st.composite
def _obligations(draw: st.DrawFn) -> Row:
    opened, delay = draw(_WHEN)
    return {
        "customer_id": draw(_WHO),
        "opened_at": opened,
        "due_at": draw(_MOMENTS),
        "met_at": draw(_optional(_MOMENTS)),
        "weight": draw(_optional(st.integers(1, 9).map(float))),
        "score": draw(_optional(st.integers(0, 100).map(float))),
        DELAY: delay,
    }


@st.composite
def _incidents(draw: st.DrawFn) -> Row:
    started, gap = draw(_MINUTES), draw(_LATER)
    return {
        "started_at": started,
        "ended_at": None if gap is None else started + gap,
        "kind": draw(st.sampled_from(KINDS)),
        "plan": draw(st.sampled_from((None, "basic", "pro"))),
        "magnitude": draw(_optional(st.integers(1, 5).map(float))),
        "announced_at": draw(_optional(_MINUTES)),
    }


@st.composite
def _subscriptions(draw: st.DrawFn) -> Row:
    started, delay = draw(_WHEN)
    length = draw(_optional(st.sampled_from((0, 1, 7, 14, 15, 30, 45, 90)).map(lambda d: timedelta(days=d))))
    return {
        "customer_id": draw(_WHO),
        "plan": draw(st.sampled_from(("basic", "pro"))),
        "mrr": draw(_optional(st.sampled_from((0.0, 10.0, 25.0)))),
        "billing_period_months": draw(_optional(st.sampled_from((1.0, 3.0, 12.0)))),
        "started_at": started,
        "ended_at": None if length is None else started + length,
        "trial_ends_at": draw(_optional(_MOMENTS)),
        "discount_ends_at": draw(_optional(_MOMENTS)),
        "cancel_requested_at": draw(_optional(_MOMENTS)),
        "end_reason": draw(st.sampled_from((None, "voluntary", "involuntary", "switched"))) if length else None,
        DELAY: delay,
    }


@st.composite
def _customers(draw: st.DrawFn) -> list[Row]:
    rows = []
    for name in CUSTOMERS:
        signed_up = draw(_MOMENTS)
        versions = draw(st.lists(_MOMENTS, max_size=2, unique=True))
        for valid_from in [None, *versions]:
            rows.append(
                {
                    "customer_id": name,
                    "signed_up_at": signed_up,
                    "valid_from": valid_from,
                    "country": draw(st.sampled_from(("DE", "JP"))),
                    "seats": float(draw(st.integers(1, 9))),
                }
            )
    return rows


def rows_of(table: str, most: int, least: int = 0) -> st.SearchStrategy[list[Row]]:
    """Return lists of facts of one table; ids follow the order in which rows are drawn."""
    one = {
        "events": _events, "tickets": _tickets, "payments": _payments, "subscriptions": _subscriptions,
        "messages": _messages, "responses": _responses, "incidents": _incidents,
        "obligations": _obligations,
    }[table]()  # fmt: skip
    key = KEYS.get(table)

    def numbered(rows: list[Row]) -> list[Row]:
        return [({key: f"{number:03}"} if key else {}) | row for number, row in enumerate(rows)]

    return st.lists(one, min_size=least, max_size=most).map(numbered)


def companies() -> st.SearchStrategy[Facts]:
    """Return whole companies: customers with versions, and facts of every table."""
    most = {
        "events": 25, "tickets": 8, "payments": 8, "subscriptions": 6, "messages": 8, "responses": 8, "incidents": 6,
        "obligations": 6,
    }  # fmt: skip
    return st.fixed_dictionaries({"customers": _customers()} | {t: rows_of(t, n) for t, n in most.items()})


def companies_of_terms() -> st.SearchStrategy[Facts]:
    """Return companies of customers and so many subscriptions that some end around the dates, and of nothing else."""
    nothing = {table: st.just([]) for table in (*MAIN_TIME, "incidents")}
    terms = rows_of("subscriptions", 20, least=10)
    return st.fixed_dictionaries({**nothing, "customers": _customers(), "subscriptions": terms})


def fill(engine: Engine, facts: Facts) -> None:
    """Fill the engine's source tables with the facts and nothing else."""
    connection = engine.backend.con
    for table, columns in SCHEMAS.items():
        rows = pa.Table.from_pylist(facts.get(table, []), schema=pa.schema(list(columns.items())))
        connection.register("new_rows", rows)
        engine.run(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM new_rows LIMIT 0")
        engine.run(f"DELETE FROM {table}")
        engine.run(f"INSERT INTO {table} SELECT * FROM new_rows")
        connection.unregister("new_rows")


class Machine:
    """A table expression compiled once, as a view; every call fills its source tables and reads it."""

    numbers = count()

    def __init__(self, engine: Engine, build: Callable[[Mapping[str, ir.Table]], ir.Table]) -> None:
        fill(engine, {})
        self.engine = engine
        self.expression = build({table: engine.backend.table(table) for table in SCHEMAS})
        self.view = f"machine_{next(self.numbers)}"
        engine.backend.create_view(self.view, self.expression)

    def __call__(self, facts: Facts) -> dict[tuple[str, date], Row]:
        """Return the rows by customer and as-of date."""
        fill(self.engine, facts)
        found = [
            dict(zip(self.expression.columns, row, strict=True))
            for row in self.engine.run(f"SELECT * FROM {self.view}")
        ]
        by_key = {(row["customer_id"], row["as_of_date"]): row for row in found}
        assert len(by_key) == len(found), "the grain is broken"
        return by_key


def differences(found: Row, expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the columns whose values differ, numbers to nine digits, with both values."""
    return {name: (found[name], value) for name, value in expected.items() if not _is_same(found[name], value)}


def _is_same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, int | float):
        return abs(left - right) <= 1e-9 * max(1.0, abs(right))
    return bool(left == right)


def shifted(facts: Facts, gap: timedelta) -> Facts:
    """Return the same facts, every time later by the gap."""

    def move(value: Any) -> Any:
        return value + gap if isinstance(value, datetime) else value

    return {table: [{name: move(v) for name, v in row.items()} for row in rows] for table, rows in facts.items()}

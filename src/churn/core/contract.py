"""The canonical tables: columns, types, ranges and the meaning of every date, as data.

A fact table has one main timestamp (`time`), further timestamps that are facts of their own, and optionally
`known_at`. Staging turns `known_at` and the declared lag into `known_delay_us`, the delay in microseconds with which
every timestamp of that row became visible to the company.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["id", "time", "day", "text", "number"]
DELAY = "known_delay_us"
KEY = ("customer_id", "as_of_date")  # the grain of snapshots, and of all that stands beside them
LARGEST = 1e15  # what a number may be where the contract states no bound


@dataclass(frozen=True)
class Column:
    """One column of a canonical table: its name, kind, whether it must be there, and the range of its values."""

    name: str
    kind: Kind
    required: bool = False
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableContract:
    """One canonical table: its grain in words, its key, its main timestamp and its columns.

    `duplicates` says what a repeated key means: a refusal, or an exporter's retry of which one row is kept.
    `intervals` are pairs (start, end) of which the end may not come first.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    time: str
    columns: tuple[Column, ...]
    duplicates: Literal["refuse", "keep_one"] = "refuse"
    intervals: tuple[tuple[str, str], ...] = ()
    has_customer: bool = True

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError when the contract has none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def times(self) -> tuple[str, ...]:
        """Names of all timestamps but `known_at`."""
        return tuple(c.name for c in self.columns if c.kind == "time" and c.name != "known_at")

    @property
    def is_fact(self) -> bool:
        """Whether rows happen in time (every table but customers and incidents)."""
        return self.name not in ("customers", "incidents")


def _id(name: str, required: bool = True) -> Column:
    return Column(name, "id", required)


def _time(name: str, required: bool = False) -> Column:
    return Column(name, "time", required)


def _text(name: str, *allowed: str, required: bool = False) -> Column:
    return Column(name, "text", required, allowed=allowed)


def _number(name: str, low: float | None = None, high: float | None = 1e12, required: bool = False) -> Column:
    return Column(name, "number", required, low, high)


_TABLES = (
    TableContract(
        "customers",
        "one row per customer (with valid_from: per customer and version)",
        ("customer_id", "valid_from"),
        "signed_up_at",
        (_id("customer_id"), _time("signed_up_at", True), _time("valid_from")),
    ),
    TableContract(
        "subscriptions",
        "one row per subscription and terms",
        ("subscription_id", "started_at"),
        "started_at",
        (
            _id("subscription_id"),
            _id("customer_id"),
            _text("plan"),
            _number("mrr", 0),
            _number("billing_period_months", 0, 240),
            _time("started_at", True),
            _time("ended_at"),
            _time("trial_ends_at"),
            _time("discount_ends_at"),
            _time("cancel_requested_at"),
            _text("end_reason", "voluntary", "involuntary", "switched"),
            _time("known_at"),
        ),
        intervals=(("started_at", "ended_at"),),
    ),
    TableContract(
        "events",
        "one row per engagement event",
        ("event_id",),
        "occurred_at",
        (
            _id("customer_id"),
            _time("occurred_at", True),
            _text("event_type", required=True),
            _number("value", -1e12),
            _id("user_id", False),
            _id("event_id", False),
            _time("known_at"),
        ),
        duplicates="keep_one",
    ),
    TableContract(
        "tickets",
        "one row per support ticket",
        ("ticket_id",),
        "opened_at",
        (
            _id("ticket_id"),
            _id("customer_id"),
            _time("opened_at", True),
            _time("first_response_at"),
            _time("resolved_at"),
            _time("reopened_at"),
            _time("escalated_at"),
            _text("priority"),
            _text("category"),
            _text("channel"),
            _number("csat", 0, 100),
            _time("csat_at"),
            _text("text"),
            _time("known_at"),
        ),
        intervals=(("opened_at", "first_response_at"), ("opened_at", "resolved_at")),
    ),
    TableContract(
        "payments",
        "one row per payment attempt",
        ("payment_id",),
        "attempted_at",
        (
            _id("payment_id"),
            _id("customer_id"),
            _time("attempted_at", True),
            _number("amount", -1e12, required=True),
            _text("status", "succeeded", "failed", "refunded", "disputed", required=True),
            _text("failure_code"),
            _time("card_expires_at"),
            _time("known_at"),
        ),
    ),
    TableContract(
        "messages",
        "one row per message sent",
        ("message_id",),
        "sent_at",
        (
            _id("message_id"),
            _id("customer_id"),
            _time("sent_at", True),
            _text("channel"),
            _text("campaign"),
            _time("opened_at"),
            _time("clicked_at"),
            _time("unsubscribed_at"),
            _time("known_at"),
        ),
    ),
    TableContract(
        "responses",
        "one row per survey answer",
        ("response_id",),
        "answered_at",
        (
            _id("response_id"),
            _id("customer_id"),
            _time("answered_at", True),
            _text("survey", "nps", "csat", "ces", "cancellation", required=True),
            _number("score", -100, 100),
            _text("reason"),
            _text("text"),
            _time("known_at"),
        ),
    ),
    TableContract(
        "obligations",
        "one row per obligation: something a customer has to do before `due_at`",
        ("obligation_id",),
        "opened_at",
        (
            _id("obligation_id"),
            _id("customer_id"),
            _time("opened_at", True),
            _time("due_at", True),
            _time("met_at"),
            _number("weight", 0),
            _number("score", -1e12),
            _time("known_at"),
        ),
        intervals=(("opened_at", "due_at"),),
    ),
    TableContract(
        "incidents",
        "one row per company-wide change",
        ("incident_id",),
        "started_at",
        (
            _id("incident_id"),
            _time("started_at", True),
            _time("ended_at"),
            _text(
                "kind",
                "outage",
                "price_change",
                "feature_removed",
                "policy_change",
                "competitor_launch",
                required=True,
            ),
            _text("plan"),
            _number("magnitude", -1e12),
            _time("announced_at"),
        ),
        intervals=(("started_at", "ended_at"),),
        has_customer=False,
    ),
    TableContract(
        "interventions",
        "one row per customer put into a retention campaign",
        ("intervention_id",),
        "assigned_at",
        (
            _id("intervention_id"),
            _id("customer_id"),
            _time("assigned_at", True),
            _text("arm", "treatment", "control", required=True),
            _text("action", required=True),
            _number("cost", 0),
            _text("outcome"),
            _time("outcome_at"),
            _time("known_at"),
        ),
    ),
)

CONTRACT: Mapping[str, TableContract] = MappingProxyType({table.name: table for table in _TABLES})

CAUSES = (
    "low_engagement",
    "poor_support",
    "product_quality",
    "poor_experience",
    "pricing",
    "missing_personalisation",
    "competition",
    "unexpected_change",
    "payment_failure",
    "journey_stage",
    "unexplained",
)

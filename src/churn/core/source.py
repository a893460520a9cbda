"""Settings of a source: where a company's tables are, how they map onto the contract, and its own words."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from churn.core.contract import CAUSES, CONTRACT
from churn.core.strict import Share, StrictSettings
from churn.core.suggestions import did_you_mean

Role = Literal["category", "number", "segment", "protected", "pii", "group", "free", "no_contact"]


class WordedSettings(StrictSettings):
    """Something of the company's own with a name in words, and the cause it speaks for."""

    en: str | None = None
    ja: str | None = None
    cause: str | None = None

    @model_validator(mode="after")
    def _known_cause(self) -> WordedSettings:
        if self.cause is not None and self.cause not in CAUSES:
            raise ValueError(f"unknown cause '{self.cause}'{did_you_mean(self.cause, CAUSES)}")
        return self


class EventTypeSettings(WordedSettings):
    """A kind of event: its name in words, its cause, and whether more of it can only raise or only lower the risk.

    `value_en` and `value_ja` name what an event's value measures ("minutes lost to errors"). Without a stated effect,
    use (`low_engagement`) lowers the risk and anything else may do either.
    """

    effect: Literal["raises", "lowers", "either"] | None = None
    value_en: str | None = None
    value_ja: str | None = None

    @property
    def direction(self) -> int:
        """Return 1, -1 or 0 for raises, lowers, either."""
        return {"raises": 1, "lowers": -1, "either": 0}[self.effect or self.usual_effect]

    @property
    def usual_effect(self) -> Literal["lowers", "either"]:
        """What holds where no effect is stated."""
        return "lowers" if self.cause in (None, "low_engagement") else "either"


class TicketCategorySettings(EventTypeSettings):
    """A category of tickets, worded as event types are; without a stated effect, more of it may do either."""

    @property
    def usual_effect(self) -> Literal["either"]:
        """What holds where no effect is stated."""
        return "either"


class AttributeSettings(WordedSettings):
    """An attribute of customers (or a column of a flat table): its role, its name in words, its cause."""

    role: Role


class InputSettings(StrictSettings):
    """One raw input: files (`path` or glob) or a database table (`connection_env`, `table`).

    `columns` names those of a CSV whose first line is a row already.
    `times` says of columns that are no times by themselves (days since a beginning) by which SQL they become one, over
    this and other inputs by their names; `plans` names columns of times that were known with their row (agreed until);
    the audit cuts by them.
    """

    path: str | None = None
    format: Literal["csv", "parquet"] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: list[Annotated[str, Field(min_length=1)]] = []
    encoding: str = "utf-8"
    strip_nul: bool = False
    connection_env: str | None = None
    table: str | None = None
    times: dict[str, str] = {}
    plans: list[str] = []

    @model_validator(mode="after")
    def _known_encoding(self) -> InputSettings:
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(
                f"unknown encoding '{self.encoding}' (for example utf-8, utf-16, cp932, latin-1)"
            ) from None
        return self

    @model_validator(mode="after")
    def _one_entrance(self) -> InputSettings:
        if (self.path is None) == (self.connection_env is None):
            raise ValueError("give either 'path' (files) or 'connection_env' with 'table' (a database)")
        if self.connection_env is not None and self.table is None:
            raise ValueError("'connection_env' needs 'table'")
        return self


class SourceSettings(StrictSettings):
    """A company: where its tables are and how they map onto the contract, one SQL SELECT per canonical table."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["tables", "flat"] = "tables"
    inputs: dict[str, InputSettings]
    tables: dict[str, str]
    time_zone: str | None = None
    clock_changes: Literal["shift", "refuse"] = "shift"
    attributes: dict[str, Role | AttributeSettings] = {}
    event_types: dict[str, EventTypeSettings] = {}
    ticket_categories: dict[str, TicketCategorySettings] = {}
    seats: str | None = None
    names_in_texts: list[Annotated[str, Field(min_length=2)]] = []
    lag_hours: dict[str, Annotated[int, Field(ge=0, le=24 * 366)]] = {}
    sentinel_dates: list[date] = []
    earliest_date: date = date(1990, 1, 1)
    latest_date: date = date(2100, 1, 1)
    covered_from: dict[str, date] = {}
    covered_until: date | None = None
    min_rows: Annotated[int, Field(ge=1)] = 1
    min_share_of_recent: Share = 0.5
    max_orphan_share: Share = 0.01
    max_null_share: Share = 0.001
    max_reversed_share: Share = 0.01
    max_future_share: Share = 0.001
    recency_column: str | None = None
    mrr_column: str | None = None

    @model_validator(mode="after")
    def _known_zone(self) -> SourceSettings:
        zones = {zone.casefold() for zone in available_timezones()}  # none where the system has no zone files
        if self.time_zone is not None and zones and self.time_zone.casefold() not in zones:
            near = did_you_mean(self.time_zone, available_timezones())
            raise ValueError(f"unknown time zone '{self.time_zone}'{near}")
        return self

    @model_validator(mode="after")
    def _known_tables(self) -> SourceSettings:
        known = ["matrix"] if self.kind == "flat" else list(CONTRACT)
        for name in [*self.tables, *self.lag_hours, *self.covered_from]:
            if name not in known:
                raise ValueError(f"unknown table '{name}'{did_you_mean(name, known)}")
        if self.kind == "flat" and "matrix" not in self.tables:
            raise ValueError("a flat source maps one table, 'matrix'")
        if self.kind == "tables" and "customers" not in self.tables:
            raise ValueError("'customers' is required")
        if self.kind == "tables" and not {"subscriptions", "events"} & set(self.tables):
            raise ValueError("one of 'subscriptions' and 'events' is required")
        return self

    @model_validator(mode="after")
    def _known_seats(self) -> SourceSettings:
        if self.seats is not None and self.seats not in self.attributes:
            raise ValueError(f"seats: no attribute '{self.seats}'{did_you_mean(self.seats, self.attributes)}")
        return self

    @model_validator(mode="after")
    def _known_numbers(self) -> SourceSettings:
        numbers = self.attributes_of("number")
        for key, name in {"recency_column": self.recency_column, "mrr_column": self.mrr_column}.items():
            if self.kind == "flat" and name is not None and name not in numbers:
                raise ValueError(f"{key}: no attribute '{name}' of role number{did_you_mean(name, numbers)}")
        return self

    @model_validator(mode="after")
    def _one_price(self) -> SourceSettings:
        if self.kind == "tables" and self.mrr_column is not None:
            raise ValueError("mrr_column is for flat sources; of tables, 'subscriptions' says it in its column 'mrr'")
        return self

    @property
    def people(self) -> str:
        """Name of the table that every customer is in: `matrix` of a flat source."""
        return "matrix" if self.kind == "flat" else "customers"

    def attribute(self, name: str) -> AttributeSettings:
        """Return the attribute's settings, with a bare role spelt out."""
        value = self.attributes[name]
        return value if isinstance(value, AttributeSettings) else AttributeSettings(role=value)

    def attributes_of(self, *roles: str) -> tuple[str, ...]:
        """Return the attribute names that have one of the roles, in the order of the file."""
        return tuple(name for name in self.attributes if self.attribute(name).role in roles)

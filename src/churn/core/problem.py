"""Settings of the problem: who is asked about, what counts as leaving, on which dates, from which features."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from churn.core.strict import Days, PositiveDays, StrictSettings


class CohortSettings(StrictSettings):
    """Who is asked about on a date: active then, old enough, not yet decided."""

    active: Literal["subscription", "events"]
    min_tenure_days: Days = 0
    active_days: PositiveDays = 90
    qualifying_events: list[str] = []


class LabelSettings(StrictSettings):
    """What counts as leaving."""

    kind: Literal["contractual", "inactivity"]
    grace_days: Days = 0
    qualifying_events: list[str] = []


class DateRange(StrictSettings):
    """As-of dates `first, first + cadence_days, ...` up to `last` inclusive."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> DateRange:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class WindowSettings(StrictSettings):
    """Which dates are asked about, what may be known, and where the outcome is read (all in days).

    `embargo_days` of None are the least: lead and horizon.

    Examples
    --------
    >>> windows = WindowSettings(lead_days=7, horizon_days=60, embargo_days=None, cadence_days=30, observation_days=90)
    >>> windows.embargo_days
    67
    """

    lead_days: Days
    horizon_days: PositiveDays
    embargo_days: Days
    cadence_days: PositiveDays
    observation_days: PositiveDays
    history_days: Days = 90
    max_dates: Annotated[int, Field(ge=1)] = 24
    as_of: list[DateRange] = []

    @field_validator("embargo_days", mode="before")
    @classmethod
    def _least_embargo(cls, days: Any, others: ValidationInfo) -> Any:
        return sum(others.data.get(name, 0) for name in ("lead_days", "horizon_days")) if days is None else days

    @model_validator(mode="after")
    def _embargo_covers_label(self) -> WindowSettings:
        if self.embargo_days < self.lead_days + self.horizon_days:
            raise ValueError(
                f"embargo_days ({self.embargo_days}) must be at least lead_days + horizon_days "
                f"({self.lead_days + self.horizon_days}), else training labels reach into the test dates"
            )
        return self


FamilyName = Literal[
    "engagement", "rhythm", "seats", "peers", "losses", "support", "messages", "feedback", "quality",
    "obligations", "subscription", "journey", "pricing", "payments", "profile", "texts",
]  # fmt: skip


class FeatureSettings(StrictSettings):
    """Which families of features are built, over which look-back windows, and how their sums of events are had."""

    mode: Literal["full", "incremental"] = "full"
    families: list[FamilyName]
    windows_days: Annotated[list[PositiveDays], Field(min_length=1)]
    event_types: list[str] = []
    value_types: list[str] | None = None
    max_event_types: Annotated[int, Field(ge=1, le=100)] = 12
    ticket_categories: list[str] | None = None
    max_ticket_categories: Annotated[int, Field(ge=0, le=100)] = 8
    max_text_characters: Annotated[int, Field(ge=50, le=10_000)] = 600

    @field_validator("families", "windows_days", "event_types", "value_types", "ticket_categories")
    @classmethod
    def _each_once(cls, values: list[Any] | None) -> list[Any] | None:
        repeated = sorted({str(value) for value in values or [] if (values or []).count(value) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} stated more than once")
        return values


class Problem(StrictSettings):
    """What is asked: who, which outcome, which dates, which inputs. A model keeps the problem it was trained on."""

    cohort: CohortSettings
    label: LabelSettings
    windows: WindowSettings
    features: FeatureSettings

    @model_validator(mode="after")
    def _windows_are_observed(self) -> Problem:
        longest = max(self.features.windows_days)
        if longest > self.windows.observation_days:
            raise ValueError(
                f"features.windows_days: {longest} looks back further than windows.observation_days "
                f"({self.windows.observation_days}) lets anything be known"
            )
        return self

    @property
    def embargo_days(self) -> int:
        """Return how far apart dates to learn from and dates to be measured on lie: until the labels are settled.

        The stated distance, and never less than the outcome window takes with the grace days of the label.
        """
        settled_days = self.windows.lead_days + self.windows.horizon_days + self.label.grace_days
        return max(self.windows.embargo_days, settled_days)

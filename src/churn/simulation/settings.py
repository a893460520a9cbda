"""Settings of one simulated company: how large, how long, what truth to keep, which dirt to add."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn.core.settings import ChurnSettings
from churn.core.strict import Share, StrictSettings
from churn.simulation.dirt import DirtSettings
from churn.simulation.profile import (
    CalendarSettings,
    CampaignSettings,
    CardSettings,
    CauseSettings,
    CountrySettings,
    EventSettings,
    GroupSettings,
    JourneySettings,
    OutreachSettings,
    PlanSettings,
    TicketSettings,
    unknown_causes,
)
from churn.simulation.taxonomy import STATE_CAUSES

DAYS_PER_MONTH = 30.4375


class TruthSettings(StrictSettings):
    """Which as-of dates get a truth, and how many paths are averaged for each customer.

    As-of dates are `first_day`, `first_day + cadence_days`, ... days after the start, up to the end of the data;
    both are whole weeks, because the states move weekly. Paths come in antithetic pairs.
    """

    first_day: Annotated[int, Field(ge=0, multiple_of=7)] = 91
    cadence_days: Annotated[int, Field(ge=7, multiple_of=7)] = 28
    paths: Annotated[int, Field(ge=4, le=2000, multiple_of=2)] = 16
    horizons_days: Annotated[list[Annotated[int, Field(ge=1, le=365)]], Field(min_length=1)] = [7, 30, 60, 90]
    effects: bool = True
    diary_customers: Annotated[int, Field(ge=0, le=1000)] = 20


class SimulationSettings(StrictSettings):
    """Everything that makes a simulated company; the same settings and seed give the same bytes.

    `block_customers` is part of the identity of the data: customers are drawn and written in blocks of that size,
    one part file each. `chunk_customers` and `threads` only say how much is worked on at once.
    """

    profile: Literal["saas", "telecom", "consumer"]
    customers: Annotated[int, Field(ge=1, le=50_000_000)]
    months: Annotated[int, Field(ge=1, le=120)]
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    start_date: date
    block_customers: Annotated[int, Field(ge=50, le=50_000)] = 5_000
    chunk_customers: Annotated[int, Field(ge=50)] = 10_000
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    burn_in_weeks: Annotated[int, Field(ge=0, le=260)] = 52
    monthly_signup_ratio: Annotated[float, Field(ge=0, le=1)]
    returning_share: Share
    activity_sd: Annotated[float, Field(ge=0, le=2)]
    affinity_sd: Annotated[float, Field(ge=0, le=2)]
    seats_sd: Annotated[float, Field(ge=0, le=2)]
    unexplained_weekly: Annotated[float, Field(ge=0, le=0.5)]
    unexplained_sd: Annotated[float, Field(ge=0, le=2)]
    causes: dict[str, CauseSettings]
    plans: Annotated[list[PlanSettings], Field(min_length=1, max_length=20)]
    segments: dict[str, GroupSettings]
    channels: dict[str, GroupSettings]
    countries: dict[str, CountrySettings]
    journey: JourneySettings
    card: CardSettings
    events: Annotated[list[EventSettings], Field(min_length=1, max_length=60)]
    tickets: Annotated[list[TicketSettings], Field(min_length=1, max_length=40)]
    outreach: OutreachSettings
    calendar: CalendarSettings
    campaigns: CampaignSettings
    truth: TruthSettings = TruthSettings()
    dirt: DirtSettings = DirtSettings()

    @property
    def weeks(self) -> int:
        """Whole weeks of history that are written."""
        return max(1, round(self.months * DAYS_PER_MONTH / 7))

    @property
    def existing_share(self) -> float:
        """Share of the customers who signed up before the history begins."""
        return 1.0 / (1.0 + self.monthly_signup_ratio * self.months)

    @property
    def blocks(self) -> int:
        """Number of blocks of customers, and so of part files per table."""
        return -(-self.customers // self.block_customers)

    @model_validator(mode="after")
    def _consistent(self) -> SimulationSettings:
        problems = [*self._cause_problems(), *self._share_problems(), *self._date_problems()]
        for what, names in (
            ("plan", [p.name for p in self.plans]),
            ("event type", [e.name for e in self.events]),
        ):
            problems += [f"{what} '{name}' is there twice" for name in sorted(_repeated(names))]
        if not any(event.feature for event in self.events):
            problems.append("at least one event type must be a feature")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _cause_problems(self) -> list[str]:
        missing = [f"causes: '{name}' is missing" for name in STATE_CAUSES if name not in self.causes]
        episodes = sum(cause.episode_weekly for cause in self.causes.values())
        too_many = [f"causes: episode_weekly adds up to {episodes:.2f}; at most 0.4"] if episodes > 0.4 else []
        return [*unknown_causes(self.causes), *missing, *too_many]

    def _share_problems(self) -> list[str]:
        groups = {
            "plans": [plan.share for plan in self.plans],
            "segments": [group.share for group in self.segments.values()],
            "channels": [group.share for group in self.channels.values()],
            "countries": [group.share for group in self.countries.values()],
        }
        return [
            f"{name}: shares add up to {sum(shares):.3f}, not 1"
            for name, shares in groups.items()
            if abs(sum(shares) - 1) > 1e-6
        ]

    def _date_problems(self) -> list[str]:
        days = self.weeks * 7
        problems = []
        if self.truth.first_day > days:
            problems.append(f"truth.first_day ({self.truth.first_day}) is after the {days} days of history")
        if len(set(self.truth.horizons_days)) < len(self.truth.horizons_days):
            problems.append("truth.horizons_days repeats a horizon")
        if 30 not in self.truth.horizons_days:
            problems.append("truth.horizons_days must hold 30: causes and effects are read there")
        if not 1970 <= self.start_date.year <= 2100:
            problems.append(f"start_date ({self.start_date}) is outside 1970 to 2100")
        end = self.start_date + timedelta(days=days)
        return [*problems, *self.dirt.problems_within(self.start_date, end, self.months)]


def _repeated(names: Iterable[str]) -> set[str]:
    listed = list(names)
    return {name for name in listed if listed.count(name) > 1}


class SimulateSettings(ChurnSettings):
    """The settings of every stage, and the company to simulate."""

    simulation: SimulationSettings

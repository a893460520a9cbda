"""What one kind of company is like: the parameters of its customers, its product, its prices and its calendar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn.core.contract import CAUSES
from churn.core.strict import Share, StrictSettings
from churn.core.suggestions import did_you_mean
from churn.simulation.taxonomy import ACTION_NAMES, STATE_CAUSES

Weekly = Annotated[float, Field(ge=0, le=200)]
Weeks = Annotated[int, Field(ge=1, le=520)]
Size = Annotated[float, Field(ge=0, le=5)]
YearDay = Annotated[int, Field(ge=1, le=366)]
Shift = Annotated[float, Field(ge=-3, le=3)]
Loadings = dict[str, Shift]
Shares = dict[str, Annotated[float, Field(gt=0, le=1)]]


def unknown_causes(names: Mapping[str, object]) -> list[str]:
    """Return one line per name that is no state-driven cause, with the nearest one that is."""
    return [f"unknown cause '{name}'{did_you_mean(name, STATE_CAUSES)}" for name in names if name not in STATE_CAUSES]


class _Loaded(StrictSettings):
    """Something whose strength follows the states: `loadings` are changes in log strength per unit of severity."""

    loadings: Loadings = {}

    @model_validator(mode="after")
    def _known_loadings(self) -> _Loaded:
        if problems := unknown_causes(self.loadings):
            raise ValueError("; ".join(problems))
        return self


class CauseSettings(StrictSettings):
    """One latent state, as the severity of the cause it feeds, and the weekly hazard that follows from it.

    Severity is a lasting part (between customers), a moving part (a stationary first-order process) and shocks
    that fade. Hazard per week is `hazard_weekly * exp(slope * severity)`.
    """

    hazard_weekly: Annotated[float, Field(ge=0, le=0.5)]
    slope: Annotated[float, Field(ge=0, le=4)]
    lasting_sd: Size
    moving_sd: Size
    half_life_weeks: Annotated[float, Field(gt=0, le=200)]
    episode_weekly: Annotated[float, Field(ge=0, le=0.12)] = 0.0
    episode_size: Size = 0.0
    episode_half_life_weeks: Annotated[float, Field(gt=0, le=200)] = 8.0
    onset_half_life_weeks: Annotated[float, Field(gt=0, le=50)] = 2.0


class ValueSettings(_Loaded):
    """The number an event carries: log-normal around `median`, cut to `[low, high]`."""

    median: Annotated[float, Field(gt=0)]
    log_sd: Size
    low: float = 0.0
    high: float = 1e9


class EventSettings(_Loaded):
    """One event type: how often a week at severity 0, and what moves its rate.

    A `feature` is used to a different degree by different customers and can be removed by the company. What
    `scales` happens more often at customers with more seats and a livelier business.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    weekly_rate: Weekly
    feature: bool = False
    scales: bool = False
    value: ValueSettings | None = None


class TicketSettings(_Loaded):
    """One category of support tickets, and the theme its text is written on."""

    category: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    theme: str
    weekly_rate: Weekly

    @model_validator(mode="after")
    def _known_theme(self) -> TicketSettings:
        if self.theme not in CAUSES:
            raise ValueError(f"unknown theme '{self.theme}'{did_you_mean(self.theme, CAUSES)}")
        return self


class PlanSettings(StrictSettings):
    """One plan: price per seat and month, how common, how often paid yearly, and its notice period."""

    name: Annotated[str, Field(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1)]
    price: Annotated[float, Field(gt=0)]
    annual_share: Share = 0.0
    notice_weeks: Annotated[int, Field(ge=0, le=2)] = 0
    seats: Annotated[float, Field(ge=1, le=500)] = 1.0


class GroupSettings(StrictSettings):
    """One value of a customer attribute: how common, and how it shifts the lasting severity of causes."""

    share: Annotated[float, Field(gt=0, le=1)]
    shifts: Loadings = {}

    @model_validator(mode="after")
    def _known_shifts(self) -> GroupSettings:
        if problems := unknown_causes(self.shifts):
            raise ValueError("; ".join(problems))
        return self


class CountrySettings(GroupSettings):
    """One country: its language, its distance from UTC, and how much policy changes touch it."""

    language: Literal["en", "ja"]
    utc_offset_hours: Annotated[int, Field(ge=-12, le=14)] = 0
    policy_exposure: Annotated[float, Field(ge=0, le=3)] = 0.3


class JourneySettings(StrictSettings):
    """Trials, promotions and renewals: when they end and what that does to the hazard.

    `trial_hazard` is added in the week a trial ends (half of it the week before), `renewal_hazard` in each of the
    `renewal_weeks` up to a yearly renewal, `early_hazard` at sign-up, fading by `early_fade_weeks`.
    `gate_inside` and `gate_outside` multiply all other voluntary parts of customers who pay yearly.
    """

    trial_share: Share
    trial_days: Annotated[int, Field(ge=7, le=90)]
    trial_hazard: Annotated[float, Field(ge=0, le=3)]
    promotion_share: Share
    promotion_weeks: Weeks
    promotion_discount: Annotated[float, Field(ge=0, lt=1)]
    promotion_shock: Size
    renewal_weeks: Annotated[int, Field(ge=1, le=12)]
    renewal_hazard: Annotated[float, Field(ge=0, le=1)]
    gate_inside: Annotated[float, Field(ge=0, le=50)]
    gate_outside: Annotated[float, Field(ge=0, le=1)]
    early_hazard: Annotated[float, Field(ge=0, le=0.5)]
    early_fade_weeks: Weeks
    annual_discount: Annotated[float, Field(ge=0, lt=1)] = 0.15
    downgrade_weekly: Annotated[float, Field(ge=0, le=0.05)] = 0.0008
    upgrade_weekly: Annotated[float, Field(ge=0, le=0.05)] = 0.001


class CardSettings(StrictSettings):
    """Payments: how often a due amount fails, how often a retry succeeds, and what being past due does.

    A card is good for `valid_months`; the first amount due after it ran out fails for `expired_fail_share` of customers
    (0: nobody pays by card), the others gave their new card in time. `hazard_by_week` is the weekly involuntary hazard
    in the first, second, ... week past due.
    """

    fail_share: Annotated[float, Field(gt=0, lt=0.5)]
    fail_logit_sd: Size
    recover_share: Annotated[float, Field(gt=0, lt=1)]
    recover_logit_sd: Size
    hazard_by_week: Annotated[list[Annotated[float, Field(ge=0, le=5)]], Field(min_length=2, max_length=8)]
    refund_share: Share = 0.004
    valid_months: Annotated[int, Field(ge=6, le=120)] = 36
    expired_fail_share: Share = 0.0


class CalendarSettings(StrictSettings):
    """What happens to the whole company: mean weeks between two incidents of a kind, and their size.

    A size is the shock to severity at an exposure of 1. Usage and the wish to leave each have a season: the change in
    log strength on its peak day of the year, and as much below half a year later.
    """

    outage_weeks: Weeks
    outage_size: Size
    price_change_weeks: Weeks
    price_change_size: Size
    price_change_ratio: Annotated[float, Field(gt=0, le=1)]
    feature_removed_weeks: Weeks
    feature_removed_size: Size
    feature_gone_weeks: Weeks
    policy_change_weeks: Weeks
    policy_change_size: Size
    competitor_launch_weeks: Weeks
    competitor_launch_boost: Annotated[float, Field(ge=1, le=50)]
    usage_season: Annotated[float, Field(ge=0, le=0.8)]
    usage_peak_day: YearDay
    hazard_season: Annotated[float, Field(ge=0, le=0.8)]
    hazard_peak_day: YearDay
    weekend_usage: Annotated[float, Field(gt=0, le=5)]


class CampaignSettings(StrictSettings):
    """Randomised retention campaigns: how often, on which share of customers, how long an action works."""

    every_weeks: Weeks
    first_week: Annotated[int, Field(ge=0)]
    share: Share
    control_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    effect_weeks: Annotated[int, Field(ge=5, le=52)] = 8
    actions: Annotated[list[str], Field(min_length=1)]
    savable_share: Share = 0.55
    woken_up_share: Share = 0.15

    @model_validator(mode="after")
    def _known_actions(self) -> CampaignSettings:
        problems = [
            f"unknown action '{name}'{did_you_mean(name, ACTION_NAMES)}"
            for name in self.actions
            if name not in ACTION_NAMES
        ]
        if self.savable_share + self.woken_up_share > 1:
            problems.append("savable_share + woken_up_share is above 1")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class OutreachSettings(StrictSettings):
    """Messages and surveys: how often they go out and how often they are answered at severity 0."""

    messages_weekly: Weekly
    open_share: Share
    click_share: Share
    unsubscribe_share: Share
    nps_every_weeks: Weeks
    nps_answer_share: Share
    nps_mean: Annotated[float, Field(ge=0, le=10)]
    ticket_answer_share: Share
    cancellation_answer_share: Share
    cancellation_misreport_share: Share

"""The company's calendar: incidents, campaigns and seasons by week, drawn once for the whole company.

Weeks count from the start of the written history; the burn-in has negative weeks and the calendar runs on past the
end, because truths look ahead. The truth of a date knows the calendar, but no customer's future.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from churn.simulation.randomness import Purpose, generator
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import ACTION_NAMES, Floats

PRICE_CHANGE_DAY = 0.25  # price changes start early in a week, at this fraction of its first day


@dataclass(frozen=True)
class Incident:
    """One company-wide change; days count from the start of the history, `plan` None means all plans."""

    kind: str
    start_day: float
    end_day: float | None
    magnitude: float
    plan: int | None = None
    feature: int | None = None
    announced_day: float | None = None

    @property
    def week(self) -> int:
        """The week the incident starts in."""
        return int(self.start_day // 7)


@dataclass(frozen=True)
class Calendar:
    """What the company does to its customers, as arrays over weeks (first axis; use `at` to index).

    `outage` and `price` have shape (weeks, plans), `removed_shock` and `removed` (weeks, features), the others
    (weeks,). `campaign` holds an index into the actions, or -1.
    """

    first_week: int
    incidents: tuple[Incident, ...]
    outage: Floats
    price: Floats
    price_ratio: Floats
    removed_shock: Floats
    removed: Floats
    policy: Floats
    courting: Floats
    usage_season: Floats
    hazard_season: Floats
    campaign: np.typing.NDArray[np.int64]

    def at(self, week: int) -> int:
        """Return the position of a week on the first axis."""
        return week - self.first_week


def feature_names(settings: SimulationSettings) -> list[str]:
    """Return the event types that are features, in the order of the settings."""
    return [event.name for event in settings.events if event.feature]


def build_calendar(settings: SimulationSettings) -> Calendar:
    """Draw the company's calendar; a function of settings and seed alone."""
    rng = generator(settings.seed, Purpose.CALENDAR)
    first = -settings.burn_in_weeks
    last = settings.weeks + -(-max(settings.truth.horizons_days) // 7) + 1
    incidents = _draw_incidents(rng, settings, first, last)
    weeks = np.arange(first, last)
    plans, features = len(settings.plans), len(feature_names(settings))
    day = np.array([(settings.start_date + timedelta(weeks=int(w))).timetuple().tm_yday for w in weeks])
    calendar = Calendar(
        first_week=first,
        incidents=tuple(incidents),
        outage=np.zeros((weeks.size, plans), np.float32),
        price=np.zeros((weeks.size, plans), np.float32),
        price_ratio=np.zeros((weeks.size, plans), np.float32),
        removed_shock=np.zeros((weeks.size, features), np.float32),
        removed=np.zeros((weeks.size, features), np.float32),
        policy=np.zeros(weeks.size, np.float32),
        courting=np.ones(weeks.size, np.float32),
        usage_season=_season(day, settings.calendar.usage_season, settings.calendar.usage_peak_day),
        hazard_season=np.exp(_season(day, settings.calendar.hazard_season, settings.calendar.hazard_peak_day)),
        campaign=_campaign_weeks(settings, weeks),
    )
    for incident in incidents:
        _enter(calendar, incident, settings)
    return calendar


def _season(day: np.typing.NDArray[np.int64], size: float, peak_day: int) -> Floats:
    return np.asarray(size * np.cos(2 * np.pi * (day - peak_day) / 365.25), dtype=np.float32)


def _draw_incidents(rng: np.random.Generator, settings: SimulationSettings, first: int, last: int) -> list[Incident]:
    spacing = settings.calendar
    features = len(feature_names(settings))
    found: list[Incident] = []
    for start in _start_days(rng, first, last, spacing.outage_weeks):
        plan = int(rng.integers(-1, len(settings.plans)))
        hours = float(rng.uniform(1, 20))
        found.append(Incident("outage", start, start + hours / 24, round(0.5 + hours / 20, 2), _plan(plan)))
    for count, start in enumerate(_start_days(rng, first, last, spacing.price_change_weeks)):
        ratio = round(float(spacing.price_change_ratio * rng.uniform(0.6, 1.4)), 3)
        plan = count % len(settings.plans)
        start = 7 * (start // 7) + PRICE_CHANGE_DAY
        found.append(Incident("price_change", start, None, ratio, plan, announced_day=start - 42))
    for count, start in enumerate(_start_days(rng, first, last, spacing.feature_removed_weeks)):
        end = start + 7 * spacing.feature_gone_weeks
        size = round(float(rng.uniform(0.7, 1.3)), 2)
        found.append(Incident("feature_removed", start, end, size, feature=count % features, announced_day=start - 28))
    for start in _start_days(rng, first, last, spacing.policy_change_weeks):
        size = round(float(rng.uniform(0.7, 1.3)), 2)
        found.append(Incident("policy_change", start, None, size, announced_day=start - 28))
    for start in _start_days(rng, first, last, spacing.competitor_launch_weeks):
        found.append(Incident("competitor_launch", start, None, round(float(rng.uniform(0.7, 1.3)), 2)))
    return sorted(found, key=lambda incident: (incident.start_day, incident.kind))


def _start_days(rng: np.random.Generator, first: int, last: int, spacing: int) -> list[float]:
    weeks = np.arange(first + rng.uniform(0, spacing), last, spacing) + rng.uniform(-0.2, 0.2) * spacing
    days = np.clip(np.floor(weeks * 7), first * 7, last * 7 - 1) + rng.integers(6, 18, weeks.size) / 24
    return [float(day) for day in days]


def _plan(code: int) -> int | None:
    return None if code < 0 else code


def _campaign_weeks(settings: SimulationSettings, weeks: np.typing.NDArray[np.int64]) -> np.typing.NDArray[np.int64]:
    campaigns = settings.campaigns
    since = weeks - campaigns.first_week
    number = since // campaigns.every_weeks
    codes = np.array([ACTION_NAMES.index(name) for name in campaigns.actions])
    return np.where((since >= 0) & (since % campaigns.every_weeks == 0), codes[number % codes.size], -1)


def _enter(calendar: Calendar, incident: Incident, settings: SimulationSettings) -> None:
    week = calendar.at(incident.week)
    plans = slice(None) if incident.plan is None else incident.plan
    sizes = settings.calendar
    if incident.kind == "outage":
        calendar.outage[week, plans] += sizes.outage_size * incident.magnitude
    elif incident.kind == "price_change":
        calendar.price[week, plans] += sizes.price_change_size * incident.magnitude / sizes.price_change_ratio
        calendar.price_ratio[week, plans] = incident.magnitude
    elif incident.kind == "feature_removed":
        gone = slice(week, week + sizes.feature_gone_weeks)
        calendar.removed_shock[week, incident.feature] += sizes.feature_removed_size * incident.magnitude
        calendar.removed[gone, incident.feature] = 1.0
    elif incident.kind == "policy_change":
        calendar.policy[week] += sizes.policy_change_size * incident.magnitude
    else:
        boost = 1 + (sizes.competitor_launch_boost - 1) * incident.magnitude
        calendar.courting[week : week + 6] = np.maximum(calendar.courting[week : week + 6], boost)

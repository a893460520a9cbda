"""Who the customers are: fixed traits of each, known to the truth and only partly seen in the tables."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from churn.simulation.profile import GroupSettings
from churn.simulation.randomness import pick, uniform
from churn.simulation.settings import DAYS_PER_MONTH, SimulationSettings
from churn.simulation.taxonomy import STATE_CAUSES, Days, Flags, Floats, Ints
from churn.simulation.timeline import feature_names

NEVER = -1e6
AGE_BANDS = ("18-29", "30-39", "40-49", "50-59", "60+")


@dataclass
class Traits:
    """Fixed traits, customers on the last axis, first axis causes (`lasting`) or features (`affinity`).

    Days count from the start of the history, fractions are times of day, `NEVER` stands for no such day.
    `anchor_day` is the first due payment, `card_end_day` when the first card runs out. Codes index the settings' lists
    in their order.
    """

    lasting: Floats
    affinity: Floats
    unexplained: Floats
    activity: Floats
    policy_exposure: Floats
    start_day: Days
    anchor_day: Days
    trial_end_day: Days
    promotion_end_day: Days
    period_months: Floats
    notice_weeks: Ints
    plan: Ints
    seats: Floats
    price: Floats
    fail_share: Floats
    recover_share: Floats
    card_end_day: Days
    response_kind: Ints
    response: Floats
    wake: Floats
    segment: Ints
    channel: Ints
    country: Ints
    age_band: Ints
    company_size: Ints
    first_name: Ints
    last_name: Ints

    @property
    def size(self) -> int:
        """Number of customers."""
        return int(self.start_day.size)

    def put(self, where: Ints, other: Traits) -> None:
        """Replace the customers at these positions."""
        for field in fields(self):
            getattr(self, field.name)[..., where] = getattr(other, field.name)

    def take(self, where: Ints) -> Traits:
        """Return the customers at these positions."""
        return Traits(**{field.name: getattr(self, field.name)[..., where] for field in fields(self)})

    def spread(self) -> Traits:
        """Return the same customers with a last axis of length 1, to be broadcast over paths."""
        return Traits(**{field.name: getattr(self, field.name)[..., None] for field in fields(self)})


def draw_traits(rng: np.random.Generator, settings: SimulationSettings, start_day: Days) -> Traits:
    """Draw new customers who sign up on the given days, shape (n,)."""
    n = start_day.size
    plans = settings.plans
    groups = {
        "segment": pick(rng, [g.share for g in settings.segments.values()], n),
        "channel": pick(rng, [g.share for g in settings.channels.values()], n),
        "country": pick(rng, [g.share for g in settings.countries.values()], n),
    }
    plan = pick(rng, [p.share for p in plans], n)
    annual = uniform(rng, n) < np.array([p.annual_share for p in plans], np.float32)[plan]
    typical = np.array([p.seats for p in plans], np.float32)[plan]
    seats = _draw_seats(rng, settings, typical)
    terms = _draw_terms(rng, settings, start_day, annual)
    lasting = _draw_lasting(rng, settings, groups)
    kind, response, wake = _draw_response(rng, settings, annual, lasting)
    price = np.array([p.price for p in plans], np.float32)[plan]
    price = price * np.where(annual, 1 - settings.journey.annual_discount, 1).astype(np.float32)
    policy = np.array([c.policy_exposure for c in settings.countries.values()], np.float32)[groups["country"]]
    return Traits(
        lasting=lasting,
        affinity=_normal(rng, (len(feature_names(settings)), n), settings.affinity_sd),
        unexplained=np.exp(_normal(rng, n, settings.unexplained_sd)),
        activity=_normal(rng, n, settings.activity_sd) + np.float32(0.15) * _log(seats / typical),
        policy_exposure=policy * np.exp(_normal(rng, n, 0.2)),
        start_day=start_day,
        period_months=np.where(annual, 12, 1).astype(np.float32),
        notice_weeks=np.array([p.notice_weeks for p in plans])[plan],
        plan=plan,
        seats=seats,
        price=price,
        fail_share=_logit_normal(rng, n, settings.card.fail_share, settings.card.fail_logit_sd),
        recover_share=_logit_normal(rng, n, settings.card.recover_share, settings.card.recover_logit_sd),
        card_end_day=start_day + np.ceil(uniform(rng, n) * settings.card.valid_months) * DAYS_PER_MONTH,
        response_kind=kind,
        response=response,
        wake=wake,
        age_band=pick(rng, [0.18, 0.28, 0.26, 0.18, 0.10], n),
        company_size=np.ceil(seats * np.exp(np.abs(_normal(rng, n, 1.0)))).astype(np.int64),
        first_name=rng.integers(0, 1 << 30, n),
        last_name=rng.integers(0, 1 << 30, n),
        segment=groups["segment"],
        channel=groups["channel"],
        country=groups["country"],
        trial_end_day=terms["trial_end_day"],
        anchor_day=terms["anchor_day"],
        promotion_end_day=terms["promotion_end_day"],
    )


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(values), dtype=np.float32)


def _normal(rng: np.random.Generator, shape: int | tuple[int, ...], sd: float) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(sd)


def _logit_normal(rng: np.random.Generator, n: int, middle: float, sd: float) -> Floats:
    logit = np.float32(np.log(middle / (1 - middle))) + _normal(rng, n, sd)
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)


def _draw_seats(rng: np.random.Generator, settings: SimulationSettings, typical: Floats) -> Floats:
    drawn = np.round(typical * np.exp(_normal(rng, typical.size, settings.seats_sd)))
    return np.where(typical > 1, np.clip(drawn, 1, 300), 1).astype(np.float32)


def _draw_terms(rng: np.random.Generator, settings: SimulationSettings, start: Days, annual: Flags) -> dict[str, Days]:
    journey = settings.journey
    tried = uniform(rng, start.size) < journey.trial_share
    trial_end = np.where(tried, start + journey.trial_days, NEVER)
    promoted = (uniform(rng, start.size) < journey.promotion_share) & ~annual
    length = journey.promotion_weeks * 7 * np.where(uniform(rng, start.size) < 0.5, 1, 0.5)
    anchor = np.where(tried, trial_end, start)
    promotion_end = np.where(promoted, np.floor(anchor + length), NEVER)
    return {"trial_end_day": trial_end, "anchor_day": anchor, "promotion_end_day": promotion_end}


def _draw_lasting(rng: np.random.Generator, settings: SimulationSettings, groups: dict[str, Ints]) -> Floats:
    n = groups["segment"].size
    sds = np.array([settings.causes[cause].lasting_sd for cause in STATE_CAUSES], np.float32)
    lasting = (rng.standard_exponential((len(STATE_CAUSES), n), dtype=np.float32) - 1) * sds[:, None]
    tables: dict[str, dict[str, GroupSettings]] = {
        "segment": dict(settings.segments),
        "channel": dict(settings.channels),
        "country": dict(settings.countries),
    }
    for what, table in tables.items():
        for row, cause in enumerate(STATE_CAUSES):
            shifts = np.array([group.shifts.get(cause, 0.0) for group in table.values()], np.float32)
            lasting[row] += shifts[groups[what]]
    return lasting


def _draw_response(
    rng: np.random.Generator, settings: SimulationSettings, annual: Flags, lasting: Floats
) -> tuple[Ints, Floats, Floats]:
    """Draw how customers respond to being acted on: 0 savable, 1 unmoved, 2 woken up by contact.

    Customers who pay yearly and those who use the product little are woken up more often.
    """
    n = annual.size
    campaigns = settings.campaigns
    tilt = np.exp(np.float32(0.6) * annual + np.float32(0.5) * lasting[0] - np.float32(0.15))
    woken = np.minimum(campaigns.woken_up_share * tilt, np.float32(0.6))
    savable = (1 - woken) * campaigns.savable_share / max(1 - campaigns.woken_up_share, 1e-9)
    draw = uniform(rng, n)
    kind = np.where(draw < woken, 2, np.where(draw < woken + savable, 0, 1)).astype(np.int64)
    strength = uniform(rng, n)
    response = np.choose(kind, [0.6 + 0.4 * strength, 0.05 * strength, 0.15 * strength]).astype(np.float32)
    wake = np.where(kind == 2, 0.3 + 0.9 * strength, 0).astype(np.float32)
    return kind, response, wake


def signup_days(rng: np.random.Generator, settings: SimulationSettings, n: int) -> Days:
    """Draw sign-up days of a block: part before the history, the rest spread over it with a mild season.

    Before the history stand customers old enough to be anywhere in their life; those who leave during the burn-in
    make room for new ones.
    """
    existing = rng.random(n) < settings.existing_share
    burn_in = -7.0 * settings.burn_in_weeks
    older = burn_in - 7 - rng.exponential(10 * DAYS_PER_MONTH, n)
    newer = rng.random(n) * settings.weeks * 7
    season = 1 + 0.15 * np.cos(2 * np.pi * (newer + settings.start_date.timetuple().tm_yday - 20) / 365.25)
    redraw = rng.random(n) * 1.15 > season
    newer[redraw] = rng.random(int(redraw.sum())) * settings.weeks * 7
    whole = np.floor(np.where(existing, older, newer))
    return np.asarray(whole + rng.integers(0, 24 * 60, n) / 1440)

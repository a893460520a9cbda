"""The process itself: how states move in a week, and the weekly hazard they make.

Both the history and the truth's look-ahead call these functions, so the truth is that of the process by construction.
Arrays have causes on the first axis and customers on the next; a last axis of paths broadcasts through.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from churn.simulation.customers import Traits
from churn.simulation.settings import DAYS_PER_MONTH, SimulationSettings
from churn.simulation.taxonomy import (
    ACTIONS,
    STATE_CAUSES,
    VOLUNTARY_CAUSES,
    Days,
    Floats,
    Ints,
    action_efficacy,
    cause_index,
)
from churn.simulation.timeline import Calendar

SEVERITY_FLOOR, SEVERITY_CEILING = np.float32(-1.5), np.float32(3.0)
HABIT, PRICE, CHANGE = cause_index("low_engagement"), cause_index("pricing"), cause_index("unexpected_change")
NOTICED = np.array([action.contacts for action in ACTIONS], np.float32)  # 1 where the customer notices the action
QUALITY, RIVALS = cause_index("product_quality"), cause_index("competition")


@dataclass
class States:
    """What moves from week to week: the moving part and the shocks of each cause, the action at work.

    A blow (an episode, an incident) is first `pending` and sinks in over weeks; `shock` is what is felt of it.
    """

    moving: Floats
    shock: Floats
    pending: Floats
    action: Ints
    action_until: Ints

    def take(self, where: Ints) -> States:
        """Return a copy for the customers at these positions."""
        return States(**{field.name: getattr(self, field.name)[..., where] for field in fields(self)})

    def spread(self, paths: int) -> States:
        """Return each customer's states repeated on a new last axis, one copy per path."""
        return States(
            **{field.name: np.repeat(getattr(self, field.name)[..., None], paths, axis=-1) for field in fields(self)}
        )


@dataclass(frozen=True)
class Dynamics:
    """The settings of the process as columns of shape (causes, 1...), ready to broadcast."""

    log_hazard: Floats
    slope: Floats
    keep: Floats
    noise: Floats
    fade: Floats
    sinking: Floats
    episode: Floats
    episode_size: Floats
    moves: Ints
    settings: SimulationSettings
    calendar: Calendar
    efficacy: Floats


def build_dynamics(settings: SimulationSettings, calendar: Calendar) -> Dynamics:
    """Return the process of a company."""
    causes = [settings.causes[cause] for cause in STATE_CAUSES]

    def column(values: list[float]) -> Floats:
        return np.array(values, dtype=np.float32)

    keep = [0.5 ** (1 / cause.half_life_weeks) for cause in causes]
    return Dynamics(
        log_hazard=column([float(np.log(max(cause.hazard_weekly, 1e-12))) for cause in causes]),
        slope=column([cause.slope for cause in causes]),
        keep=column(keep),
        noise=column([cause.moving_sd * (1 - k * k) ** 0.5 for cause, k in zip(causes, keep, strict=True)]),
        fade=column([0.5 ** (1 / cause.episode_half_life_weeks) for cause in causes]),
        sinking=column([1 - 0.5 ** (1 / cause.onset_half_life_weeks) for cause in causes]),
        episode=column([cause.episode_weekly for cause in causes]),
        episode_size=column([cause.episode_size for cause in causes]),
        moves=np.flatnonzero([cause.moving_sd > 0 for cause in causes]),
        settings=settings,
        calendar=calendar,
        efficacy=action_efficacy(),
    )


def severity(traits: Traits, states: States) -> Floats:
    """Return how bad each state-driven cause is, shape (causes, n...); 0 is typical, -1.5 none at all, 2 the worst."""
    total = states.moving + states.shock
    total += traits.lasting
    return np.clip(total, SEVERITY_FLOOR, SEVERITY_CEILING, out=total)


def display(traits: Traits, states: States) -> Floats:
    """Return the severity customers show in what they do, shape (causes, n...): blows show before they are felt."""
    total = states.moving + states.shock
    total += states.pending
    total += traits.lasting
    return np.clip(total, SEVERITY_FLOOR, SEVERITY_CEILING, out=total)


def due_day(traits: Traits, week: int) -> Days:
    """Return the first due day at or after the week's start, in days; payments and renewals fall on due days."""
    period = traits.period_months * DAYS_PER_MONTH
    number = np.maximum(np.ceil((7 * week - traits.anchor_day) / period), 0)
    return np.asarray(traits.anchor_day + number * period)


def card_end(settings: SimulationSettings, first: Days, day: Days) -> Days:
    """Return when the cards run out that are good on a day, by the end of the first; a new one is good for as long."""
    length = settings.card.valid_months * DAYS_PER_MONTH
    return np.asarray(first + np.ceil((day - first) / length) * length)


def expired_share(settings: SimulationSettings, traits: Traits, due: Days) -> Floats:
    """Return the chance that an amount due on a day fails because the card ran out since the one before, shape (n,)."""
    before = due - traits.period_months * DAYS_PER_MONTH
    ran_out = (due > traits.anchor_day) & (card_end(settings, traits.card_end_day, before) < due)
    return ran_out * np.float32(settings.card.expired_fail_share)


def voluntary_hazards(dynamics: Dynamics, traits: Traits, states: States, level: Floats, week: int) -> Floats:
    """Return the hazard of leaving by one's own will in a week, by cause, shape (voluntary causes, n...).

    The parts add up to the whole: the state-driven ones are log-linear in severity, the journey's and the
    unexplained one depend on dates and traits. A yearly contract gates all but the journey's part; an action at work
    scales every part.
    """
    k = len(STATE_CAUSES)
    shape = (len(VOLUNTARY_CAUSES), *level.shape[1:])
    parts = np.empty(shape, dtype=np.float32)
    extra = (1,) * (level.ndim - 1)
    np.multiply(level, dynamics.slope.reshape(k, *extra), out=parts[:k])
    parts[:k] += dynamics.log_hazard.reshape(k, *extra)
    np.exp(parts[:k], out=parts[:k])
    gate, journey = _journey(dynamics, traits, week)
    parts[k] = 0
    parts[k + 1] = np.float32(dynamics.settings.unexplained_weekly) * traits.unexplained
    parts *= gate * dynamics.calendar.hazard_season[dynamics.calendar.at(week)]
    parts[k] = journey
    _act_on(dynamics, traits, states, week, parts)
    return parts


def _journey(dynamics: Dynamics, traits: Traits, week: int) -> tuple[Floats, Floats]:
    journey = dynamics.settings.journey
    annual = traits.period_months > 1
    due = due_day(traits, week)
    weeks_left = np.floor((due - 7 * week) / 7)
    near = annual & (weeks_left < journey.renewal_weeks) & (due > traits.anchor_day)
    gate = np.where(annual, np.where(near, journey.gate_inside, journey.gate_outside), 1.0)
    to_trial_end = np.floor((traits.trial_end_day - 7 * week) / 7)
    part = journey.trial_hazard * ((to_trial_end == 0) + 0.5 * (to_trial_end == 1))
    part = part + near * journey.renewal_hazard
    age_weeks = np.maximum(week - traits.start_day / 7, 0)
    part = part + journey.early_hazard * np.exp(-age_weeks / journey.early_fade_weeks)
    return gate.astype(np.float32), part.astype(np.float32)


def _act_on(dynamics: Dynamics, traits: Traits, states: States, week: int, parts: Floats) -> None:
    """Scale the hazards of those on whom an action is at work, in place; mostly they are few."""
    working = np.nonzero((states.action >= 0) & (week < states.action_until))
    if not working[0].size:
        return
    action, customer = states.action[working], working[0]
    response, wake = (trait.reshape(-1)[customer] for trait in (traits.response, traits.wake))
    removed = dynamics.efficacy[action].T * response
    everywhere: tuple[Any, ...] = (slice(None), *working)
    parts[everywhere] *= 1 - removed + wake * NOTICED[action]


def advance(
    dynamics: Dynamics, traits: Traits, states: States, week: int, noise: Floats, draw: Floats
) -> tuple[Ints, Floats]:
    """Move the states from one week to the next, in place; return what hit the customers in the week.

    Parameters
    ----------
    dynamics, traits, states
        The process, the customers, and their states at the start of `week`.
    week
        The week that passes.
    noise
        Innovations of the moving parts, shape (moving causes, n...), mean 0 and standard deviation 1.
    draw
        Uniform numbers, shape (n...), that say which episode, if any, hits a customer, and how hard.

    Returns
    -------
    tuple of arrays
        Index of the cause whose episode hit, -1 for none, and the size of the shock, shape (n...).
    """
    extra = (1,) * (states.moving.ndim - 1)
    rows = dynamics.moves
    states.moving[rows] = states.moving[rows] * dynamics.keep[rows].reshape(-1, *extra) + noise * dynamics.noise[
        rows
    ].reshape(-1, *extra)
    states.shock *= dynamics.fade.reshape(-1, *extra)
    sunk = states.pending * dynamics.sinking.reshape(-1, *extra)
    states.shock += sunk
    states.pending -= sunk
    _add_incidents(dynamics, traits, states, week)
    return _add_episodes(dynamics, states, week, draw)


def _add_incidents(dynamics: Dynamics, traits: Traits, states: States, week: int) -> None:
    calendar = dynamics.calendar
    at = calendar.at(week)
    if calendar.outage[at].any():
        states.pending[QUALITY] += calendar.outage[at][traits.plan] * outage_exposure(traits)
    if calendar.price[at].any():
        states.pending[PRICE] += calendar.price[at][traits.plan]
    for feature in np.flatnonzero(calendar.removed_shock[at]):
        states.pending[CHANGE] += calendar.removed_shock[at, feature] * feature_exposure(traits, int(feature))
    if calendar.policy[at] > 0:
        states.pending[CHANGE] += calendar.policy[at] * traits.policy_exposure
    ended = (traits.promotion_end_day >= 7 * week) & (traits.promotion_end_day < 7 * week + 7)
    if ended.any():
        states.pending[PRICE] += ended.astype(np.float32) * np.float32(dynamics.settings.journey.promotion_shock)


def outage_exposure(traits: Traits) -> Floats:
    """Return how much an outage is felt: those who use the product more feel it more."""
    return np.clip(np.exp(traits.activity), np.float32(0.3), np.float32(2.5))


def feature_exposure(traits: Traits, feature: int) -> Floats:
    """Return how much losing a feature is felt: by how much more than others one uses it."""
    return np.asarray(np.clip(np.float32(2.0) * traits.affinity[feature], 0, np.float32(2.5)))


def _add_episodes(dynamics: Dynamics, states: States, week: int, draw: Floats) -> tuple[Ints, Floats]:
    rates = dynamics.episode.copy()
    rates[RIVALS] *= dynamics.calendar.courting[dynamics.calendar.at(week)]
    edges = np.cumsum(rates)
    hit = np.full(draw.shape, -1, dtype=np.int64)
    size = np.zeros(draw.shape, dtype=np.float32)
    where = np.nonzero(draw < edges[-1])
    found = np.searchsorted(edges, draw[where], side="right")
    inside = (draw[where] - (edges[found] - rates[found])) / rates[found]
    hit[where] = found
    size[where] = -np.log1p(-np.clip(inside, 0, np.float32(0.999))) * dynamics.episode_size[found]
    states.pending[(found, *where)] += size[where]
    return hit, size

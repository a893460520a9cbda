"""The weekly life of one block of customers: arriving, deciding, paying, leaving, coming back."""

from __future__ import annotations

import numpy as np

from churn.simulation.block import FOREVER, INVOLUNTARY, RUNNING, VOLUNTARY, BlockLife
from churn.simulation.campaigns import run_campaign
from churn.simulation.customers import NEVER, draw_traits
from churn.simulation.process import (
    Dynamics,
    advance,
    display,
    due_day,
    expired_share,
    severity,
    voluntary_hazards,
)
from churn.simulation.randomness import innovations, uniform
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import VOLUNTARY_CAUSES, Floats, Ints, cause_index
from churn.simulation.terms import change_terms, close_terms
from churn.simulation.trajectory import EXPIRED, FAILED, SUCCEEDED, Columns, Trajectory

SUPPORT = cause_index("poor_support")


def live_block(dynamics: Dynamics, block: int) -> tuple[BlockLife, Trajectory]:
    """Let a block of customers live through burn-in and history; return who they are and what they went through."""
    settings = dynamics.settings
    life = BlockLife(dynamics, block)
    truth = settings.truth
    for week in range(-settings.burn_in_weeks, settings.weeks):
        if week >= 0 and 7 * week >= truth.first_day and (7 * week - truth.first_day) % truth.cadence_days == 0:
            life.keep_snapshot(week)
        _pass_week(life, week)
    end = 7 * settings.weeks
    if end >= truth.first_day and (end - truth.first_day) % truth.cadence_days == 0:
        life.keep_snapshot(settings.weeks)
    running = np.flatnonzero(life.active)
    close_terms(life, running, np.full(running.size, FOREVER), np.full(running.size, RUNNING))
    return life, life.record


def _pass_week(life: BlockLife, week: int) -> None:
    """Let one week pass."""
    _arrive(life, week)
    level = severity(life.traits, life.states)
    _decide(life, week, level)
    if week >= 0:
        _note(life, week, display(life.traits, life.states))
    _pay(life, week)
    change_terms(life, week, level)
    run_campaign(life, week)
    noise = innovations(life.rng, (life.dynamics.moves.size, life.n))
    hit, size = advance(life.dynamics, life.traits, life.states, week, noise, uniform(life.rng, life.n))
    if week >= 0:
        life.record.support_size[week] = np.where(hit == SUPPORT, size, 0) * life.active
    _leave(life, week)


def _arrive(life: BlockLife, week: int) -> None:
    back = life.return_week == week
    if back.any():
        _come_back(life, np.flatnonzero(back), week)
    began = ~life.active & (life.spell == 0) & (life.end_day >= FOREVER)
    new = (began & (life.traits.start_day < 7 * week + 7)) | back
    life.traits.price[new & ~back] *= life.price_level[life.traits.plan[new & ~back]]
    life.active |= new
    life.states.shock[:, new] = 0
    life.states.pending[:, new] = 0
    life.states.action[new] = -1
    life.past_due[new] = 0
    life.term_start[new] = life.traits.start_day[new]
    life.term_plan[new] = life.traits.plan[new]
    life.term_mrr[new] = life.mrr(week)[new]


def _come_back(life: BlockLife, where: Ints, week: int) -> None:
    life.spell[where] += 1
    life.traits.start_day[where] = 7 * week + np.floor(life.rng.random(where.size) * 6 * 1440) / 1440
    life.traits.anchor_day[where] = life.traits.start_day[where]
    life.traits.trial_end_day[where] = NEVER
    life.traits.promotion_end_day[where] = NEVER
    life.decision_day[where] = FOREVER
    life.end_day[where] = FOREVER
    life.end_reason[where] = RUNNING
    life.return_week[where] = np.iinfo(np.int64).max


def _decide(life: BlockLife, week: int, level: Floats) -> None:
    parts = voluntary_hazards(life.dynamics, life.traits, life.states, level, week)
    exposed = life.active & (life.traits.start_day < 7 * week)
    draws = life.rng.random((3, life.n))
    due_hazard = past_due_hazard(life.settings, life.past_due)
    if week >= 0 and life.diary_size:
        life.diary.append(np.vstack([parts, due_hazard])[:, : life.diary_size])
    with np.errstate(divide="ignore"):
        wish = -np.log1p(-draws[0]) / parts.sum(axis=0)
        failure = -np.log1p(-draws[1]) / due_hazard
    decides = exposed & (life.decision_day >= FOREVER) & (wish < 1)
    life.decision_day[decides] = 7 * (week + wish[decides])
    life.end_day[decides] = life.decision_day[decides] + 7 * life.traits.notice_weeks[decides]
    life.end_reason[decides] = VOLUNTARY
    shares = np.cumsum(parts, axis=0) / parts.sum(axis=0)
    life.end_cause[decides] = (draws[2] > shares).sum(axis=0)[decides].clip(max=len(VOLUNTARY_CAUSES) - 1)
    fails = exposed & (failure < 1) & (7 * (week + failure) < life.end_day)
    life.end_day[fails] = 7 * (week + failure[fails])
    life.end_reason[fails] = INVOLUNTARY
    life.end_cause[fails] = len(VOLUNTARY_CAUSES)


def _note(life: BlockLife, week: int, shown: Floats) -> None:
    record = life.record
    record.severity[week] = shown
    start = np.clip(life.traits.start_day - 7 * week, 0, 7)
    end = np.clip(life.end_day - 7 * week, 0, 7)
    record.alive_from[week] = np.where(life.active, start, 0)
    record.alive_to[week] = np.where(life.active, end, 0)
    record.leaving_soon[week] = life.decision_day < 7 * week
    record.past_due[week] = life.past_due


def _pay(life: BlockLife, week: int) -> None:
    draws = uniform(life.rng, (4, life.n))
    due = due_day(life.traits, week)
    retry = life.active & (life.past_due > 0)
    day = np.where(retry, 7 * week + 6.9 * draws[0], due)
    tried = life.active & (day >= life.traits.start_day) & (day < 7 * week + 7) & (day < life.end_day)
    life.card_expired = np.where(retry, life.card_expired, draws[3] < expired_share(life.settings, life.traits, due))
    paid_at_once = (draws[2] >= life.traits.fail_share) & ~life.card_expired
    paid = np.where(retry, draws[1] < life.traits.recover_share, paid_at_once)
    worst = len(life.settings.card.hazard_by_week)
    moved = np.where(paid, 0, np.minimum(life.past_due + 1, worst))
    life.past_due = np.where(tried, moved, life.past_due)
    if week >= 0:
        failed = np.where(life.card_expired, EXPIRED, FAILED)
        life.record.attempt[week] = np.where(tried, np.where(paid, SUCCEEDED, failed), 0)
        life.record.attempt_day[week] = day - 7 * week
        life.record.amount[week] = life.mrr(week) * life.traits.period_months


def _leave(life: BlockLife, week: int) -> None:
    gone = np.flatnonzero(life.active & (life.end_day < 7 * week + 7))
    if week < 0:
        _replace(life, gone, week)
        return
    close_terms(life, gone, life.end_day[gone].copy(), life.end_reason[gone].copy())
    life.record.departures.append(_departures(life, gone))
    life.active[gone] = False
    again = life.rng.random(gone.size) < life.settings.returning_share
    wait = life.rng.integers(9, 30, gone.size)
    comes = again & (life.end_reason[gone] == VOLUNTARY) & (life.spell[gone] == 0)
    life.return_week[gone[comes]] = week + wait[comes]


def _departures(life: BlockLife, gone: Ints) -> Columns:
    return {
        "customer": gone,
        "spell": life.spell[gone].copy(),
        "decided": np.where(life.end_reason[gone] == VOLUNTARY, life.decision_day[gone], life.end_day[gone]),
        "ended": life.end_day[gone].copy(),
        "reason": life.end_reason[gone].copy(),
        "cause": life.end_cause[gone].copy(),
    }


def _replace(life: BlockLife, gone: Ints, week: int) -> None:
    """Give the place of those who left during the burn-in to new customers, who sign up in the next week."""
    start = np.floor((7 * week + 7 + life.draws.random(gone.size) * 7) * 1440) / 1440
    life.traits.put(gone, draw_traits(life.draws, life.settings, start))
    fresh = life.fresh_states(gone.size)
    life.states.moving[:, gone] = fresh.moving
    life.active[gone] = False
    life.decision_day[gone] = FOREVER
    life.end_day[gone] = FOREVER
    life.end_reason[gone] = RUNNING
    life.signed_up[gone] = start


def past_due_hazard(settings: SimulationSettings, past_due: Ints) -> Floats:
    """Return the weekly involuntary hazard for the number of weeks past due, shape of `past_due`."""
    by_week = np.array([0.0, *settings.card.hazard_by_week])
    return np.asarray(by_week[past_due], dtype=np.float32)

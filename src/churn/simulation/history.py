"""The weekly life of one block of customers: arriving, deciding, paying, changing terms, leaving, coming back."""

from __future__ import annotations

import numpy as np

from churn.simulation.customers import NEVER, draw_traits, signup_days
from churn.simulation.process import (
    HABIT,
    PRICE,
    Dynamics,
    States,
    advance,
    display,
    due_day,
    severity,
    voluntary_hazards,
)
from churn.simulation.randomness import Purpose, generator, innovations, uniform
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import STATE_CAUSES, VOLUNTARY_CAUSES, Days, Flags, Floats, Ints, cause_index
from churn.simulation.timeline import PRICE_CHANGE_DAY
from churn.simulation.trajectory import Columns, Snapshot, Trajectory, empty_trajectory

FOREVER = 1e9
SUPPORT = cause_index("poor_support")
MIN_CAMPAIGN_DAYS = 56
SWITCHED, VOLUNTARY, INVOLUNTARY, RUNNING = 0, 1, 2, 3


def live_block(dynamics: Dynamics, block: int) -> tuple[BlockLife, Trajectory]:
    """Let a block of customers live through burn-in and history; return who they are and what they went through."""
    settings = dynamics.settings
    life = BlockLife(dynamics, block)
    truth = settings.truth
    for week in range(-settings.burn_in_weeks, settings.weeks):
        if week >= 0 and 7 * week >= truth.first_day and (7 * week - truth.first_day) % truth.cadence_days == 0:
            life.keep_snapshot(week)
        life.pass_week(week)
    end = 7 * settings.weeks
    if end >= truth.first_day and (end - truth.first_day) % truth.cadence_days == 0:
        life.keep_snapshot(settings.weeks)
    life.close_terms()
    return life, life.record


class BlockLife:
    """Customers of one block and where they stand; moves week by week.

    Parameters
    ----------
    dynamics
        The process of the company.
    block
        Number of the block; with the seed it fixes every draw.
    """

    def __init__(self, dynamics: Dynamics, block: int) -> None:
        settings = dynamics.settings
        self.dynamics, self.settings = dynamics, settings
        first = block * settings.block_customers
        n = min(settings.block_customers, settings.customers - first)
        self.first, self.n = first, n
        self.rng = generator(settings.seed, Purpose.PROCESS, block)
        self.draws = generator(settings.seed, Purpose.CUSTOMERS, block)
        self.traits = draw_traits(self.draws, settings, signup_days(self.draws, settings, n))
        self.states = self._fresh_states(n)
        self.active: Flags = np.zeros(n, np.bool_)
        self.past_due = np.zeros(n, np.int64)
        self.spell = np.zeros(n, np.int64)
        self.decision_day = np.full(n, FOREVER)
        self.end_day = np.full(n, FOREVER)
        self.end_reason = np.full(n, RUNNING)
        self.end_cause = np.full(n, -1)
        self.return_week = np.full(n, np.iinfo(np.int64).max)
        self.signed_up = self.traits.start_day.copy()
        self.term_start = np.zeros(n)
        self.term_mrr = np.zeros(n, np.float32)
        self.term_plan = self.traits.plan.copy()
        self.price_level = np.ones(len(settings.plans), np.float32)
        self.record = empty_trajectory(settings.weeks, n)
        self.diary: list[Floats] = []
        self.diary_size = min(settings.truth.diary_customers, n) if block == 0 else 0

    def _fresh_states(self, n: int) -> States:
        sds = np.array([self.settings.causes[cause].moving_sd for cause in STATE_CAUSES], np.float32)
        moving = self.draws.standard_normal((len(STATE_CAUSES), n), dtype=np.float32) * sds[:, None]
        none = np.full(n, -1, np.int64)
        return States(moving, np.zeros_like(moving), np.zeros_like(moving), none, none.copy())

    def keep_snapshot(self, week: int) -> None:
        """Keep the states of all who could be asked about at the start of a week."""
        there = self.active & (self.traits.start_day < 7 * week) & (self.decision_day >= FOREVER)
        where = np.flatnonzero(there)
        self.record.snapshots.append(
            Snapshot(week, where, self.traits.take(where), self.states.take(where), self.past_due[where].copy())
        )

    def pass_week(self, week: int) -> None:
        """Let one week pass."""
        self._arrive(week)
        level = severity(self.traits, self.states)
        self._decide(week, level)
        if week >= 0:
            self._note(week, display(self.traits, self.states))
        self._pay(week)
        self._change_terms(week, level)
        self._run_campaign(week)
        noise = innovations(self.rng, (self.dynamics.moves.size, self.n))
        hit, size = advance(self.dynamics, self.traits, self.states, week, noise, uniform(self.rng, self.n))
        if week >= 0:
            self.record.support_size[week] = np.where(hit == SUPPORT, size, 0) * self.active
        self._leave(week)

    def _arrive(self, week: int) -> None:
        back = self.return_week == week
        if back.any():
            self._come_back(np.flatnonzero(back), week)
        began = ~self.active & (self.spell == 0) & (self.end_day >= FOREVER)
        new = (began & (self.traits.start_day < 7 * week + 7)) | back
        self.traits.price[new & ~back] *= self.price_level[self.traits.plan[new & ~back]]
        self.active |= new
        self.states.shock[:, new] = 0
        self.states.pending[:, new] = 0
        self.states.action[new] = -1
        self.past_due[new] = 0
        self.term_start[new] = self.traits.start_day[new]
        self.term_plan[new] = self.traits.plan[new]
        self.term_mrr[new] = self._mrr(week)[new]

    def _come_back(self, where: Ints, week: int) -> None:
        self.spell[where] += 1
        self.traits.start_day[where] = 7 * week + np.floor(self.rng.random(where.size) * 6 * 1440) / 1440
        self.traits.anchor_day[where] = self.traits.start_day[where]
        self.traits.trial_end_day[where] = NEVER
        self.traits.promotion_end_day[where] = NEVER
        self.decision_day[where] = FOREVER
        self.end_day[where] = FOREVER
        self.end_reason[where] = RUNNING
        self.return_week[where] = np.iinfo(np.int64).max

    def _mrr(self, week: int) -> Floats:
        promoted = self.traits.promotion_end_day >= 7 * week + 7
        cut = np.where(promoted, 1 - self.settings.journey.promotion_discount, 1)
        return np.round(self.traits.price * self.traits.seats * cut, 2).astype(np.float32)

    def _decide(self, week: int, level: Floats) -> None:
        parts = voluntary_hazards(self.dynamics, self.traits, self.states, level, week)
        exposed = self.active & (self.traits.start_day < 7 * week)
        draws = self.rng.random((3, self.n))
        due_hazard = past_due_hazard(self.settings, self.past_due)
        if week >= 0 and self.diary_size:
            self.diary.append(np.vstack([parts, due_hazard])[:, : self.diary_size])
        with np.errstate(divide="ignore"):
            wish = -np.log1p(-draws[0]) / parts.sum(axis=0)
            failure = -np.log1p(-draws[1]) / due_hazard
        decides = exposed & (self.decision_day >= FOREVER) & (wish < 1)
        self.decision_day[decides] = 7 * (week + wish[decides])
        self.end_day[decides] = self.decision_day[decides] + 7 * self.traits.notice_weeks[decides]
        self.end_reason[decides] = VOLUNTARY
        shares = np.cumsum(parts, axis=0) / parts.sum(axis=0)
        self.end_cause[decides] = (draws[2] > shares).sum(axis=0)[decides].clip(max=len(VOLUNTARY_CAUSES) - 1)
        fails = exposed & (failure < 1) & (7 * (week + failure) < self.end_day)
        self.end_day[fails] = 7 * (week + failure[fails])
        self.end_reason[fails] = INVOLUNTARY
        self.end_cause[fails] = len(VOLUNTARY_CAUSES)

    def _note(self, week: int, shown: Floats) -> None:
        record = self.record
        record.severity[week] = shown
        start = np.clip(self.traits.start_day - 7 * week, 0, 7)
        end = np.clip(self.end_day - 7 * week, 0, 7)
        record.alive_from[week] = np.where(self.active, start, 0)
        record.alive_to[week] = np.where(self.active, end, 0)
        record.leaving_soon[week] = self.decision_day < 7 * week
        record.past_due[week] = self.past_due

    def _pay(self, week: int) -> None:
        draws = uniform(self.rng, (3, self.n))
        due = due_day(self.traits, week)
        retry = self.active & (self.past_due > 0)
        day = np.where(retry, 7 * week + 6.9 * draws[0], due)
        tried = self.active & (day >= self.traits.start_day) & (day < 7 * week + 7) & (day < self.end_day)
        paid = np.where(retry, draws[1] < self.traits.recover_share, draws[2] >= self.traits.fail_share)
        worst = len(self.settings.card.hazard_by_week)
        moved = np.where(paid, 0, np.minimum(self.past_due + 1, worst))
        self.past_due = np.where(tried, moved, self.past_due)
        if week >= 0:
            self.record.attempt[week] = np.where(tried, np.where(paid, 1, 2), 0)
            self.record.attempt_day[week] = day - 7 * week
            self.record.amount[week] = self._mrr(week) * self.traits.period_months

    def _change_terms(self, week: int, level: Floats) -> None:
        calendar, traits, journey = self.dynamics.calendar, self.traits, self.settings.journey
        at = calendar.at(week)
        draws = uniform(self.rng, (2, self.n))
        settled = self.active & (traits.start_day < 7 * week - 30)
        down = settled & (draws[0] < journey.downgrade_weekly * np.exp(np.float32(0.9) * level[PRICE]))
        up = settled & ~down & (1 - draws[0] < journey.upgrade_weekly * np.exp(np.float32(-0.6) * level[HABIT]))
        wanted = np.clip(traits.plan + up.astype(np.int64) - down, 0, len(self.settings.plans) - 1)
        day = 7 * week + 7 * draws[1].astype(np.float64)
        ratio = calendar.price_ratio[at]
        if ratio.any():
            raised = ratio[traits.plan] > 0
            wanted = np.where(raised, traits.plan, wanted)
            day = np.where(raised, 7 * week + PRICE_CHANGE_DAY, day)
            traits.price *= 1 + ratio[traits.plan] * self.active
            self.price_level *= 1 + ratio
        ends = (traits.promotion_end_day >= 7 * week) & (traits.promotion_end_day < 7 * week + 7)
        day = np.where(ends, traits.promotion_end_day, day)
        self._switch(week, wanted, day)

    def _switch(self, week: int, wanted: Ints, day: Days) -> None:
        traits = self.traits
        lists = np.array([plan.price for plan in self.settings.plans], np.float32) * self.price_level
        moved = wanted != traits.plan
        discount = np.where(traits.period_months > 1, 1 - self.settings.journey.annual_discount, 1)
        traits.price = np.where(moved, lists[wanted] * discount, traits.price).astype(np.float32)
        traits.plan = np.where(moved, wanted, traits.plan)
        mrr = self._mrr(week)
        possible = self.active & (day > self.term_start) & (day < self.decision_day) & (day < self.end_day)
        where = np.flatnonzero(possible & ((mrr != self.term_mrr) | (traits.plan != self.term_plan)))
        self._close(where, day[where], np.full(where.size, SWITCHED))
        self.term_start[where] = day[where]
        self.term_mrr[where] = mrr[where]
        self.term_plan[where] = traits.plan[where]

    def _close(self, where: Ints, day: Days, reason: Ints) -> None:
        if not where.size:
            return
        first = self.term_start[where] == self.traits.start_day[where]
        notice = (self.traits.notice_weeks[where] > 0) & (self.decision_day[where] < FOREVER) & (reason != SWITCHED)
        self.record.terms.append(
            {
                "customer": where,
                "spell": self.spell[where].copy(),
                "started": self.term_start[where].copy(),
                "ended": day,
                "reason": reason,
                "plan": self.term_plan[where].copy(),
                "mrr": self.term_mrr[where].copy(),
                "period": self.traits.period_months[where].copy(),
                "trial_end": np.where(first, self.traits.trial_end_day[where], NEVER),
                "requested": np.where(notice, self.decision_day[where], NEVER),
            }
        )

    def _run_campaign(self, week: int) -> None:
        action = int(self.dynamics.calendar.campaign[self.dynamics.calendar.at(week)])
        if action < 0:
            return
        draw = uniform(self.rng, self.n)
        open_to = self.active & (self.decision_day >= FOREVER)
        chosen, treated = assign(self.dynamics, self.traits.start_day, self.states, week, open_to, draw)
        where = np.flatnonzero(chosen)
        self.record.interventions.append(
            {
                "customer": where,
                "spell": self.spell[where].copy(),
                "day": np.full(where.size, 7 * week + 9 / 24),
                "treated": treated[where],
                "action": np.full(where.size, action),
            }
        )

    def _leave(self, week: int) -> None:
        gone = np.flatnonzero(self.active & (self.end_day < 7 * week + 7))
        if week < 0:
            self._replace(gone, week)
            return
        self._close(gone, self.end_day[gone].copy(), self.end_reason[gone].copy())
        self.record.departures.append(self._departures(gone))
        self.active[gone] = False
        again = self.rng.random(gone.size) < self.settings.returning_share
        wait = self.rng.integers(9, 30, gone.size)
        comes = again & (self.end_reason[gone] == VOLUNTARY) & (self.spell[gone] == 0)
        self.return_week[gone[comes]] = week + wait[comes]

    def _departures(self, gone: Ints) -> Columns:
        return {
            "customer": gone,
            "spell": self.spell[gone].copy(),
            "decided": np.where(self.end_reason[gone] == VOLUNTARY, self.decision_day[gone], self.end_day[gone]),
            "ended": self.end_day[gone].copy(),
            "reason": self.end_reason[gone].copy(),
            "cause": self.end_cause[gone].copy(),
        }

    def _replace(self, gone: Ints, week: int) -> None:
        """Give the place of those who left during the burn-in to new customers, who sign up in the next week."""
        start = np.floor((7 * week + 7 + self.draws.random(gone.size) * 7) * 1440) / 1440
        self.traits.put(gone, draw_traits(self.draws, self.settings, start))
        fresh = self._fresh_states(gone.size)
        self.states.moving[:, gone] = fresh.moving
        self.active[gone] = False
        self.decision_day[gone] = FOREVER
        self.end_day[gone] = FOREVER
        self.end_reason[gone] = RUNNING
        self.signed_up[gone] = start

    def close_terms(self) -> None:
        """Write down the terms still running at the end of the history."""
        where = np.flatnonzero(self.active)
        self._close(where, np.full(where.size, FOREVER), np.full(where.size, RUNNING))


def assign(
    dynamics: Dynamics, start_day: Days, states: States, week: int, open_to: Flags, draw: Floats
) -> tuple[Flags, Flags]:
    """Put customers into the campaign of a week; return who is in it and who is treated. States change in place."""
    campaigns = dynamics.settings.campaigns
    at_rest = (states.action < 0) | (states.action_until <= week)
    eligible = open_to & at_rest & (start_day < 7 * week - MIN_CAMPAIGN_DAYS)
    chosen = eligible & (draw < campaigns.share)
    treated = chosen & (draw < campaigns.share * (1 - campaigns.control_share))
    action = dynamics.calendar.campaign[dynamics.calendar.at(week)]
    states.action = np.where(treated, action, states.action)
    states.action_until = np.where(treated, week + 1 + campaigns.effect_weeks, states.action_until)
    return chosen, treated


def past_due_hazard(settings: SimulationSettings, past_due: Ints) -> Floats:
    """Return the weekly involuntary hazard for the number of weeks past due, shape of `past_due`."""
    by_week = np.array([0.0, *settings.card.hazard_by_week])
    return np.asarray(by_week[past_due], dtype=np.float32)

"""Customers of one block and where they stand in their week."""

from __future__ import annotations

import numpy as np

from churn.simulation.customers import draw_traits, signup_days
from churn.simulation.process import Dynamics, States
from churn.simulation.randomness import Purpose, generator
from churn.simulation.taxonomy import STATE_CAUSES, Flags, Floats
from churn.simulation.trajectory import Snapshot, empty_trajectory

FOREVER = 1e9
SWITCHED, VOLUNTARY, INVOLUNTARY, RUNNING = 0, 1, 2, 3


class BlockLife:
    """Customers of one block and where they stand, week by week.

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
        self.states = self.fresh_states(n)
        self.active: Flags = np.zeros(n, np.bool_)
        self.past_due = np.zeros(n, np.int64)
        self.card_expired: Flags = np.zeros(n, np.bool_)
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

    def fresh_states(self, n: int) -> States:
        """Return the states of new customers, shape (causes, n)."""
        sds = np.array([self.settings.causes[cause].moving_sd for cause in STATE_CAUSES], np.float32)
        moving = self.draws.standard_normal((len(STATE_CAUSES), n), dtype=np.float32) * sds[:, None]
        none = np.full(n, -1, np.int64)
        return States(moving, np.zeros_like(moving), np.zeros_like(moving), none, none.copy())

    def mrr(self, week: int) -> Floats:
        """Return what each customer pays a month in a week, promotions taken off."""
        promoted = self.traits.promotion_end_day >= 7 * week + 7
        cut = np.where(promoted, 1 - self.settings.journey.promotion_discount, 1)
        return np.round(self.traits.price * self.traits.seats * cut, 2).astype(np.float32)

    def keep_snapshot(self, week: int) -> None:
        """Keep the states of all who could be asked about at the start of a week."""
        there = self.active & (self.traits.start_day < 7 * week) & (self.decision_day >= FOREVER)
        where = np.flatnonzero(there)
        self.record.snapshots.append(
            Snapshot(week, where, self.traits.take(where), self.states.take(where), self.past_due[where].copy())
        )

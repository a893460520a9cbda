"""Randomised campaigns: who is put into one, who is treated, and what is written down of it."""

from __future__ import annotations

import numpy as np

from churn.simulation.block import FOREVER, BlockLife
from churn.simulation.process import Dynamics, States
from churn.simulation.randomness import uniform
from churn.simulation.taxonomy import Days, Flags, Floats

MIN_CAMPAIGN_DAYS = 56


def run_campaign(life: BlockLife, week: int) -> None:
    """Put customers of a block into the campaign of a week, where there is one."""
    action = int(life.dynamics.calendar.campaign[life.dynamics.calendar.at(week)])
    if action < 0:
        return
    draw = uniform(life.rng, life.n)
    open_to = life.active & (life.decision_day >= FOREVER)
    chosen, treated = assign(life.dynamics, life.traits.start_day, life.states, week, open_to, draw)
    where = np.flatnonzero(chosen)
    life.record.interventions.append(
        {
            "customer": where,
            "spell": life.spell[where].copy(),
            "day": np.full(where.size, 7 * week + 9 / 24),
            "treated": treated[where],
            "action": np.full(where.size, action),
        }
    )


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

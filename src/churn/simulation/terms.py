"""What customers of a block subscribe to: changes of plan and price, and the terms that end with each."""

from __future__ import annotations

import numpy as np

from churn.simulation.block import FOREVER, SWITCHED, BlockLife
from churn.simulation.customers import NEVER
from churn.simulation.process import HABIT, PRICE
from churn.simulation.randomness import uniform
from churn.simulation.taxonomy import Days, Floats, Ints
from churn.simulation.timeline import PRICE_CHANGE_DAY


def change_terms(life: BlockLife, week: int, level: Floats) -> None:
    """Let customers move up and down, prices rise and promotions end in a week."""
    calendar, traits, journey = life.dynamics.calendar, life.traits, life.settings.journey
    at = calendar.at(week)
    draws = uniform(life.rng, (2, life.n))
    settled = life.active & (traits.start_day < 7 * week - 30)
    down = settled & (draws[0] < journey.downgrade_weekly * np.exp(np.float32(0.9) * level[PRICE]))
    up = settled & ~down & (1 - draws[0] < journey.upgrade_weekly * np.exp(np.float32(-0.6) * level[HABIT]))
    wanted = np.clip(traits.plan + up.astype(np.int64) - down, 0, len(life.settings.plans) - 1)
    day = 7 * week + 7 * draws[1].astype(np.float64)
    ratio = calendar.price_ratio[at]
    if ratio.any():
        raised = ratio[traits.plan] > 0
        wanted = np.where(raised, traits.plan, wanted)
        day = np.where(raised, 7 * week + PRICE_CHANGE_DAY, day)
        traits.price *= 1 + ratio[traits.plan] * life.active
        life.price_level *= 1 + ratio
    ends = (traits.promotion_end_day >= 7 * week) & (traits.promotion_end_day < 7 * week + 7)
    day = np.where(ends, traits.promotion_end_day, day)
    _switch(life, week, wanted, day)


def _switch(life: BlockLife, week: int, wanted: Ints, day: Days) -> None:
    traits = life.traits
    lists = np.array([plan.price for plan in life.settings.plans], np.float32) * life.price_level
    moved = wanted != traits.plan
    discount = np.where(traits.period_months > 1, 1 - life.settings.journey.annual_discount, 1)
    traits.price = np.where(moved, lists[wanted] * discount, traits.price).astype(np.float32)
    traits.plan = np.where(moved, wanted, traits.plan)
    mrr = life.mrr(week)
    possible = life.active & (day > life.term_start) & (day < life.decision_day) & (day < life.end_day)
    where = np.flatnonzero(possible & ((mrr != life.term_mrr) | (traits.plan != life.term_plan)))
    close_terms(life, where, day[where], np.full(where.size, SWITCHED))
    life.term_start[where] = day[where]
    life.term_mrr[where] = mrr[where]
    life.term_plan[where] = traits.plan[where]


def close_terms(life: BlockLife, where: Ints, day: Days, reason: Ints) -> None:
    """Write down the terms that end for customers, each on its day; `reason` says whether and how they left."""
    if not where.size:
        return
    first = life.term_start[where] == life.traits.start_day[where]
    discounted = life.term_start[where] < life.traits.promotion_end_day[where]
    notice = (life.traits.notice_weeks[where] > 0) & (life.decision_day[where] < FOREVER) & (reason != SWITCHED)
    life.record.terms.append(
        {
            "customer": where,
            "spell": life.spell[where].copy(),
            "started": life.term_start[where].copy(),
            "ended": day,
            "reason": reason,
            "plan": life.term_plan[where].copy(),
            "mrr": life.term_mrr[where].copy(),
            "period": life.traits.period_months[where].copy(),
            "trial_end": np.where(first, life.traits.trial_end_day[where], NEVER),
            "discount_end": np.where(discounted, life.traits.promotion_end_day[where], NEVER),
            "requested": np.where(notice, life.decision_day[where], NEVER),
        }
    )

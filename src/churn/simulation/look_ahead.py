"""From a customer's states on a date to true probabilities: the process run forward many times, and averaged.

Nothing here knows what then happened. Along each path the chance to stay is exact given the path, so an average
over few paths is already close (Rao-Blackwell); payment failure needs no paths at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn.simulation.campaigns import assign
from churn.simulation.customers import Traits
from churn.simulation.history import past_due_hazard
from churn.simulation.process import Dynamics, States, advance, due_day, expired_share, severity, voluntary_hazards
from churn.simulation.randomness import innovations, uniform
from churn.simulation.taxonomy import VOLUNTARY_CAUSES, Flags, Floats, Ints

CAUSE_DAYS = 30
LAGS = 2


@dataclass(frozen=True)
class Outlook:
    """What lies ahead of n customers, on each of r paths.

    `wished` is the cumulated hazard to decide to leave, at week borders, shape (LAGS + weeks + 1, n, r); its first
    rows are zeros, so that a notice period is a shift. `paying` is the chance not to have lost the subscription to a
    failed payment, at week borders and as the mixture within each week (`stages`, `stage_hazard`). `parts` is the
    hazard by voluntary cause cumulated over the decisions that end within 30 days, shape (causes, n, r).
    """

    wished: Floats
    parts: Floats
    paying: Floats
    stages: Floats
    stage_hazard: Floats
    notice_weeks: Ints


def look_ahead(
    dynamics: Dynamics, traits: Traits, states: States, past_due: Ints, week: int, rng: np.random.Generator
) -> Outlook:
    """Run customers forward from the start of a week over the longest horizon.

    Parameters
    ----------
    dynamics
        The process of the company.
    traits, states, past_due
        Customers and where they stand at the start of `week`, shape (n,) and (causes, n).
    week
        The week of the as-of date.
    rng
        Source of the paths; they come in antithetic pairs (r and r + paths / 2).
    """
    truth = dynamics.settings.truth
    weeks = -(-max(truth.horizons_days) // 7)
    n, half = traits.size, truth.paths // 2
    wide, paths = traits.spread(), states.spread(truth.paths)
    wished = np.zeros((LAGS + weeks + 1, n, truth.paths), np.float32)
    parts = np.zeros((len(VOLUNTARY_CAUSES), n, truth.paths), np.float32)
    for ahead in range(weeks):
        level = severity(wide, paths)
        hazards = voluntary_hazards(dynamics, wide, paths, level, week + ahead)
        wished[LAGS + ahead + 1] = wished[LAGS + ahead] + hazards.sum(axis=0)
        counted = np.clip(CAUSE_DAYS / 7 - traits.notice_weeks - ahead, 0, 1).astype(np.float32)
        if counted.any():
            parts += hazards * counted[:, None]
        if dynamics.calendar.campaign[dynamics.calendar.at(week + ahead)] >= 0:
            open_to: Flags = np.ones((n, truth.paths), np.bool_)
            assign(dynamics, wide.start_day, paths, week + ahead, open_to, _paired(uniform(rng, (n, half)), 1))
        noise = _paired(innovations(rng, (dynamics.moves.size, n, half)), 0)
        advance(dynamics, wide, paths, week + ahead, noise, _paired(uniform(rng, (n, half)), 1))
    paying, stages, hazard = _pay_ahead(dynamics, traits, past_due, week, weeks)
    return Outlook(wished, parts, paying, stages, hazard, traits.notice_weeks)


def _paired(draw: Floats, mirror: int) -> Floats:
    return np.concatenate([draw, mirror - draw], axis=-1)


def _pay_ahead(
    dynamics: Dynamics, traits: Traits, past_due: Ints, week: int, weeks: int
) -> tuple[Floats, Floats, Floats]:
    """Follow the chances to be paid up or 1, 2, ... weeks past due, as long as the subscription lasts."""
    settings, n = dynamics.settings, traits.size
    hazard = past_due_hazard(settings, np.arange(len(settings.card.hazard_by_week) + 1))
    chance = np.zeros((hazard.size, n), np.float32)
    chance[past_due, np.arange(n)] = 1
    stages = np.empty((weeks, hazard.size, n), np.float32)
    paying = np.ones((weeks + 1, n), np.float32)
    for ahead in range(weeks):
        stages[ahead] = chance
        stays = chance * np.exp(-hazard)[:, None]
        kept = stays.sum(axis=0)
        paying[ahead + 1] = paying[ahead] * kept
        chance = stays / kept
        day = due_day(traits, week + ahead)
        good = (1 - traits.fail_share) * (1 - expired_share(settings, traits, day))
        fails = chance[0] * (day < 7 * (week + ahead) + 7) * (1 - good)
        late = chance[1:] * (1 - traits.recover_share)
        moved = np.zeros_like(chance)
        moved[0] = chance[0] - fails + (chance[1:] - late).sum(axis=0)
        moved[1] = fails
        moved[2:] += late[:-1]
        moved[-1] += late[-1]
        chance = moved
    return paying, stages, hazard


def _wished_by(outlook: Outlook, weeks: float) -> Floats:
    """Return the cumulated hazard of decisions that end the subscription by then, shape (n, r)."""
    whole = int(weeks)
    share = np.float32(weeks - whole)
    rows = whole + LAGS - outlook.notice_weeks
    across = np.arange(rows.size)
    low = outlook.wished[np.maximum(rows, 0), across]
    if share == 0:
        return np.asarray(low)
    high = outlook.wished[np.maximum(rows + 1, 0), across]
    return np.asarray(low + share * (high - low))


def _paying_by(outlook: Outlook, weeks: float) -> Floats:
    whole = int(weeks)
    share = weeks - whole
    if share == 0:
        return np.asarray(outlook.paying[whole])
    within = (outlook.stages[whole] * np.exp(-outlook.stage_hazard * share)[:, None]).sum(axis=0)
    return np.asarray(outlook.paying[whole] * within, dtype=np.float32)


def leaving(outlook: Outlook, days: int) -> dict[str, Floats]:
    """Return the chances to have left within so many days: whole, its standard error, and by kind, shape (n,).

    The split integrates involuntary leaving week by week at mid-week, which is off by less than 1e-4.
    """
    weeks = days / 7
    gone = 1 - np.exp(-_wished_by(outlook, weeks)) * _paying_by(outlook, weeks)[:, None]
    half = gone.shape[1] // 2
    pairs = (gone[:, :half] + gone[:, half:]) / 2
    whole = gone.mean(axis=1)
    failed = np.zeros_like(whole)
    border = 0.0
    while border < weeks - 1e-9:
        after = min(border + 1, weeks)
        lost = _paying_by(outlook, border) - _paying_by(outlook, after)
        failed += lost * np.exp(-_wished_by(outlook, (border + after) / 2)).mean(axis=1)
        border = after
    error = pairs.std(axis=1, ddof=1) / np.sqrt(half)
    return {
        "p_leave": whole,
        "se": error,
        "p_voluntary": np.maximum(whole - failed, 0),
        "p_involuntary": failed,
    }


def payment_hazard(outlook: Outlook) -> Floats:
    """Return the cumulated hazard of losing the subscription to a failed payment within 30 days, shape (n,)."""
    return np.asarray(-np.log(np.maximum(_paying_by(outlook, CAUSE_DAYS / 7), 1e-30)), dtype=np.float32)

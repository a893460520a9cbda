"""The truth kept apart: probabilities, contributions of causes and effects of actions at each as-of date."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from churn.simulation.accounts import END_REASONS
from churn.simulation.arrow import coded, instants, numbers
from churn.simulation.block import BlockLife
from churn.simulation.look_ahead import Outlook, leaving, look_ahead, payment_hazard
from churn.simulation.process import Dynamics, severity
from churn.simulation.randomness import Purpose, generator
from churn.simulation.taxonomy import (
    ACTION_NAMES,
    ACTIONS,
    PAYMENT,
    RESPONSE_KINDS,
    STATE_CAUSES,
    VOLUNTARY_CAUSES,
    Floats,
    Ints,
)
from churn.simulation.trajectory import Snapshot, joined

SLICE = 2048
ENDINGS = (*VOLUNTARY_CAUSES, PAYMENT)


def truth_tables(dynamics: Dynamics, life: BlockLife, names: pa.Array, block: int) -> dict[str, pa.Table]:
    """Return the truth of a block: `probabilities`, `effects`, `departures`, `customers`, and `diary` for block 0."""
    rng = generator(dynamics.settings.seed, Purpose.TRUTH, block)
    tables: dict[str, list[pa.Table]] = {"probabilities": [], "effects": []}
    for snapshot in life.record.snapshots:
        for begin in range(0, snapshot.where.size, SLICE):
            part = _slice(snapshot, begin)
            outlook = look_ahead(dynamics, part.traits, part.states, part.past_due, part.week, rng)
            tables["probabilities"].append(_probabilities(dynamics, part, outlook, names))
            if dynamics.settings.truth.effects:
                tables["effects"].append(_effects(dynamics, part, outlook, names))
    found = {name: pa.concat_tables(parts, promote_options="default") for name, parts in tables.items() if parts}
    found["departures"] = _departures(dynamics, life, names)
    found["customers"] = pa.table(
        {"customer_id": names, "response_kind": coded(life.traits.response_kind, RESPONSE_KINDS)}
    )
    if block == 0 and life.diary:
        found["diary"] = _diary(dynamics, life, names)
    return found


def _slice(snapshot: Snapshot, begin: int) -> Snapshot:
    here = np.arange(begin, min(begin + SLICE, snapshot.where.size))
    return Snapshot(
        snapshot.week,
        snapshot.where[here],
        snapshot.traits.take(here),
        snapshot.states.take(here),
        snapshot.past_due[here],
    )


def _keys(dynamics: Dynamics, part: Snapshot, names: pa.Array) -> dict[str, pa.Array]:
    date = dynamics.settings.start_date + timedelta(weeks=part.week)
    return {
        "customer_id": names.take(pa.array(part.where)),
        "as_of_date": pa.array([date] * part.where.size, pa.date32()),
    }


def _probabilities(dynamics: Dynamics, part: Snapshot, outlook: Outlook, names: pa.Array) -> pa.Table:
    columns = _keys(dynamics, part, names)
    for days in dynamics.settings.truth.horizons_days:
        for name, values in leaving(outlook, days).items():
            columns[f"{name}_{days}d"] = pa.array(values, pa.float32())
    shares = contributions(outlook)
    for row, cause in enumerate(ENDINGS):
        columns[f"contribution_{cause}"] = pa.array(shares[row], pa.float32())
    columns["dominant_cause"] = coded(shares.argmax(axis=0), ENDINGS).cast(pa.string())
    level = severity(part.traits, part.states)
    for row, cause in enumerate(STATE_CAUSES):
        columns[f"severity_{cause}"] = pa.array(level[row], pa.float32())
    columns["past_due_weeks"] = pa.array(part.past_due, pa.int64())
    return pa.table(columns)


def contributions(outlook: Outlook) -> Floats:
    """Return each cause's share of the hazard cumulated over 30 days, shape (causes, n); columns add up to 1."""
    parts = np.vstack([outlook.parts.mean(axis=2), payment_hazard(outlook)[None]])
    return np.asarray(parts / parts.sum(axis=0))


def _effects(dynamics: Dynamics, part: Snapshot, outlook: Outlook, names: pa.Array) -> pa.Table:
    columns = _keys(dynamics, part, names)
    response, wake = part.traits.response, part.traits.wake
    changes = action_effects(outlook, response, wake)
    for row, name in enumerate(ACTION_NAMES):
        columns[f"effect_{name}"] = pa.array(changes[row], pa.float32())
    columns["best_action"] = coded(changes.argmin(axis=0), ACTION_NAMES).cast(pa.string())
    columns["response_kind"] = coded(part.traits.response_kind, RESPONSE_KINDS).cast(pa.string())
    return pa.table(columns)


def action_effects(outlook: Outlook, response: Floats, wake: Floats) -> Floats:
    """Return the change each action makes to the chance of leaving within 30 days, shape (actions, n).

    Negative is good. The same paths are used with and without, so the difference has no noise of its own.
    """
    total = outlook.parts.sum(axis=0)
    failure = payment_hazard(outlook)
    before = 1 - (np.exp(-total) * np.exp(-failure)[:, None]).mean(axis=1)
    changes = np.empty((len(ACTIONS), response.size), np.float32)
    for row, action in enumerate(ACTIONS):
        fails = failure * np.float32(1 - action.efficacy * (action.cause == PAYMENT))
        scale = 1 + wake * np.float32(action.contacts) - response * np.float32(action.spill)
        hazard = total * scale[:, None]
        if action.cause != PAYMENT:
            extra = response * np.float32(action.efficacy - action.spill)
            hazard -= outlook.parts[VOLUNTARY_CAUSES.index(action.cause)] * extra[:, None]
        after = 1 - (np.exp(-hazard) * np.exp(-fails)[:, None]).mean(axis=1)
        changes[row] = after - before
    return changes


def _departures(dynamics: Dynamics, life: BlockLife, names: pa.Array) -> pa.Table:
    gone = joined(life.record.departures)
    start = dynamics.settings.start_date
    where: Ints = gone["customer"].astype(np.int64)
    return pa.table(
        {
            "customer_id": names.take(pa.array(where)),
            "decided_at": instants(start, gone["decided"].astype(np.float64)),
            "ended_at": instants(start, gone["ended"].astype(np.float64)),
            "kind": coded(gone["reason"].astype(np.int64), END_REASONS),
            "cause": coded(gone["cause"].astype(np.int64), ENDINGS),
        }
    )


def _diary(dynamics: Dynamics, life: BlockLife, names: pa.Array) -> pa.Table:
    """Return the weeks of the first customers: severities and hazard parts, one row per customer and week."""
    weeks, people = len(life.diary), life.diary[0].shape[1]
    hazards = np.stack(life.diary)
    there = life.record.alive[:weeks, :people]
    week, customer = np.nonzero(there)
    columns = {
        "customer_id": names.take(pa.array(customer)),
        "week_start": instants(dynamics.settings.start_date, 7.0 * week.astype(np.float64)),
    }
    for row, cause in enumerate(STATE_CAUSES):
        columns[f"severity_{cause}"] = numbers(life.record.severity[week, row, customer])
    for row, cause in enumerate(ENDINGS):
        columns[f"hazard_{cause}"] = numbers(hazards[week, row, customer])
    return pa.table(columns)

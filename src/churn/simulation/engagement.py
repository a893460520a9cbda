"""Events: what customers do in the product, drawn from their states week by week."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churn.simulation.arrow import clock, coded, ids, numbers
from churn.simulation.customers import Traits
from churn.simulation.moments import draw_moments, next_batch, there_at
from churn.simulation.process import HABIT, Dynamics
from churn.simulation.profile import EventSettings, ValueSettings
from churn.simulation.randomness import Purpose, generator, poisson, uniform
from churn.simulation.taxonomy import Floats, Ints, cause_index
from churn.simulation.trajectory import Columns, Trajectory

NOTICE_USE = np.float32(0.5)


def draw_events(dynamics: Dynamics, traits: Traits, record: Trajectory, block: int) -> Columns:
    """Draw the events of a block, in order of time.

    Returns
    -------
    Columns
        `customer`, `moment`, `known` (microseconds), `kind` (position in the settings' events), `value`, `seat`.
    """
    settings = dynamics.settings
    rng = generator(settings.seed, Purpose.ENGAGEMENT, block)
    parts, feature = [], 0
    for kind, event in enumerate(settings.events):
        rates = _rates(dynamics, traits, record, event, feature)
        feature += event.feature
        counts = poisson(rng, rates)
        week, customer = np.nonzero(counts)
        repeat = counts[week, customer]
        parts.append(
            _draw_one(rng, dynamics, traits, record, kind, np.repeat(week, repeat), np.repeat(customer, repeat))
        )
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(merged["moment"], kind="stable")
    return {name: values[order] for name, values in merged.items()}


def _rates(dynamics: Dynamics, traits: Traits, record: Trajectory, event: EventSettings, feature: int) -> Floats:
    calendar = dynamics.calendar
    weeks = slice(calendar.at(0), calendar.at(record.weeks))
    log_rate = np.full((record.weeks, traits.size), np.log(max(event.weekly_rate, 1e-9)), np.float32)
    log_rate += calendar.usage_season[weeks, None]
    if event.scales:
        log_rate += traits.activity
    for cause, loading in event.loadings.items():
        log_rate += np.float32(loading) * record.severity[:, cause_index(cause)]
    if event.feature:
        log_rate += traits.affinity[feature] + np.float32(-2.5) * calendar.removed[weeks, feature, None]
    rates = np.exp(log_rate, out=log_rate)
    return np.asarray(rates * np.where(record.leaving_soon, NOTICE_USE, np.float32(1)) * record.alive)


def _draw_one(
    rng: np.random.Generator,
    dynamics: Dynamics,
    traits: Traits,
    record: Trajectory,
    kind: int,
    week: Ints,
    customer: Ints,
) -> Columns:
    settings = dynamics.settings
    moment = draw_moments(rng, settings, traits, week, customer)
    kept = there_at(settings, record, week, customer, moment)
    week, customer, moment = week[kept], customer[kept], moment[kept]
    habit = record.severity[week, HABIT, customer]
    in_use = np.maximum(traits.seats[customer] * np.exp(np.float32(-0.35) * np.maximum(habit + 1, 0)), 1)
    seat = (uniform(rng, week.size) * in_use).astype(np.int64)
    value = _values(rng, settings.events[kind].value, record, week, customer)
    return {
        "customer": customer,
        "moment": moment,
        "known": next_batch(moment),
        "kind": np.full(week.size, kind, np.int64),
        "value": value,
        "seat": seat,
    }


def _values(
    rng: np.random.Generator, value: ValueSettings | None, record: Trajectory, week: Ints, customer: Ints
) -> Floats:
    if value is None:
        return np.full(week.size, np.nan, np.float32)
    log_value = np.float32(value.log_sd) * rng.standard_normal(week.size, dtype=np.float32)
    for cause, loading in value.loadings.items():
        log_value += np.float32(loading) * record.severity[week, cause_index(cause), customer]
    drawn = np.float32(value.median) * np.exp(log_value)
    return np.asarray(np.round(np.clip(drawn, value.low, value.high), 1), dtype=np.float32)


def events_table(dynamics: Dynamics, names: pa.Array, events: Columns, first_number: int, seated: bool) -> pa.Table:
    """Return events in contract form; `names` are the customer ids, `first_number` makes the event ids unique."""
    n = events["customer"].size
    customer = events["customer"].astype(np.int64)
    columns = {
        "event_id": ids("e", (np.int64(first_number) + np.arange(n), 13, "")),
        "customer_id": coded(customer, names),
        "occurred_at": clock(events["moment"]),
        "event_type": coded(events["kind"], [event.name for event in dynamics.settings.events]),
        "value": numbers(events["value"], ~np.isnan(events["value"])),
        "user_id": _user_ids(names, customer, events["seat"]) if seated else pa.nulls(n, pa.string()),
        "known_at": clock(events["known"]),
    }
    return pa.table(columns)


def _user_ids(names: pa.Array, customer: Ints, seat: Ints) -> pa.StringArray:
    number = np.array([int(name) for name in names.to_pylist()], np.int64)
    return ids("", (number[customer], 8, "-"), (seat + 1, 3, ""))

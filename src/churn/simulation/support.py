"""Tickets: what customers ask for help with, how they are handled, and what they say about it afterwards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churn.simulation.arrow import clock, coded, epoch_microseconds, ids, numbers
from churn.simulation.customers import Traits
from churn.simulation.moments import NEVER, WEEK_MICROSECONDS, draw_moments, later, next_batch, there_at
from churn.simulation.process import Dynamics
from churn.simulation.randomness import Purpose, generator, poisson, uniform
from churn.simulation.taxonomy import Floats, Ints, cause_index
from churn.simulation.trajectory import Columns, Trajectory
from churn.simulation.wording import THEMES, language_of, write_texts

SUPPORT, EXPERIENCE = cause_index("poor_support"), cause_index("poor_experience")
CHANNELS = ("email", "chat", "phone")
PRIORITIES = ("low", "normal", "high", "urgent")
MISFILED_SHARE = 0.12
WORST = np.float32(3.0)  # beyond that a ticket would wait for years


def draw_tickets(dynamics: Dynamics, traits: Traits, record: Trajectory, block: int) -> Columns:
    """Draw the tickets of a block in order of opening; moments are microseconds, `NEVER` stands for never.

    A ticket whose handling went badly (an episode of poor support) is what shakes the customer's goodwill; every
    ticket of a customer in bad hands is handled somewhat worse.
    """
    rng = generator(dynamics.settings.seed, Purpose.SUPPORT, block)
    week, customer, category, theme, harm = _openings(rng, dynamics, traits, record)
    opened = draw_moments(rng, dynamics.settings, traits, week, customer)
    kept = there_at(dynamics.settings, record, week, customer, opened)
    week, customer, category, theme = (codes[kept] for codes in (week, customer, category, theme))
    harm = harm[kept]
    opened = opened[kept]
    standing = np.maximum(record.severity[week, SUPPORT, customer], 0)
    badness = np.minimum(harm + np.float32(0.6) * standing, WORST)
    unhappy = record.severity[week, EXPERIENCE, customer]
    tickets = {
        "customer": customer,
        "opened": opened,
        "category": category,
        "theme": theme,
        "language": language_of(dynamics.settings, traits, customer),
        "channel": (uniform(rng, customer.size) * len(CHANNELS)).astype(np.int64),
        "priority": np.clip((uniform(rng, customer.size) * 3 + badness * 0.4), 0, 3).astype(np.int64),
        **_handling(rng, opened, badness),
    }
    tickets |= _verdict(rng, dynamics, tickets["resolved"], badness, unhappy)
    order = np.argsort(opened, kind="stable")
    return {name: values[order] for name, values in tickets.items()}


def _openings(
    rng: np.random.Generator, dynamics: Dynamics, traits: Traits, record: Trajectory
) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    specs = dynamics.settings.tickets
    parts = []
    for number, spec in enumerate(specs):
        log_rate = np.full(record.alive.shape, np.log(max(spec.weekly_rate, 1e-9)), np.float32)
        for cause, loading in spec.loadings.items():
            log_rate += np.float32(loading) * record.severity[:, cause_index(cause)]
        log_rate += np.float32(0.3) * traits.activity
        counts = poisson(rng, np.exp(log_rate) * record.alive)
        week, customer = (np.repeat(a, counts[np.nonzero(counts)]) for a in np.nonzero(counts))
        theme = np.full(week.size, THEMES.index(spec.theme))
        parts.append((week, customer, np.full(week.size, number), theme, np.zeros(week.size, np.float32)))
    week, customer = np.nonzero(record.support_size * record.alive)
    anything = rng.integers(0, len(specs), week.size)
    angry = np.full(week.size, THEMES.index("poor_support"))
    parts.append((week, customer, anything, angry, record.support_size[week, customer]))
    week, customer, category, theme, harm = (np.concatenate(column) for column in zip(*parts, strict=True))
    misfiled = uniform(rng, week.size) < MISFILED_SHARE
    category = np.where(misfiled, rng.integers(0, len(specs), week.size), category)
    return week, customer, category, theme, harm


def _handling(rng: np.random.Generator, opened: Ints, badness: Floats) -> Columns:
    n = opened.size
    answered = later(rng, opened, 3 * np.exp(1.1 * badness), 0.5)
    resolved = later(rng, answered, 10 * np.exp(1.1 * badness), 0.5)
    reopens = uniform(rng, n) < 1 / (1 + np.exp(3.2 - 1.6 * badness))
    escalates = uniform(rng, n) < 1 / (1 + np.exp(3.8 - 1.6 * badness))
    reopened = np.where(reopens, later(rng, resolved, np.full(n, 20.0), 0.8), NEVER)
    escalated = np.where(escalates, later(rng, answered, np.full(n, 8.0), 0.8), NEVER)
    return {"answered": answered, "resolved": resolved, "reopened": reopened, "escalated": escalated}


def _verdict(rng: np.random.Generator, dynamics: Dynamics, resolved: Ints, badness: Floats, unhappy: Floats) -> Columns:
    n = resolved.size
    asked = uniform(rng, n) < dynamics.settings.outreach.ticket_answer_share
    mood = 4.4 - 0.9 * badness - 0.6 * unhappy + 0.6 * rng.standard_normal(n)
    at = np.where(asked, later(rng, resolved, np.full(n, 6.0), 1.0), NEVER)
    return {"csat": np.clip(np.round(mood), 1, 5), "csat_at": at}


def tickets_table(dynamics: Dynamics, names: pa.Array, tickets: Columns, first_number: int, block: int) -> pa.Table:
    """Return tickets in contract form, as known at the end of the history: what comes later is null."""
    settings = dynamics.settings
    end = epoch_microseconds(settings.start_date) + settings.weeks * WEEK_MICROSECONDS
    rng = generator(settings.seed, Purpose.SUPPORT, block + (1 << 31))
    n = tickets["customer"].size
    told = {
        name: clock(tickets[name], tickets[name] < end) for name in ("answered", "resolved", "reopened", "escalated")
    }
    rated = tickets["csat_at"] < end
    return pa.table(
        {
            "ticket_id": ids("T", (np.int64(first_number) + np.arange(n), 10, "")),
            "customer_id": coded(tickets["customer"], names),
            "opened_at": clock(tickets["opened"]),
            "first_response_at": told["answered"],
            "resolved_at": told["resolved"],
            "reopened_at": told["reopened"],
            "escalated_at": told["escalated"],
            "priority": coded(tickets["priority"], PRIORITIES),
            "category": coded(tickets["category"], [spec.category for spec in settings.tickets]),
            "channel": coded(tickets["channel"], CHANNELS),
            "csat": numbers(tickets["csat"], rated),
            "csat_at": clock(tickets["csat_at"], rated),
            "text": write_texts(rng, settings.profile, tickets["theme"], tickets["language"]),
            "known_at": clock(next_batch(tickets["opened"])),
        }
    )

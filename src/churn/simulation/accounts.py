"""Customers, subscriptions, payments, incidents and interventions in contract form."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churn.simulation.arrow import clock, coded, ids, instants, numbers
from churn.simulation.block import FOREVER, INVOLUNTARY, RUNNING, BlockLife
from churn.simulation.customers import AGE_BANDS, NEVER
from churn.simulation.moments import next_batch
from churn.simulation.people import FIRST_NAMES, LAST_NAMES, NOTES
from churn.simulation.process import Dynamics, card_end
from churn.simulation.randomness import Purpose, generator
from churn.simulation.settings import DAYS_PER_MONTH, SimulationSettings
from churn.simulation.taxonomy import ACTION_NAMES, ACTIONS, Days, Flags, Ints
from churn.simulation.timeline import Calendar
from churn.simulation.trajectory import EXPIRED, SUCCEEDED, Columns, Trajectory, joined

ID_SPACE, ID_STEP, ID_SHIFT = 100_000_000, 48_271_003, 3_141_592
END_REASONS = ("switched", "voluntary", "involuntary")
STATUSES = ("succeeded", "failed", "refunded")
FAILURE_CODES = ("insufficient_funds", "do_not_honor", "processing_error", "expired_card")
OUTCOMES = ("retained", "left")
OUTCOME_DAYS = 60


def customer_numbers(first: int, n: int) -> Ints:
    """Return the numbers in customer ids: 8 digits, scattered, never repeated; one in ten begins with a zero."""
    return np.asarray((np.arange(first, first + n, dtype=np.int64) * ID_STEP + ID_SHIFT) % ID_SPACE)


def customer_names(life: BlockLife) -> pa.Array:
    """Return the customer ids of a block."""
    return ids("", (customer_numbers(life.first, life.n), 8, ""))


def customers_table(life: BlockLife, names: pa.Array) -> pa.Table:
    """Return the customers of a block in contract form, with all attributes."""
    settings, traits = life.settings, life.traits
    countries = list(settings.countries)
    languages = [settings.countries[name].language for name in countries]
    language = [languages[code] for code in traits.country]
    people = [
        _person(word, int(first), int(last))
        for word, first, last in zip(language, traits.first_name, traits.last_name, strict=True)
    ]
    parent = np.where(traits.first_name % 12 == 0, life.first // 4 + traits.last_name % max(life.n // 3, 1), -1)
    single = np.arange(life.first, life.first + life.n)
    return pa.table(
        {
            "customer_id": names,
            "signed_up_at": instants(settings.start_date, life.signed_up),
            "country": coded(traits.country, countries),
            "language": pa.array(language, pa.string()),
            "segment": coded(traits.segment, list(settings.segments)),
            "acquisition_channel": coded(traits.channel, list(settings.channels)),
            "company_size": pa.array(traits.company_size, pa.int64()),
            "seats": pa.array(traits.seats.astype(np.int64)),
            "age_band": coded(traits.age_band, AGE_BANDS),
            "contact_name": pa.array([name for name, _ in people], pa.string()),
            "contact_email": pa.array(
                [f"{mail}.{n}@example.com" for (_, mail), n in zip(people, names.to_pylist(), strict=True)]
            ),
            "parent_account": ids("A", (np.where(parent >= 0, parent, ID_SPACE // 2 + single), 8, "")),
            "crm_note": coded(traits.last_name % len(NOTES), NOTES),
        }
    )


def _person(language: str, first: int, last: int) -> tuple[str, str]:
    given = FIRST_NAMES[language][first % len(FIRST_NAMES[language])]
    family = LAST_NAMES[language][last % len(LAST_NAMES[language])]
    name = f"{given} {family}" if language == "en" else f"{family} {given}"
    return name, "info" if language == "ja" else given.lower()


def subscriptions_table(life: BlockLife, names: pa.Array) -> pa.Table:
    """Return one row per subscription and terms, in order of start; a running one has no end."""
    terms = joined(life.record.terms)
    own = terms["started"] >= life.signed_up[terms["customer"].astype(np.int64)]  # not a burn-in predecessor's
    order = np.flatnonzero(own)[np.lexsort((terms["started"][own], terms["customer"][own]))]
    terms = {name: values[order] for name, values in terms.items()}
    start = life.settings.start_date
    number = customer_numbers(life.first, life.n)[terms["customer"].astype(np.int64)]
    ended = terms["ended"].astype(np.float64)
    reason = terms["reason"].astype(np.int64)
    return pa.table(
        {
            "subscription_id": ids("S", (number, 8, "-"), (terms["spell"].astype(np.int64) + 1, 1, "")),
            "customer_id": coded(terms["customer"].astype(np.int64), names),
            "plan": coded(terms["plan"].astype(np.int64), [plan.name for plan in life.settings.plans]),
            "mrr": numbers(np.round(terms["mrr"].astype(np.float64), 2)),
            "billing_period_months": pa.array(terms["period"].astype(np.int64)),
            "started_at": instants(start, terms["started"].astype(np.float64)),
            "ended_at": instants(start, ended, ended < FOREVER),
            "trial_ends_at": instants(start, terms["trial_end"].astype(np.float64), terms["trial_end"] != NEVER),
            "discount_ends_at": instants(
                start, terms["discount_end"].astype(np.float64), terms["discount_end"] != NEVER
            ),
            "cancel_requested_at": instants(start, terms["requested"].astype(np.float64), terms["requested"] != NEVER),
            "end_reason": coded(np.minimum(reason, INVOLUNTARY), END_REASONS, reason != RUNNING),
        }
    )


def payments_table(dynamics: Dynamics, life: BlockLife, names: pa.Array, first_number: int, block: int) -> pa.Table:
    """Return one row per payment attempt in order of time, with its card; a few successful ones are refunded later."""
    record, settings = life.record, dynamics.settings
    rng = generator(settings.seed, Purpose.BILLING, block)
    week, customer = np.nonzero(record.attempt)
    day = np.asarray(7 * week + record.attempt_day[week, customer], np.float64)
    outcome = record.attempt[week, customer]
    failed = outcome != SUCCEEDED
    card = _card_end(settings, life.traits.card_end_day[customer], day, outcome == EXPIRED)
    amount = np.round(record.amount[week, customer].astype(np.float64), 2)
    code = np.where(outcome == EXPIRED, len(FAILURE_CODES) - 1, np.searchsorted([0.6, 0.9], rng.random(week.size)))
    back = ~failed & (rng.random(week.size) < settings.card.refund_share)
    refund_day = day + 1 + 6 * rng.random(week.size)
    back &= refund_day < 7 * record.weeks
    status = np.concatenate([failed.astype(np.int64), np.full(int(back.sum()), 2)])
    day = np.concatenate([day, refund_day[back]])
    order = np.argsort(day, kind="stable")
    customer = np.concatenate([customer, customer[back]])[order]
    amount, card = (np.concatenate([values, values[back]])[order] for values in (amount, card))
    code = np.concatenate([code, np.zeros(int(back.sum()), np.int64)])[order]
    attempted = instants(settings.start_date, np.asarray(day[order], np.float64))
    return pa.table(
        {
            "payment_id": ids("P", (np.int64(first_number) + np.arange(order.size), 11, "")),
            "customer_id": coded(customer, names),
            "attempted_at": attempted,
            "amount": numbers(amount),
            "status": coded(status[order], STATUSES),
            "failure_code": coded(code, FAILURE_CODES, status[order] == 1),
            "card_expires_at": instants(
                settings.start_date, card, np.full(card.size, settings.card.expired_fail_share > 0)
            ),
            "known_at": clock(next_batch(attempted.cast(pa.int64()).to_numpy())),
        }
    )


def _card_end(settings: SimulationSettings, first: Days, day: Days, is_expired: Flags) -> Days:
    """Return when the cards of payment attempts run out, or ran out: that they are good until the end of a day."""
    good = card_end(settings, first, day)
    return np.asarray(np.floor(np.where(is_expired, good - settings.card.valid_months * DAYS_PER_MONTH, good)))


def incidents_table(settings: SimulationSettings, calendar: Calendar) -> pa.Table:
    """Return the incidents that began, or were announced, within the history."""
    end = 7.0 * settings.weeks
    shown = [i for i in calendar.incidents if 0 <= i.start_day < end]
    start = settings.start_date
    plans = [None if i.plan is None else settings.plans[i.plan].name for i in shown]
    begins = np.array([i.start_day for i in shown], np.float64)
    ends = np.array([FOREVER if i.end_day is None else i.end_day for i in shown], np.float64)
    told = np.array([FOREVER if i.announced_day is None else i.announced_day for i in shown], np.float64)
    return pa.table(
        {
            "incident_id": ids("I", (np.arange(len(shown)), 4, "")),
            "started_at": instants(start, begins),
            "ended_at": instants(start, ends, ends < end),
            "kind": pa.array([i.kind for i in shown], pa.string()),
            "plan": pa.array(plans, pa.string()),
            "magnitude": pa.array([i.magnitude for i in shown], pa.float64()),
            "announced_at": instants(start, told, told < FOREVER),
        }
    )


def interventions_table(life: BlockLife, names: pa.Array, first_number: int) -> pa.Table:
    """Return one row per customer put into a campaign, with what became of them after 60 days."""
    assigned, start = joined(life.record.interventions), life.settings.start_date
    if not assigned:
        return empty_interventions()
    day, customer = assigned["day"].astype(np.float64), assigned["customer"].astype(np.int64)
    ended = _end_of_spell(life.record, life.n, customer, assigned["spell"].astype(np.int64))
    settled = day + OUTCOME_DAYS <= 7 * life.record.weeks
    left = ended < day + OUTCOME_DAYS
    action, treated = assigned["action"].astype(np.int64), assigned["treated"].astype(np.bool_)
    cost = np.array([a.cost for a in ACTIONS])[action]
    return pa.table(
        {
            "intervention_id": ids("V", (np.int64(first_number) + np.arange(day.size), 10, "")),
            "customer_id": coded(customer, names),
            "assigned_at": instants(start, day),
            "arm": coded(treated.astype(np.int64), ("control", "treatment")),
            "action": coded(action, ACTION_NAMES),
            "cost": numbers(np.where(treated, cost, 0.0)),
            "outcome": coded(left.astype(np.int64), OUTCOMES, settled),
            "outcome_at": instants(start, day + OUTCOME_DAYS, settled),
        }
    )


def empty_interventions() -> pa.Table:
    """Return the interventions of a company without campaigns."""
    text, time = pa.string(), pa.timestamp("us", tz="UTC")
    kinds = {"intervention_id": text, "customer_id": text, "assigned_at": time, "arm": text, "action": text}
    kinds |= {"cost": pa.float64(), "outcome": text, "outcome_at": time}
    return pa.schema(kinds).empty_table()


def _end_of_spell(record: Trajectory, n: int, customer: Ints, spell: Ints) -> np.typing.NDArray[np.float64]:
    ends = np.full((3, n), FOREVER)
    gone: Columns = joined(record.departures)
    if gone:
        ends[gone["spell"].astype(np.int64), gone["customer"].astype(np.int64)] = gone["ended"].astype(np.float64)
    return np.asarray(ends[spell, customer])

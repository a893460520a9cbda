"""Messages sent to customers and what they answered to surveys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churn.simulation.arrow import DAY_MICROSECONDS, clock, coded, epoch_microseconds, ids, numbers
from churn.simulation.block import VOLUNTARY
from churn.simulation.customers import Traits
from churn.simulation.moments import NEVER, WEEK_MICROSECONDS, draw_moments, later, next_batch, there_at
from churn.simulation.process import Dynamics
from churn.simulation.randomness import Purpose, generator, poisson, uniform
from churn.simulation.taxonomy import VOLUNTARY_CAUSES, Flags, Floats, Ints, cause_index
from churn.simulation.trajectory import Columns, Trajectory, joined
from churn.simulation.wording import THEMES, language_of, write_texts

HABIT, EXPERIENCE = cause_index("low_engagement"), cause_index("poor_experience")
FIT, SUPPORT = cause_index("missing_personalisation"), cause_index("poor_support")
CAMPAIGNS = ("newsletter", "usage_tips", "recommendations", "product_news", "offer")
CAMPAIGN_SHARES = (0.3, 0.25, 0.25, 0.12, 0.08)
RECOMMENDATIONS = CAMPAIGNS.index("recommendations")
MESSAGE_CHANNELS = ("email", "in_app", "push")
SURVEYS = ("nps", "csat", "ces", "cancellation")
REASONS = (*VOLUNTARY_CAUSES, "payment_failure")


def draw_messages(dynamics: Dynamics, traits: Traits, record: Trajectory, block: int) -> Columns:
    """Draw the messages of a block in order of sending; opening falls with habit, clicking with fit."""
    settings, outreach = dynamics.settings, dynamics.settings.outreach
    rng = generator(settings.seed, Purpose.OUTREACH, block)
    counts = poisson(rng, np.full(record.alive.shape, outreach.messages_weekly, np.float32) * record.alive)
    week, customer = (np.repeat(a, counts[np.nonzero(counts)]) for a in np.nonzero(counts))
    sent = draw_moments(rng, settings, traits, week, customer)
    kept = there_at(settings, record, week, customer, sent)
    order = np.argsort(sent[kept], kind="stable")
    week, customer, sent = week[kept][order], customer[kept][order], sent[kept][order]
    n = sent.size
    level = record.severity[week, :, customer]
    campaign = np.searchsorted(np.cumsum(CAMPAIGN_SHARES)[:-1], rng.random(n), side="right")
    narrow = np.where(campaign == RECOMMENDATIONS, 1.1, 0.5) * level[:, FIT]
    opens = uniform(rng, n) < _chance(outreach.open_share, -0.9 * level[:, HABIT] - 0.3 * level[:, FIT])
    clicks = opens & (uniform(rng, n) < _chance(outreach.click_share, -narrow))
    unhappy = 0.8 * level[:, HABIT] + 0.4 * level[:, EXPERIENCE]
    leaves = uniform(rng, n) < _chance(outreach.unsubscribe_share, unhappy)
    opened = later(rng, sent, np.full(n, 5.0), 1.0)
    clicked = later(rng, opened, np.full(n, 0.1), 0.8)
    return {
        "customer": customer,
        "sent": sent,
        "campaign": campaign,
        "channel": (uniform(rng, n) * len(MESSAGE_CHANNELS)).astype(np.int64),
        "opened": np.where(opens, opened, NEVER),
        "clicked": np.where(clicks, clicked, NEVER),
        "unsubscribed": np.where(leaves & opens, clicked, NEVER),
    }


def _chance(share: float, shift: Floats) -> Floats:
    logit = np.log(max(share, 1e-6) / max(1 - share, 1e-6)) + shift
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)


def messages_table(dynamics: Dynamics, names: pa.Array, messages: Columns, first_number: int) -> pa.Table:
    """Return messages in contract form; what happens after the end of the history is null."""
    end = _end(dynamics)
    n = messages["customer"].size
    told = {name: clock(messages[name], messages[name] < end) for name in ("opened", "clicked", "unsubscribed")}
    return pa.table(
        {
            "message_id": ids("m", (np.int64(first_number) + np.arange(n), 12, "")),
            "customer_id": coded(messages["customer"], names),
            "sent_at": clock(messages["sent"]),
            "channel": coded(messages["channel"], MESSAGE_CHANNELS),
            "campaign": coded(messages["campaign"], CAMPAIGNS),
            "opened_at": told["opened"],
            "clicked_at": told["clicked"],
            "unsubscribed_at": told["unsubscribed"],
            "known_at": clock(next_batch(messages["sent"])),
        }
    )


def _end(dynamics: Dynamics) -> int:
    return epoch_microseconds(dynamics.settings.start_date) + dynamics.settings.weeks * WEEK_MICROSECONDS


def draw_responses(dynamics: Dynamics, traits: Traits, record: Trajectory, tickets: Columns, block: int) -> Columns:
    """Draw survey answers of a block: regular NPS, CSAT and CES after tickets, and the reason given on leaving."""
    rng = generator(dynamics.settings.seed, Purpose.OUTREACH, block + (1 << 31))
    parts = [
        _nps(rng, dynamics, traits, record),
        _after_tickets(rng, dynamics, tickets),
        _cancellations(rng, dynamics, record),
    ]
    merged = joined([part for part in parts if part])
    keep = merged["moment"].astype(np.int64) < _end(dynamics)
    order = np.argsort(merged["moment"][keep], kind="stable")
    answers = {name: values[keep][order] for name, values in merged.items()}
    return answers | {"language": language_of(dynamics.settings, traits, answers["customer"].astype(np.int64))}


def _nps(rng: np.random.Generator, dynamics: Dynamics, traits: Traits, record: Trajectory) -> Columns:
    outreach = dynamics.settings.outreach
    phase = rng.integers(0, outreach.nps_every_weeks, traits.size)
    asked = (np.arange(record.weeks)[:, None] - phase) % outreach.nps_every_weeks == 0
    answers = asked & record.alive & (rng.random(record.alive.shape) < outreach.nps_answer_share)
    week, customer = np.nonzero(answers)
    moment = draw_moments(rng, dynamics.settings, traits, week, customer)
    kept = there_at(dynamics.settings, record, week, customer, moment)
    week, customer, moment = week[kept], customer[kept], moment[kept]
    level = record.severity[week, :, customer]
    trouble = 1.5 * level[:, EXPERIENCE] + 0.3 * np.delete(level, EXPERIENCE, axis=1).clip(0).sum(axis=1)
    score = np.clip(np.round(outreach.nps_mean - trouble + rng.standard_normal(week.size)), 0, 10)
    theme = np.where(score >= 8, THEMES.index("praise"), level.argmax(axis=1))
    return _answers(customer, moment, "nps", score, theme, rng.random(week.size) < 0.35)


def _after_tickets(rng: np.random.Generator, dynamics: Dynamics, tickets: Columns) -> Columns:
    n = tickets["customer"].size
    asked = np.flatnonzero(rng.random(n) < dynamics.settings.outreach.ticket_answer_share)
    rated = tickets["csat_at"] < NEVER
    score = tickets["csat"][asked]
    effort = np.clip(np.round(8 - 1.2 * score + rng.standard_normal(asked.size)), 1, 7)
    is_csat = rated[asked]
    at = np.where(
        is_csat,
        tickets["csat_at"][asked],
        later(rng, tickets["resolved"][asked], np.full(asked.size, 9.0), 1.0),
    )
    praise = THEMES.index("praise")
    theme = np.where(score >= 4, praise, tickets["theme"][asked])
    answers = _answers(tickets["customer"][asked], at, "csat", score, theme, rng.random(asked.size) < 0.25)
    answers["survey"] = np.where(is_csat, SURVEYS.index("csat"), SURVEYS.index("ces"))
    answers["score"] = np.where(is_csat, score, effort)
    return answers


def _cancellations(rng: np.random.Generator, dynamics: Dynamics, record: Trajectory) -> Columns:
    gone, outreach = joined(record.departures), dynamics.settings.outreach
    if not gone:
        return {}
    asked = (gone["reason"] == VOLUNTARY) & (rng.random(gone["reason"].size) < outreach.cancellation_answer_share)
    asked &= gone["decided"].astype(np.float64) >= 0
    where = np.flatnonzero(asked)
    cause = gone["cause"][where].astype(np.int64)
    other = rng.integers(0, len(VOLUNTARY_CAUSES), where.size)
    cause = np.where(rng.random(where.size) < outreach.cancellation_misreport_share, other, cause)
    begin = epoch_microseconds(dynamics.settings.start_date)
    day = gone["decided"][where].astype(np.float64)
    moment = begin + (day * DAY_MICROSECONDS).astype(np.int64) // 1_000_000 * 1_000_000
    theme = np.array([THEMES.index(reason) for reason in REASONS])[cause]
    no_score, written = np.zeros(where.size, np.float32), rng.random(where.size) < 0.6
    answers = _answers(gone["customer"][where], moment, "cancellation", no_score, theme, written)
    return answers | {"cause": cause}


def _answers(customer: Ints, moment: Ints, survey: str, score: Floats, theme: Ints, written: Flags) -> Columns:
    return {
        "customer": customer.astype(np.int64),
        "moment": moment.astype(np.int64),
        "survey": np.full(customer.size, SURVEYS.index(survey)),
        "score": score,
        "theme": theme,
        "written": written,
        "cause": np.full(customer.size, -1),
    }


def responses_table(dynamics: Dynamics, names: pa.Array, answers: Columns, first_number: int, block: int) -> pa.Table:
    """Return survey answers in contract form."""
    n = answers["customer"].size
    rng = generator(dynamics.settings.seed, Purpose.OUTREACH, block + (1 << 30))
    leaving = answers["survey"] == SURVEYS.index("cancellation")
    return pa.table(
        {
            "response_id": ids("R", (np.int64(first_number) + np.arange(n), 10, "")),
            "customer_id": coded(answers["customer"], names),
            "answered_at": clock(answers["moment"]),
            "survey": coded(answers["survey"], SURVEYS),
            "score": numbers(answers["score"], ~leaving),
            "reason": coded(np.maximum(answers["cause"], 0), REASONS, leaving),
            "text": write_texts(
                rng, dynamics.settings.profile, answers["theme"], answers["language"], answers["written"]
            ),
            "known_at": clock(next_batch(answers["moment"])),
        }
    )

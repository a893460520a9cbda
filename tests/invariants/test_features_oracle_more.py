"""More families against a brute-force reading: from rhythm and seats to the journey, prices and losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from math import log
from statistics import fmean, pstdev
from typing import Any

import pytest
from hypothesis import given, settings

from churn.core.contract import DELAY
from churn.features.losses import build_losses
from tests.builders import by_key, make_inputs, make_source
from tests.invariants.facts import (
    CUSTOMERS,
    DATES,
    KINDS,
    OBSERVATION_DAYS,
    WINDOWS_DAYS,
    Facts,
    Machine,
    Row,
    companies,
    companies_of_terms,
    differences,
    fill,
    is_visible,
    midnight,
    rows_of,
)
from tests.invariants.test_features_oracle import (
    REACH,
    add_months,
    age,
    billing_start,
    features,
    in_few_subscriptions,
    payments_of,
    running_of,
    terms_of_newest,
    within,
)

EXAMPLES = 40
HERE = ("A", "B")  # the cohort of losses; who left is not in it
Oracle = Callable[[Mapping[str, list[Row]], date], Row]


@pytest.fixture(scope="module")
def machines(engine):
    built: dict[str, Machine] = {}

    def of(family: str) -> Machine:
        return built.setdefault(family, Machine(engine, partial(features, family)))

    return of


def check(machine: Machine, oracle: Oracle, facts: Facts) -> None:
    rows = machine(facts)
    assert set(rows) == {(customer, day) for customer in CUSTOMERS for day in DATES}
    for (customer, day), row in rows.items():
        mine = {t: [f for f in rows if f.get("customer_id", customer) == customer] for t, rows in facts.items()}
        expected = oracle(mine, day)
        assert set(expected) == set(row) - {"customer_id", "as_of_date"}
        assert differences(row, expected) == {}, (customer, day)


def known(rows: list[Row], time: str, day: date) -> list[Row]:
    """Return the facts in the observation window that were visible on the date."""
    return [r for r in rows if is_visible(r[time], r[DELAY], day) and within(r[time], day, OBSERVATION_DAYS)]


def rhythm_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    events = [e for e in known(facts["events"], "occurred_at", day) if within(e["occurred_at"], day, 30)]
    names = (
        "gap_days_mean", "gap_days_max", "irregularity_ratio", "silence_ratio", "weekend_ratio", "night_ratio",
        "weekday_ratio", "day_part_ratio",
    )  # fmt: skip
    out: Row = {f"rhy_{name}_30d": None for name in names}
    out |= {"rhy_streak_days_max_30d": 0.0, "rhy_streak_days_last_30d": 0.0}
    if not events:
        return out
    active = sorted({e["occurred_at"].date() for e in events})
    gaps = [(b - a).days for a, b in pairwise(active)]
    longest = max(n for a in active for n in range(1, 31) if all(a + timedelta(i) in active for i in range(n)))
    out["rhy_streak_days_max_30d"] = longest
    out["rhy_streak_days_last_30d"] = next(n for n in range(31) if day - timedelta(n + 1) not in active)
    for name, of in (("weekday", datetime.weekday), ("day_part", lambda at: at.hour // 6)):
        out[f"rhy_{name}_ratio_30d"] = Counter(of(e["occurred_at"]) for e in events).most_common(1)[0][1] / len(events)
    out["rhy_weekend_ratio_30d"] = fmean(e["occurred_at"].weekday() >= 5 for e in events)
    out["rhy_night_ratio_30d"] = fmean(e["occurred_at"].hour not in range(6, 22) for e in events)
    if gaps:
        out["rhy_gap_days_mean_30d"], out["rhy_gap_days_max_30d"] = fmean(gaps), max(gaps)
        out["rhy_irregularity_ratio_30d"] = pstdev(gaps) / fmean(gaps)
        out["rhy_silence_ratio_30d"] = (day - active[-1]).days / fmean(gaps)
    return out


def seats_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    events = [e for e in known(facts["events"], "occurred_at", day) if e["user_id"]]
    everyone = {e["user_id"] for e in events}
    out: Row = {}
    for n in WINDOWS_DAYS:
        active = {e["user_id"] for e in events if within(e["occurred_at"], day, n)}
        out[f"seat_active_count_{n}d"] = len(active)
        out[f"seat_active_ratio_{n}d"] = len(active) / len(everyone) if everyone else None
    return out


def messages_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    sent = known(facts["messages"], "sent_at", day)

    def seen(message: Row, time: str) -> bool:
        return is_visible(message[time], message[DELAY], day)

    out: Row = {}
    for n in WINDOWS_DAYS:
        inside = [m for m in sent if within(m["sent_at"], day, n)]
        out[f"msg_sent_count_{n}d"] = len(inside)
        for name in ("opened", "clicked"):
            out[f"msg_{name}_ratio_{n}d"] = fmean(seen(m, f"{name}_at") for m in inside) if inside else None
    opened = [age(m["opened_at"], day) for m in sent if seen(m, "opened_at")]
    out["msg_opened_recency_days"] = min(opened, default=REACH)
    out["msg_unsubscribed_count"] = sum(seen(m, "unsubscribed_at") for m in sent)
    return out


def feedback_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    scored = [a for a in known(facts["responses"], "answered_at", day) if a["score"] is not None]
    answers = [a for a in scored if a["survey"] != "cancellation"]
    out: Row = {
        f"fb_answers_count_{n}d": len([a for a in answers if within(a["answered_at"], day, n)]) for n in WINDOWS_DAYS
    }
    for survey in ("nps", "csat", "ces"):
        own = sorted((a["answered_at"], a["response_id"], a["score"]) for a in answers if a["survey"] == survey)
        last = own[-1][2] if own else None
        before = fmean(score for *_, score in own[:-1]) if own[1:] else None
        out[f"fb_{survey}_last"], out[f"fb_{survey}_prior"] = last, before
        out[f"fb_{survey}_trend"] = last - before if last is not None and before is not None else None
        out[f"fb_{survey}_recency_days"] = age(own[-1][0], day) if own else REACH
    return out


def obligations_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    told = [o for o in facts["obligations"] if is_visible(o["opened_at"], o[DELAY], day)]
    mine = [o | {"met_at": o["met_at"] if is_visible(o["met_at"], o[DELAY], day) else None} for o in told]
    edge = day - timedelta(OBSERVATION_DAYS)
    mine = [o for o in mine if o["opened_at"].date() >= edge or o["met_at"] is None or o["due_at"].date() >= edge]
    due = [o for o in mine if o["due_at"] <= midnight(day)]
    met = sorted((o for o in mine if o["met_at"]), key=lambda o: (o["met_at"], o["due_at"], o["obligation_id"]))
    missed = [o for o in due if o["met_at"] is None or o["met_at"] >= o["due_at"]]
    overdue = [o for o in due if o["met_at"] is None]
    coming = [o for o in mine if o not in due]
    leads = [(o["due_at"].date() - o["met_at"].date()).days for o in met]
    scores = [o["score"] for o in met if o["score"] is not None]
    weights = [o["weight"] for o in overdue if o["weight"] is not None]
    out: Row = {}
    for n in WINDOWS_DAYS:
        ahead = [o for o in coming if (o["due_at"].date() - day).days <= n]
        out[f"obl_due_count_{n}d"] = len([o for o in due if within_or_today(o["due_at"], day, n)])
        out[f"obl_missed_count_{n}d"] = len([o for o in missed if within_or_today(o["due_at"], day, n)])
        out[f"obl_met_count_{n}d"] = len([o for o in met if within(o["met_at"], day, n)])
        out[f"obl_coming_count_{n}d"] = len(ahead)
        out[f"obl_coming_open_count_{n}d"] = len([o for o in ahead if o["met_at"] is None])
    out["obl_overdue_count"] = len(overdue)
    out["obl_overdue_age_days"] = max((age(o["due_at"], day) for o in overdue), default=0)
    out["obl_overdue_weight_sum"] = sum(weights)
    out["obl_missed_ratio"] = len(missed) / len(due) if due else None
    out["obl_due_recency_days"] = min([age(o["due_at"], day) for o in due] + [REACH])
    out["obl_met_recency_days"] = min([age(o["met_at"], day) for o in met] + [REACH])
    out["obl_to_next_days"] = min(((o["due_at"].date() - day).days for o in coming), default=None)
    out["obl_lead_days_mean"], out["obl_lead_days_last"] = (fmean(leads), leads[-1]) if leads else (None, None)
    out["obl_score_mean"] = fmean(scores) if scores else None
    out["obl_score_last"] = met[-1]["score"] if met else None
    return out


def within_or_today(at: Any, day: date, days: int) -> bool:
    """Return whether a planned time lies in the days before the date, or at its very instant."""
    return at == midnight(day) or within(at, day, days)


def quality_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    held = [s for s in facts["subscriptions"] if is_visible(s["started_at"], s[DELAY], day)]

    def is_over(term: Row, at: Any) -> bool:
        return is_visible(term["ended_at"], term[DELAY], day) and term["ended_at"] <= at

    def touches(incident: Row) -> bool:
        at = incident["started_at"]
        terms = [s for s in held if s["started_at"] <= at and not is_over(s, at)]
        return any(incident["plan"] in (None, s["plan"]) for s in terms)

    mine = [i for i in facts["incidents"] if touches(i)]
    begun = [i for i in mine if is_visible(i["started_at"], 0, day) and within(i["started_at"], day, OBSERVATION_DAYS)]
    outages = [i for i in begun if i["kind"] == "outage"]
    out: Row = {
        f"inc_outage_count_{n}d": len([i for i in outages if within(i["started_at"], day, n)]) for n in WINDOWS_DAYS
    }

    def hours(i: Row) -> float:
        end = i["ended_at"] if is_visible(i["ended_at"], 0, day) else midnight(day)
        start = i["started_at"].replace(second=0)
        return (end.replace(second=0) - start) // timedelta(minutes=1) / 60.0

    out["inc_outage_hours_sum"] = sum(hours(i) for i in outages)
    for kind in KINDS:
        own = sorted((i for i in begun if i["kind"] == kind), key=lambda i: (i["started_at"], i["incident_id"]))
        out[f"inc_{kind}_recency_days"] = age(own[-1]["started_at"], day) if own else REACH
        out[f"inc_{kind}_size_last"] = own[-1]["magnitude"] if own else None
        if kind in ("price_change", "feature_removed", "policy_change"):
            ahead = [
                (i["started_at"].date() - day).days
                for i in mine
                if i["kind"] == kind and i["started_at"] >= midnight(day) and is_visible(i["announced_at"], 0, day)
            ]
            out[f"inc_{kind}_ahead_days"] = min(ahead, default=None)
    return out | use_around_of(facts["events"], max((i["started_at"].date() for i in begun), default=None), day)


def use_around_of(events: list[Row], begun: date | None, day: date) -> Row:
    names = ("count", "prior", "trend")
    span = min((day - begun).days, 14) if begun else 0
    if begun is None or (begun - timedelta(span)) < day - timedelta(OBSERVATION_DAYS):
        return {f"inc_use_days_{name}": None for name in names}
    active = {e["occurred_at"].date() for e in events if is_visible(e["occurred_at"], e[DELAY], day)}
    after, before = (sum(begun + timedelta(sign * n - (sign < 0)) in active for n in range(span)) for sign in (1, -1))
    return dict(
        zip((f"inc_use_days_{n}" for n in names), (after, before, log((after + 1) / (before + 1))), strict=True)
    )


def journey_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    held = [s for s in facts["subscriptions"] if is_visible(s["started_at"], s[DELAY], day)]
    terms = sorted(held, key=lambda s: (s["started_at"], s["subscription_id"]))
    recencies = ("price_rise", "downgrade", "trial_end", "discount_end")
    out: Row = {f"jour_{name}_recency_days": REACH for name in recencies}
    out |= dict.fromkeys(("jour_spells_count", "jour_spell_days", "jour_price_rise_ratio"))
    if not terms:
        return out
    spells = []
    for place, term in enumerate(terms):
        ends = [s["ended_at"] if is_visible(s["ended_at"], s[DELAY], day) else None for s in terms[:place]]
        if all(end is not None and end.date() < term["started_at"].date() for end in ends):
            spells.append(term["started_at"])
    out["jour_spells_count"], out["jour_spell_days"] = len(spells), age(spells[-1], day)
    pairs = [(a, b) for a, b in pairwise(terms) if a["mrr"] is not None and b["mrr"] is not None]
    rises = [(a, b) for a, b in pairs if b["mrr"] > a["mrr"] and a["plan"] == b["plan"]]
    drops = [(a, b) for a, b in pairs if b["mrr"] < a["mrr"] and a["plan"] != b["plan"]]
    for name, found in (("price_rise", rises), ("downgrade", drops)):
        out[f"jour_{name}_recency_days"] = min([age(b["started_at"], day) for _, b in found] + [REACH])
    out["jour_price_rise_ratio"] = max((b["mrr"] / a["mrr"] for a, b in rises if a["mrr"]), default=None)
    for name in ("trial", "discount"):
        ends = [s[f"{name}_ends_at"].date() for s in terms if s[f"{name}_ends_at"]]
        out[f"jour_{name}_end_recency_days"] = min([float((day - end).days) for end in ends if end < day] + [REACH])
    return out


def texts_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    tickets = [t for t in known(facts["tickets"], "opened_at", day) if t["text"] and within(t["opened_at"], day, 30)]
    answers = [
        a
        for a in known(facts["responses"], "answered_at", day)
        if a["survey"] != "cancellation" and a["text"] and within(a["answered_at"], day, 30)
    ]
    told = [(t["opened_at"], f"tickets:{t['ticket_id']}", t["text"]) for t in tickets]
    told += [(a["answered_at"], f"responses:{a['response_id']}", a["text"]) for a in answers]
    scores = [("csat", t["csat"]) for t in tickets if is_visible(t["csat_at"], t[DELAY], day)]
    scores += [(a["survey"], a["score"]) for a in answers]

    def mean(kind: str) -> float | None:
        given = [score for survey, score in scores if survey == kind and score is not None]
        return fmean(given) if given else None

    return {
        "text_recent_last": " ".join(text for *_, text in sorted(told, reverse=True)) or None,
        "text_csat_mean": mean("csat"),
        "text_nps_mean": mean("nps"),
    }


def billed_payments_of(facts: Mapping[str, list[Row]], day: date) -> Row:
    """The payments of a company whose terms have a billing period: the last success is judged by it."""
    out = payments_of(facts["payments"], day)
    since = out.pop("pay_succeeded_recency_days")
    paid = known(facts["payments"], "attempted_at", day)
    terms = [s for s in facts["subscriptions"] if is_visible(s["started_at"], s[DELAY], day)]
    running = running_of(terms, day)
    own = terms_of_newest(terms, running) if running else [{"billing_period_months": None}]
    months = own[-1]["billing_period_months"]
    if months is None or not any(p["status"] == "succeeded" for p in paid):
        return out | {"pay_overdue_days": None}
    begun = max(day - timedelta(days=int(since)), billing_start(own, running))
    return out | {"pay_overdue_days": max(0, (day - add_months(begun, int(months))).days)}


@given(events=rows_of("events", 40))
@settings(max_examples=EXAMPLES)
def test_rhythm_is_what_the_calendar_shows(machines, events):
    check(machines("rhythm"), rhythm_of, {"events": events})


@given(events=rows_of("events", 40))
@settings(max_examples=EXAMPLES)
def test_seats_are_the_people_seen(machines, events):
    check(machines("seats"), seats_of, {"events": events})


@given(messages=rows_of("messages", 25))
@settings(max_examples=EXAMPLES)
def test_messages_are_what_reading_each_gives(machines, messages):
    check(machines("messages"), messages_of, {"messages": messages})


@given(payments=rows_of("payments", 25), subscriptions=rows_of("subscriptions", 12))
@settings(max_examples=EXAMPLES)
def test_payments_are_overdue_from_a_period_after_the_last(machines, payments, subscriptions):
    facts = {"payments": payments, "subscriptions": in_few_subscriptions(subscriptions)}
    check(machines("payments"), billed_payments_of, facts)


@given(responses=rows_of("responses", 25))
@settings(max_examples=EXAMPLES)
def test_feedback_is_the_last_answer_and_those_before(machines, responses):
    check(machines("feedback"), feedback_of, {"responses": responses})


@given(obligations=rows_of("obligations", 25))
@settings(max_examples=EXAMPLES)
def test_obligations_are_what_ticking_them_off_gives(machines, obligations):
    check(machines("obligations"), obligations_of, {"obligations": obligations})


@given(subscriptions=rows_of("subscriptions", 10), incidents=rows_of("incidents", 20), events=rows_of("events", 40))
@settings(max_examples=EXAMPLES)
def test_incidents_touch_those_who_were_there(machines, subscriptions, incidents, events):
    facts = {"subscriptions": subscriptions, "incidents": incidents, "events": events}
    check(machines("quality"), quality_of, facts)


@given(tickets=rows_of("tickets", 15), responses=rows_of("responses", 15))
@settings(max_examples=EXAMPLES)
def test_texts_are_what_was_written_lately(machines, tickets, responses):
    check(machines("texts"), texts_of, {"tickets": tickets, "responses": responses})


@given(subscriptions=rows_of("subscriptions", 15))
@settings(max_examples=EXAMPLES)
def test_the_journey_is_what_following_the_terms_gives(machines, subscriptions):
    check(machines("journey"), journey_of, {"subscriptions": subscriptions})


def test_pricing_is_the_price_over_the_use(engine):
    """Built anew each time: families over other families keep those they are built from."""

    @given(facts=companies())
    @settings(max_examples=4)
    def check_prices(facts: Facts) -> None:
        fill(engine, facts)
        staged = {table: engine.backend.table(table) for table in ("events", "subscriptions")}
        tables = {name: by_key(features(name, staged)) for name in ("pricing", "engagement", "subscription", "seats")}
        for key, row in tables["pricing"].items():
            mrr = tables["subscription"][key]["sub_mrr_sum"]
            for n in WINDOWS_DAYS:
                used = max(tables["engagement"][key][f"eng_active_days_count_{n}d"], 1)
                expected = None if mrr is None else mrr * n / 30 / used
                assert differences(row, {f"price_active_day_mean_{n}d": expected}) == {}, key

    check_prices()


def country_of(customer: str, customers: list[Row], day: date) -> str:
    """Return the country of the version valid on the date."""
    versions = [row for row in customers if row["customer_id"] == customer]
    begun = [row for row in versions if row["valid_from"] is None or row["valid_from"] < midnight(day)]
    return str(max(begun, key=lambda row: row["valid_from"] or datetime.min)["country"])


def share_of_losses(facts: Facts, customer: str, day: date, days: int) -> float:
    """Return who of the customer's country left in the last days, of these and those who are here."""
    leavers = {
        term["customer_id"]
        for term in facts["subscriptions"]
        if term["end_reason"] in ("voluntary", "involuntary")
        and is_visible(term["ended_at"], term[DELAY], day)
        and within(term["ended_at"], day, days)
    }
    alike = [
        c for c in CUSTOMERS if country_of(c, facts["customers"], day) == country_of(customer, facts["customers"], day)
    ]
    lost = sum(c in leavers and c not in HERE for c in alike)
    return lost / (lost + sum(c in HERE for c in alike))


@pytest.fixture(scope="module")
def losses(engine) -> Machine:
    def build(staged: Mapping[str, Any]) -> Any:
        tables = {table: staged[table] for table in ("customers", "subscriptions")}
        inputs = make_inputs(
            tables, ["losses"], *map(str, DATES), customers=HERE, windows_days=WINDOWS_DAYS,
            observation_days=OBSERVATION_DAYS, source=make_source(attributes={"country": "segment"}),
        )  # fmt: skip
        return build_losses(inputs, {}).table

    return Machine(engine, build)


@given(facts=companies_of_terms())
@settings(max_examples=EXAMPLES)
def test_losses_are_who_left_of_a_segment(losses, facts: Facts):
    rows = losses(facts)
    assert set(rows) == {(customer, day) for customer in HERE for day in DATES}
    for (customer, day), row in rows.items():
        expected = {f"loss_peers_ratio_{n}d": share_of_losses(facts, customer, day, n) for n in WINDOWS_DAYS}
        assert differences(row, expected) == {}, (customer, day)

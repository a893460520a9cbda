"""Every kind of company: what it is made of is in its tables, and the source that reads it has words for all of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from churn.core.contract import CAUSES, CONTRACT
from churn.simulation.taxonomy import STATE_CAUSES
from churn.simulation.wording import LANGUAGES, THEMES, text_bank
from tests.unit.simulation.companies import PROFILES, SIMULATED, Company, stage_settings


@pytest.mark.parametrize("profile", PROFILES)
def test_the_source_that_reads_it_has_words_and_a_cause_for_every_event_type(profile: str) -> None:
    settings = stage_settings(profile)
    words = settings.source.event_types
    for event in settings.simulation.events:
        said = words[event.name]
        assert said.en and said.ja and said.cause in CAUSES, event.name
    assert settings.features.max_event_types >= len(settings.simulation.events)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_source_that_reads_it_has_words_for_every_ticket_category_and_the_cause_of_its_texts(profile: str) -> None:
    settings = stage_settings(profile)
    for ticket in settings.simulation.tickets:
        said = settings.source.ticket_categories[ticket.category]
        assert said.en and said.ja and said.cause == ticket.theme, ticket.category


@pytest.mark.parametrize("profile", PROFILES)
def test_every_cause_shows_in_an_event_type_or_a_kind_of_ticket(profile: str) -> None:
    settings = stage_settings(profile)
    named = {settings.source.event_types[event.name].cause for event in settings.simulation.events}
    named |= {ticket.theme for ticket in settings.simulation.tickets}
    assert set(STATE_CAUSES) <= named


def test_profiles_are_different_companies() -> None:
    saas, telecom, consumer = (stage_settings(name).simulation for name in ("saas", "telecom", "consumer"))
    vocabularies = [{event.name for event in company.events} for company in (saas, telecom, consumer)]
    assert all(not a & b for a in vocabularies for b in vocabularies if a is not b)
    assert len({company.calendar.hazard_peak_day for company in (saas, telecom, consumer)}) == 3
    assert len({company.card.fail_share for company in (saas, telecom, consumer)}) == 3


def test_an_own_source_can_be_named_for_any_profile() -> None:
    assert stage_settings("telecom").source.name == "telecom"
    assert stage_settings("telecom", "source=demo").source.name == "demo"


def test_every_table_is_written_with_contract_columns_only(company: Company) -> None:
    for name in SIMULATED:
        contract = CONTRACT[name]
        columns = set(company.tables[name].columns)
        required = {column.name for column in contract.columns if column.required}
        assert required <= columns
        assert name == "customers" or columns <= {column.name for column in contract.columns}


def test_every_event_type_and_ticket_category_occurs(company: Company) -> None:
    assert set(company.tables["events"]["event_type"]) == {event.name for event in company.settings.events}
    assert set(company.tables["tickets"]["category"]) == {spec.category for spec in company.settings.tickets}


def test_subscriptions_hold_trials_renewals_switches_and_both_ways_to_leave(company: Company) -> None:
    subscriptions, settings = company.tables["subscriptions"], company.settings
    tried = subscriptions["trial_ends_at"].notna().any()
    assert tried == (settings.journey.trial_share > 0)
    assert set(subscriptions["billing_period_months"]) == {1, 12}
    assert set(subscriptions["end_reason"].dropna()) == {"switched", "voluntary", "involuntary"}
    assert subscriptions["cancel_requested_at"].notna().any() == any(p.notice_weeks for p in settings.plans)


def test_a_price_rise_closes_a_row_and_opens_a_dearer_one_on_the_same_plan(company: Company) -> None:
    incidents = company.tables["incidents"]
    rises = incidents[incidents["kind"] == "price_change"]
    assert len(rises) and rises["magnitude"].gt(0).all() and rises["announced_at"].notna().any()
    rows = company.tables["subscriptions"].sort_values(["customer_id", "started_at"])
    after = rows.groupby("customer_id").shift(-1)
    for rise in rises.itertuples():
        touched = rows[(rows["ended_at"] == rise.started_at) & (rows["plan"] == rise.plan)]
        following = after.loc[touched.index]
        kept = (following["started_at"] == rise.started_at) & (following["plan"] == rise.plan)
        ratios = (following["mrr"] / touched["mrr"])[kept]
        assert kept.all() and len(touched)
        assert ratios.median() == pytest.approx(1 + rise.magnitude, abs=0.01)


def test_a_discount_has_an_end_that_is_known_before_and_the_price_rises_on_it(company: Company) -> None:
    rows = company.tables["subscriptions"].sort_values(["customer_id", "started_at"])
    ending = rows[(rows["discount_ends_at"] == rows["ended_at"]) & (rows["end_reason"] == "switched")]
    following = rows.groupby("customer_id").shift(-1).loc[ending.index]
    assert len(ending) and following["discount_ends_at"].isna().all()
    assert (following["mrr"] > ending["mrr"]).mean() > 0.95  # else the plan was lowered on the day
    assert (rows["discount_ends_at"].dropna() > rows["started_at"][rows["discount_ends_at"].notna()]).all()


def test_cards_run_out_and_some_payments_fail_for_it(company: Company) -> None:
    payments, card = company.tables["payments"], company.settings.card
    day = payments["attempted_at"].dt.floor("D")
    if card.expired_fail_share == 0:  # paid by direct debit
        assert payments["card_expires_at"].isna().all() and not (payments["failure_code"] == "expired_card").any()
        return
    has_expired = payments["failure_code"] == "expired_card"
    assert 0.1 < has_expired[payments["status"] == "failed"].mean() < 0.5
    assert (payments["card_expires_at"] <= day)[has_expired].all()
    assert (payments["card_expires_at"] >= day)[payments["status"] == "succeeded"].all()


def test_all_kinds_of_incidents_happen_within_two_years(company: Company) -> None:
    kinds = set(company.tables["incidents"]["kind"])
    assert kinds == {"outage", "price_change", "feature_removed", "policy_change", "competitor_launch"}


def test_a_removed_feature_is_used_less_while_it_is_gone(company: Company) -> None:
    events, incidents = company.tables["events"], company.tables["incidents"]
    gone = incidents[(incidents["kind"] == "feature_removed") & incidents["ended_at"].notna()]
    features = [event.name for event in company.settings.events if event.feature]
    drops = []
    for removal in gone.itertuples():
        start, end = removal.started_at.ceil("7D"), removal.ended_at.floor("7D")
        before = events[(events["occurred_at"] < removal.started_at) & (events["occurred_at"] >= start - (end - start))]
        during = events[(events["occurred_at"] >= start) & (events["occurred_at"] < end)]
        counts = [(during["event_type"] == f).sum() / max((before["event_type"] == f).sum(), 1) for f in features]
        drops.append(min(counts))
    assert not drops or min(drops) < 0.4


def test_some_who_left_come_back(company: Company) -> None:
    spells = company.tables["subscriptions"]["subscription_id"].str.split("-").str[1]
    assert (spells == "2").any()


def test_business_customers_have_seats_that_show_in_their_events(company_of: Callable[[str], Company]) -> None:
    company = company_of("saas")
    users = company.tables["events"].groupby("customer_id")["user_id"].nunique()
    seats = company.tables["customers"].set_index("customer_id")["seats"].reindex(users.index)
    assert (users <= seats).all()
    assert users[seats > 10].mean() > users[seats < 4].mean()


def test_usage_has_the_rhythm_of_the_week(company: Company) -> None:
    weekday = company.tables["events"]["occurred_at"].dt.day_of_week
    ratio = weekday.isin([5, 6]).mean() * 7 / 2 / (weekday.isin([1, 2, 3]).mean() * 7 / 3)
    expected = company.settings.calendar.weekend_usage
    assert (ratio < 1) == (expected < 1)
    assert ratio == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize("profile", ["saas", "telecom", "consumer"])
@pytest.mark.parametrize("theme", THEMES)
def test_texts_are_many_never_the_same_for_two_themes_and_in_both_languages(profile: str, theme: str) -> None:
    texts, begins, sizes = text_bank(profile)
    groups = [THEMES.index(theme) * len(LANGUAGES) + at for at in range(len(LANGUAGES))]
    for group, language in zip(groups, LANGUAGES, strict=True):
        own = texts[int(begins[group]) : int(begins[group] + sizes[group])].to_pylist()
        assert len(set(own)) >= 100
        japanese = np.mean([any("\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" for c in text) for text in own])
        assert japanese == (1.0 if language == "ja" else 0.0)
    assert len(set(texts.to_pylist())) == len(texts)


def _themes_of(texts: pd.Series, profile: str) -> pd.Series:
    bank, begins, _ = text_bank(profile)
    position = pd.Series(np.arange(len(bank)), index=bank.to_pylist())
    group = np.searchsorted(begins, position.reindex(texts).to_numpy(), side="right") - 1
    return pd.Series([THEMES[g // len(LANGUAGES)] for g in group], index=texts.index)


def test_reasons_given_on_leaving_and_their_texts_fit_the_true_cause(company: Company) -> None:
    answers = company.tables["responses"]
    given = answers[answers["survey"] == "cancellation"]
    left = company.truth("departures")
    both = given.merge(left, on="customer_id")
    both = both[(both["answered_at"] - both["decided_at"]).abs() < pd.Timedelta(minutes=1)]
    said = 1 - company.settings.outreach.cancellation_misreport_share
    assert len(both) > 30
    assert (both["reason"] == both["cause"]).mean() == pytest.approx(said, abs=0.12)
    written = both.dropna(subset="text")
    assert (_themes_of(written["text"], company.settings.profile) == written["reason"]).all()


def test_ticket_texts_fit_what_troubles_the_customer(company: Company) -> None:
    tickets, settings = company.tables["tickets"], company.settings
    theme_of = {spec.category: spec.theme for spec in settings.tickets}
    themes = _themes_of(tickets["text"], settings.profile)
    fits = (themes == tickets["category"].map(theme_of)) | (themes == "poor_support")
    assert fits.mean() > 0.8

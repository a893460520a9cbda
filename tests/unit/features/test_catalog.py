from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from churn.core.contract import CAUSES
from churn.core.problem import FamilyName
from churn.features.catalog import Catalog, Feature, parse_name
from churn.features.matrix import build_features
from tests.builders import make_inputs, make_source, staged_table

FEATURE = Feature("eng_events_count_7d", "engagement", "low_engagement", "events", "a", "b", "c", "d", topic="t")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("eng_active_days_count_30d", ("eng", "active_days", "count", "30")),
        ("eng_active_days_trend_7d", ("eng", "active_days", "trend", "7")),
        ("eng_activity_recency_days", ("eng", "activity_recency", "days", None)),
        ("sup_first_response_hours_mean_90d", ("sup", "first_response_hours", "mean", "90")),
        ("sub_to_renewal_days", ("sub", "to_renewal", "days", None)),
        ("sub_mrr_change_ratio", ("sub", "mrr_change", "ratio", None)),
        ("prof_country_last", ("prof", "country", "last", None)),
        ("peer_active_days_rank_30d", ("peer", "active_days", "rank", "30")),
        ("eng_count_count_7d", ("eng", "count", "count", "7")),
    ],
)
def test_a_name_is_source_measure_aggregate_days(name: str, parts: tuple[str | None, ...]):
    assert tuple(parse_name(name).values()) == parts


@pytest.mark.parametrize(
    "name", ["eng", "eng_count", "ENG_events_count_7d", "eng_events_median_7d", "eng_events_count_7"]
)
def test_anything_else_is_no_name(name: str):
    with pytest.raises(ValueError, match="is not <source>_<measure>_<aggregate>"):
        parse_name(name)


def test_a_catalogue_keeps_its_order_and_finds_by_name():
    other = replace(FEATURE, name="prof_country_last", kind="category")
    catalog = Catalog([other, FEATURE])
    assert catalog.names == ["prof_country_last", "eng_events_count_7d"]
    assert catalog.categories == ["prof_country_last"]
    assert catalog["eng_events_count_7d"] is FEATURE
    assert "eng_events_count_7d" in catalog and "other" not in catalog


def test_names_may_not_repeat():
    with pytest.raises(ValueError, match="eng_events_count_7d"):
        Catalog([FEATURE, FEATURE])


def test_the_fingerprint_tells_names_kinds_and_order_and_nothing_else():
    other = replace(FEATURE, name="eng_events_count_30d")
    assert Catalog([FEATURE]).fingerprint() == Catalog([replace(FEATURE, en="reworded", cause="pricing")]).fingerprint()
    assert Catalog([FEATURE, other]).fingerprint() != Catalog([other, FEATURE]).fingerprint()
    assert Catalog([FEATURE]).fingerprint() != Catalog([replace(FEATURE, kind="category")]).fingerprint()


def test_a_catalogue_survives_json_rows():
    catalog = Catalog([replace(FEATURE, empty=0.0, ceiling=90.0, value_of="x")])
    assert Catalog.from_rows(catalog.to_rows()).features == catalog.features


def test_every_feature_of_every_family_is_named_worded_and_speaks_for_a_cause(engine):
    a, day = "A", "2024-01-01"
    ticket = ("first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")
    rows = {
        "customers": {"customer_id": a, "signed_up_at": day, "seats:number": 3.0, "country:text": "DE",
                      "product:text": "x"},
        "events": {"customer_id": a, "occurred_at": day, "event_type": "Log In!", "value": 1.0, "user_id": "u"},
        "tickets": {"ticket_id": "T1", "customer_id": a, "opened_at": day, **dict.fromkeys(ticket), "csat": None,
                    "category": "bug", "text": "broken"},
        "messages": {"message_id": "M", "customer_id": a, "sent_at": day, "opened_at": None, "clicked_at": None,
                     "unsubscribed_at": None},
        "responses": {"response_id": "R", "customer_id": a, "answered_at": day, "survey": "nps", "score": 3.0},
        "obligations": {"obligation_id": "O", "customer_id": a, "opened_at": day, "due_at": day, "met_at": None,
                        "weight": 1.0, "score": None},
        "incidents": {"incident_id": "I", "started_at": day, "ended_at": None, "kind": "outage", "plan": None,
                      "magnitude": 1.0, "announced_at": None},
        "payments": {"payment_id": "P", "customer_id": a, "attempted_at": day, "amount": 1.0, "status": "failed",
                     "failure_code": "expired", "card_expires_at": None},
        "subscriptions": {
            "subscription_id": "S", "customer_id": a, "plan": "pro", "mrr": 5.0, "billing_period_months": 1.0,
            "started_at": day, "ended_at": None, "trial_ends_at": None,
            "discount_ends_at": None,
        },
    }  # fmt: skip
    staged = {name: staged_table(name, [row]) for name, row in rows.items()}
    source = make_source(attributes={"seats": "number", "country": "category", "product": "segment"}, seats="seats")
    families = get_args(FamilyName)
    inputs = make_inputs(
        staged, families, "2024-02-01", event_types=["Log In!", "ログイン"], value_types=["ログイン"],
        ticket_categories=["bug", "請求"], source=source,
    )  # fmt: skip
    built = build_features(inputs)
    assert built.switched_off == ()
    assert built.table.columns == ("customer_id", "as_of_date", *built.catalog.names)
    assert {f.family for f in built.catalog.features} == set(families)
    for feature in built.catalog.features:
        parse_name(feature.name)
        assert feature.cause in CAUSES
        assert feature.en and feature.ja and feature.topic
        for template in (feature.reason_en, feature.reason_ja):
            assert template.format(value=1, prior=2, change=2, rank=4, typical=3)
        assert {feature.value_of, feature.prior_of} <= {None, *built.catalog.names}
        assert feature.empty is None or feature.kind == "number"

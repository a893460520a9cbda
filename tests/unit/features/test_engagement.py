"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

import math

import pytest

from churn.core.errors import ConfigRefused
from churn.core.source import EventTypeSettings
from churn.features.engagement import build_engagement
from tests.builders import features_of, make_inputs, make_source, staged_table

DAY = "2024-02-01"
EVENTS = """
customer_id | occurred_at         | event_type | value
A           | 2024-01-31 23:59:59 | login      | 1
A           | 2024-01-31 08:00:00 | share      | 2
A           | 2024-01-25 00:00:00 | login      | 4
A           | 2024-01-24 23:59:59 | login      | 8
A           | 2024-01-02 00:00:00 | login      | 16
A           | 2024-01-01 23:59:59 | login      | 32
A           | 2024-02-01 00:00:00 | login      | 64
A           | 2023-11-03 00:00:00 | share      | 128
A           | 2023-11-02 23:59:59 | share      | 256
"""


def engagement(events: str = EVENTS, *as_of: str, event_types=("login", "share"), **options):
    staged = {"events": staged_table("events", events)}
    return features_of(staged, ["engagement"], *(as_of or (DAY,)), event_types=event_types, **options)


def test_windows_are_half_open_and_end_before_the_as_of_instant(engine):
    row = engagement()["A", DAY]
    assert (row["eng_events_count_7d"], row["eng_events_count_30d"]) == (3.0, 5.0)
    assert (row["eng_active_days_count_7d"], row["eng_active_days_count_30d"]) == (2.0, 4.0)


def test_types_are_counted_apart(engine):
    row = engagement()["A", DAY]
    assert (row["eng_login_count_7d"], row["eng_share_count_7d"]) == (2.0, 1.0)
    assert (row["eng_login_count_30d"], row["eng_share_count_30d"]) == (4.0, 1.0)
    assert (row["eng_types_count_7d"], row["eng_types_count_30d"]) == (2.0, 2.0)


def test_values_are_summed_by_type_and_never_across_types(engine):
    row = engagement(value_types=("login",))["A", DAY]
    assert (row["eng_login_value_sum_7d"], row["eng_login_value_sum_30d"]) == (5.0, 29.0)
    assert not [name for name in row if "value" in name and "login" not in name]


def test_a_value_that_was_never_given_adds_nothing(engine):
    events = "customer_id | occurred_at | event_type | value\nA | 2024-01-30 | login | \nA | 2024-01-31 | login | 3"
    row = engagement(events, event_types=("login",), value_types=("login",))["A", DAY]
    assert (row["eng_login_count_7d"], row["eng_login_value_sum_7d"]) == (2.0, 3.0)


def test_the_prior_window_lies_just_before(engine):
    row = engagement()["A", DAY]
    # [18, 25 January): the 24th; [3 December, 2 January): 1 January
    assert (row["eng_active_days_prior_7d"], row["eng_active_days_prior_30d"]) == (1.0, 1.0)
    assert row["eng_active_days_trend_7d"] == pytest.approx(math.log(3 / 2))
    assert row["eng_events_trend_7d"] == pytest.approx(math.log(4 / 2))
    assert row["eng_events_trend_30d"] == pytest.approx(math.log(6 / 2))


def test_a_type_is_compared_with_its_own_window_before(engine):
    row = engagement()["A", DAY]
    assert (row["eng_login_trend_7d"], row["eng_share_trend_7d"]) == (2.0 - 1.0, 1.0 - 0.0)
    assert (row["eng_login_trend_30d"], row["eng_share_trend_30d"]) == (4.0 - 1.0, 1.0 - 0.0)


def test_a_window_of_which_no_prior_is_observed_has_no_trend(engine):
    names = engagement(windows_days=(30, 60), observation_days=90)["A", DAY].keys()
    assert "eng_active_days_trend_30d" in names
    assert (
        not {"eng_active_days_trend_60d", "eng_active_days_prior_60d", "eng_events_trend_60d", "eng_login_trend_60d"}
        & names
    )


def test_recency_counts_whole_days_back_to_the_observation_start(engine):
    row = engagement()["A", DAY]
    assert (row["eng_activity_recency_days"], row["eng_login_recency_days"], row["eng_share_recency_days"]) == (1, 1, 1)
    only_old = EVENTS.splitlines()[1] + "\nA | 2023-11-03 00:00:00 | share | 1"
    row = engagement(only_old)["A", DAY]
    assert (row["eng_activity_recency_days"], row["eng_share_recency_days"]) == (90.0, 90.0)


def test_customers_without_events_have_zeros_and_the_longest_recency(engine):
    row = engagement(EVENTS, DAY, customers=("A", "Z"))["Z", DAY]
    zero = {name: value for name, value in row.items() if name not in ("customer_id", "as_of_date")}
    assert {name: value for name, value in zero.items() if not name.endswith("_recency_days")} == {
        name: 0.0 for name in zero if not name.endswith("_recency_days")
    }
    assert {value for name, value in zero.items() if name.endswith("_recency_days")} == {90.0}


def test_an_event_older_than_the_observation_is_as_if_it_never_was(engine):
    old = EVENTS.splitlines()[1] + "\nA | 2023-11-02 23:59:59 | share | 1"
    assert engagement(old)["A", DAY] | {"customer_id": "Z"} == engagement(old, DAY, customers=("Z",))["Z", DAY]


def test_a_late_event_counts_from_the_first_date_that_knows_it(engine):
    events = """
    customer_id | occurred_at         | event_type | known_at
    A           | 2024-01-30 10:00:00 | login      | 2024-02-01 00:00:00
    A           | 2024-01-30 10:00:00 | share      | 2024-02-01 00:00:01
    """
    rows = engagement(events, "2024-01-31", "2024-02-01", "2024-02-02")
    counts = [rows["A", d]["eng_events_count_7d"] for d in ("2024-01-31", "2024-02-01", "2024-02-02")]
    assert counts == [0.0, 1.0, 2.0]
    assert rows["A", "2024-02-01"]["eng_share_recency_days"] == 90.0
    assert rows["A", "2024-02-02"]["eng_share_recency_days"] == 3.0


def test_without_values_or_types_their_features_are_not_built(engine):
    events = "customer_id | occurred_at | event_type\nA | 2024-01-30 | login"
    names = engagement(events, event_types=())["A", DAY].keys()
    assert not [name for name in names if "value" in name or "types" in name or "login" in name]


def test_types_nobody_listed_count_in_the_totals_only(engine):
    row = engagement(event_types=("login",))["A", DAY]
    assert (row["eng_events_count_7d"], row["eng_types_count_7d"]) == (3.0, 1.0)
    assert "eng_share_count_7d" not in row


def test_types_that_become_one_column_or_a_taken_one_are_refused(engine):
    staged = {"events": staged_table("events", EVENTS)}
    for event_types in (
        ("Log in", "log-in"),
        ("activity",),
        ("Events",),
        ("types",),
        ("active days",),
        ("active_days pace",),
    ):
        with pytest.raises(ConfigRefused, match="rename them in the source's SELECT of events"):
            build_engagement(make_inputs(staged, ["engagement"], DAY, event_types=event_types))


def test_types_are_worded_by_the_source_and_speak_for_its_cause(engine):
    source = make_source(
        event_types={"login": EventTypeSettings(en="sign-ins", ja="サインイン", cause="product_quality")}
    )
    inputs = make_inputs(
        {"events": staged_table("events", EVENTS)}, ["engagement"], DAY, event_types=("login", "バッチ"), source=source
    )
    features = {f.name: f for f in build_engagement(inputs).features}
    assert features["eng_login_count_7d"].cause == "product_quality"
    assert features["eng_login_count_7d"].en == "sign-ins in the last 7 days"
    assert features["eng_type1_count_7d"].cause == "low_engagement"
    assert features["eng_type1_count_7d"].en.startswith("バッチ")


def test_recency_is_at_most_what_is_observed_and_says_so(engine):
    inputs = make_inputs({"events": staged_table("events", EVENTS)}, ["engagement"], DAY)
    (recency,) = [f for f in build_engagement(inputs).features if f.name == "eng_activity_recency_days"]
    assert (recency.empty, recency.ceiling) == (90.0, 90.0)

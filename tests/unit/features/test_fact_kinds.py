from __future__ import annotations

from dataclasses import replace

import pytest

from churn.core.errors import DataRefused
from churn.core.problem import CohortSettings, FeatureSettings, LabelSettings, Problem
from churn.features.fact_kinds import complete_settings, refuse_absent_kinds
from tests.builders import make_inputs, make_windows, staged_table

EVENTS = staged_table(
    "events", "customer_id | occurred_at | event_type\nA | 2024-01-01 | session\nA | 2024-01-02 | share"
)
MANY = staged_table(
    "events",
    """
customer_id | occurred_at         | event_type | value | known_at
A           | 2024-01-10          | b          |       |
A           | 2024-01-11          | b          | 2     |
A           | 2024-01-12          | c          |       |
A           | 2024-01-12          | a          |       |
A           | 2024-01-12          | late       | 1     | 2024-03-01
A           | 2024-02-01 00:00:00 | new        |       |
    """,
)
CUSTOMERS = staged_table("customers", "customer_id | signed_up_at\nA | 2024-01-01\nB | 2024-01-01")
DAY = "2024-02-01"


def problem_of(qualifying: list[str], event_types: list[str]) -> Problem:
    return Problem(
        cohort=CohortSettings(active="events", qualifying_events=qualifying),
        label=LabelSettings(kind="inactivity", qualifying_events=qualifying),
        windows=make_windows(),
        features=FeatureSettings(families=["engagement"], windows_days=[7], event_types=event_types),
    )


def test_kinds_that_occur_pass_and_so_does_what_is_not_stated(engine):
    refuse_absent_kinds({"events": EVENTS}, problem_of(["session"], ["share", "session"]))
    refuse_absent_kinds({"events": EVENTS}, problem_of([], []))


def test_a_slip_of_the_pen_is_refused_wherever_it_stands_with_the_nearest_kind(engine):
    with pytest.raises(DataRefused) as refused:
        refuse_absent_kinds({"events": EVENTS}, problem_of(["sesion"], ["shares"]))
    text = str(refused.value)
    for setting in ("cohort.qualifying_events", "label.qualifying_events"):
        assert f"events.event_type: {setting} names 'sesion', which no row has; did you mean 'session'?" in text
    assert "features.event_types names 'shares', which no row has; did you mean 'share'?" in text
    assert "there are session, share" in text


class TestCompletion:
    def complete(self, *as_of: str, most: int = 12, **options):
        inputs = make_inputs({"events": MANY}, ["engagement"], *as_of, value_types=None, **options)
        settings = inputs.settings.model_copy(update={"max_event_types": most})
        return complete_settings(replace(inputs, settings=settings))

    def test_types_known_on_the_first_date_are_found_sorted_by_name(self, engine):
        assert self.complete(DAY, "2024-06-01").event_types == ["a", "b", "c"]
        assert self.complete("2024-06-01").event_types == ["a", "b", "c", "late", "new"]

    def test_the_most_frequent_win_and_ties_go_by_name(self, engine):
        assert self.complete(DAY, most=2).event_types == ["a", "b"]

    def test_types_with_values_are_found_among_them(self, engine):
        assert self.complete(DAY).value_types == ["b"]
        assert self.complete("2024-06-01").value_types == ["b", "late"]
        assert self.complete(DAY, event_types=["a", "c"]).value_types == []

    def test_what_was_listed_stays_as_it_is(self, engine):
        settings = make_inputs({"events": MANY}, ["engagement"], DAY, event_types=["z"], value_types=["z"])
        assert complete_settings(settings) == settings.settings

    def test_without_events_there_is_nothing_to_find(self, engine):
        inputs = make_inputs({"customers": CUSTOMERS}, ["profile"], DAY)
        assert complete_settings(inputs) == inputs.settings

    def test_no_known_event_is_refused(self, engine):
        with pytest.raises(DataRefused) as refused:
            self.complete("2024-01-01")
        assert (refused.value.code, refused.value.table) == ("no_event_types", "events")

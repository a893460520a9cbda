from __future__ import annotations

import pytest

from churn.core.errors import DataRefused
from churn.core.problem import CohortSettings, FeatureSettings, LabelSettings, Problem
from churn.features.fact_kinds import refuse_absent_kinds
from tests.builders import make_windows, staged_table

EVENTS = staged_table(
    "events", "customer_id | occurred_at | event_type\nA | 2024-01-01 | session\nA | 2024-01-02 | share"
)


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

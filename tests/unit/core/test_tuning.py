from __future__ import annotations

import pytest
from pydantic import ValidationError

from churn.core.tuning import ParameterSettings, TuningSettings

SPACE = {"C": {"kind": "float", "low": 0.1, "high": 1.0}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "int", "low": 5}, "needs 'low' below 'high'"),
        ({"kind": "float", "low": 5.0, "high": 5.0}, "needs 'low' below 'high'"),
        ({"kind": "float", "low": 0.0, "high": 5.0, "log": True}, "needs 'low' above zero"),
        ({"kind": "choice", "choices": [1]}, "at least two"),
    ],
)
def test_a_range_that_is_none_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ParameterSettings.model_validate(values)


def test_says_whether_it_holds_a_value() -> None:
    leaves = ParameterSettings(kind="int", low=4, high=64)
    assert [leaves.holds(value) for value in (4, 64, 3, None, "8", True)] == [True, True, False, False, False, False]
    choice = ParameterSettings(kind="choice", choices=["a", None])
    assert [choice.holds(value) for value in ("a", None, "b")] == [True, True, False]


@pytest.mark.parametrize(("metric", "direction"), [("log_loss", "minimize"), ("auc", "maximize")])
def test_the_metric_says_which_way_is_better(metric: str, direction: str) -> None:
    tuning = TuningSettings(metric=metric, trials=5, random_trials=2, prune_after_trials=2, seed=0, space=SPACE)
    assert tuning.direction == direction

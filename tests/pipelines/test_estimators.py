from __future__ import annotations

import pytest

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from pipelines.composition import compose
from pipelines.estimators import build_candidates


def _problems(*words: str) -> tuple[str, ...]:
    with pytest.raises(ConfigRefused) as refused:
        build_candidates(compose("train", ChurnSettings, words))
    return refused.value.problems


def test_model_and_baseline_are_made_as_their_groups_say() -> None:
    model, baseline = build_candidates(compose("train", ChurnSettings, ["model.estimator.one.num_leaves=5"]))
    assert (model.name, model.estimator.one.num_leaves) == ("blend", 5)
    assert (baseline.name, baseline.encoding) == ("logistic", "linear")
    assert not hasattr(model.estimator, "share_")


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("model.estimator.one.learning_rate=-1", "model.estimator.one: Check failed: (learning_rate) > (0.0)"),
        ("model.estimator.one.n_estimators=0", "model.estimator.one: Number of boosting rounds must be greater than 0"),
        ("model.estimator.causes.trees.subsample=5", "model.estimator.causes.trees: Check failed: (bagging_fraction)"),
    ],
)
def test_values_that_lightgbm_does_not_take_are_refused_before_data_are_read(word: str, problem: str) -> None:
    assert _problems(word)[0].startswith(problem)


def test_lightgbm_adds_no_line_of_its_own_to_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    _problems("model.estimator.one.learning_rate=-1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "word", ["objective=regression", "application=poisson", "objective=cross_entropy_lambda", "sigmoid=2.0"]
)
def test_an_objective_whose_scores_are_not_log_odds_is_refused(word: str) -> None:
    (problem,) = _problems(f"model.estimator.one.{word}")
    assert problem.startswith("model.estimator.one: its scores are not log-odds (objective=")


def test_a_regressor_is_refused() -> None:
    words = ("model=logistic", "~model.estimator.C", "~model.estimator.max_iter")
    assert _problems(*words, "model.estimator._target_=sklearn.linear_model.Ridge") == (
        "Ridge is no classifier: choose another _target_ of the estimator",
    )


@pytest.mark.parametrize(
    "word",
    [
        "model.estimator.one.lambda_l1=1.0", "model.estimator.one.boosting=dart",
        "model.estimator.one.objective=cross_entropy", "model.estimator.one.scale_pos_weight=9",
    ],
)  # fmt: skip
def test_lightgbms_own_names_and_values_are_known(word: str) -> None:
    build_candidates(compose("train", ChurnSettings, [word]))


def test_parameters_nobody_knows_are_named_all_at_once_with_the_nearest() -> None:
    assert _problems(
        "model.estimator.one.num_leavs=5", "baseline.estimator.max_itr=5", "model.estimator.one.zzz=1"
    ) == (
        "model.estimator.one.num_leavs: not a parameter of lightgbm.LGBMClassifier; did you mean 'num_leaves'?",
        "model.estimator.one.zzz: not a parameter of lightgbm.LGBMClassifier",
        "baseline.estimator.max_itr: not a parameter of sklearn.linear_model.LogisticRegression; "
        "did you mean 'max_iter'?",
    )


def test_values_the_class_does_not_take_are_refused() -> None:
    (problem,) = _problems("model=logistic", "model.estimator.C=-1")
    assert problem.startswith("model.estimator: The 'C' parameter of LogisticRegression must be a float in the range")


@pytest.mark.parametrize("target", ["lightgbm.LGBMClassifer", "nowhere.Model", "sklearn.linear_model"])
def test_a_class_that_is_not_there_is_named(target: str) -> None:
    (problem,) = _problems(f"model.estimator._target_={target}")
    assert problem.startswith(f"model.estimator._target_: no class '{target}'")

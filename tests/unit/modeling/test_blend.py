from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, early_stopping
from scipy.stats import spearmanr

from churn.explanation.contributions import explain_rows
from churn.integrations.bundles import read_bundle, write_bundle
from churn.modeling.blend import Blend, best_share
from churn.modeling.bundle import Bundle
from churn.modeling.competing import CompetingCauses
from churn.modeling.fit import Candidate, fit_bundle
from churn.modeling.stopping import MODEST_TREES, choose_tree_count
from tests.unit.modeling.toys import CATALOG, PROBLEM, make_fold, make_matrix

INPUTS = 6
GROUPS = {f"cause_{n}": [n] for n in range(INPUTS)}


def _trees(rounds: int) -> LGBMClassifier:
    return LGBMClassifier(
        n_estimators=rounds, learning_rate=0.1, max_depth=3, num_leaves=8, n_jobs=1, verbose=-1, random_state=0
    )


def _blend(share: float = 0.5, rounds: int = 60, **more: object) -> Blend:
    return Blend(_trees(rounds), CompetingCauses(_trees(rounds)), share, **more)  # type: ignore[arg-type]


def _rows(adds_up: bool, rows: int = 6_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs whose hazards add up, or of which only the product of the first two tells anything."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(rows, INPUTS)).astype(np.float32)
    together = np.exp(1.5 * np.sign(inputs[:, 0] * inputs[:, 1]))
    hazard = 0.02 * (np.exp(1.5 * inputs).sum(axis=1) if adds_up else together)
    return inputs, (generator.random(rows) < 1 - np.exp(-hazard)).astype(int)


def _watched(adds_up: bool) -> Blend:
    later, left = _rows(adds_up, 30_000, seed=1)
    watching = {"eval_X": later, "eval_y": left, "callbacks": [early_stopping(20, verbose=False)]}
    return _blend(groups=GROUPS, rounds=200).fit(*_rows(adds_up), eval_metric="binary_logloss", **watching)


def test_later_rows_say_what_the_causes_count_for() -> None:
    adds_up, together = _watched(adds_up=True).found_, _watched(adds_up=False).found_
    assert adds_up["share_of_causes"] >= 0.5 and adds_up["gain"] > 2 * adds_up["gain_error"] > 0
    assert together["share_of_causes"] == 0 and together["gain"] <= 2 * together["gain_error"]


def test_a_gain_within_noise_is_none_and_boldness_does_not_decide() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=20_000)
    left = generator.random(20_000) < 1 / (1 + np.exp(2 - truth))
    noisy, weight = truth + generator.normal(size=20_000), np.ones(20_000)
    assert best_share(truth, truth, left, weight).share == 0
    assert best_share(noisy, 3 * truth, left, weight).share == 1.0
    assert best_share(3 * truth, noisy, left, weight).share == 0
    other = truth + 0.3 * generator.normal(size=20_000)
    handfuls = [slice(start, start + 400) for start in range(0, 20_000, 400)]
    chosen = [best_share(truth[few], other[few], left[few], weight[few]).share for few in handfuls]
    assert np.mean(np.array(chosen) == 0) > 0.7


def test_the_score_is_the_mean_of_both_by_their_shares() -> None:
    inputs, churned = _rows(True)
    one = _trees(60).fit(inputs, churned).predict(inputs, raw_score=True)
    causes = CompetingCauses(_trees(60), GROUPS).fit(inputs, churned).decision_function(inputs)
    blended = _blend(0.25, groups=GROUPS).fit(inputs, churned)
    assert blended.decision_function(inputs) == pytest.approx(0.75 * one + 0.25 * causes, abs=1e-9)


@pytest.mark.parametrize(("share", "absent"), [(0.0, "causes_"), (1.0, "one_")])
def test_what_counts_for_nothing_is_not_fitted(share: float, absent: str) -> None:
    model = _blend(share, 10, groups=GROUPS).fit(*_rows(True, 500))
    assert getattr(model, absent) is None
    assert np.isfinite(model.predict_proba(_rows(True, 500)[0])).all()


def test_with_one_cause_nothing_competes() -> None:
    rows = _rows(True, 2_000)
    watching = {"eval_X": rows[0], "eval_y": rows[1], "callbacks": [early_stopping(20, verbose=False)]}
    for more in ({}, watching):
        model = _blend(1.0, 10, groups={"journey_stage": [0, 1]}).fit(*rows, **more)
        assert (model.share_, model.causes_) == (0.0, None)


class TestMakeup:
    """What the causes count for and why, in one sentence."""

    def _of(self, share: float, groups: dict[str, list[int]] = GROUPS, **more: object) -> str:
        return _blend(share, 5, groups=groups, **more).fit(*_rows(True, 500)).makeup()

    def test_says_the_share_and_what_it_gained(self) -> None:
        assert self._of(0.25, gain=0.00213, gain_error=0.0004) == (
            "Competing causes count for 25% of the score, one ensemble for 75%: against one ensemble alone this "
            "lowered the log loss of held-back rows by 0.00213 (standard error 0.00040)."
        )

    def test_says_that_the_gain_of_none_is_within_noise(self) -> None:
        assert self._of(0.0, gain=0.0001, gain_error=0.0004).endswith(
            "even the best share lowered the log loss of held-back rows by 0.00010 (standard error 0.00040), which is "
            "within noise."
        )

    def test_says_that_no_share_was_better(self) -> None:
        assert self._of(0.0, gain=0.0, gain_error=0.0).endswith(
            "any share of the causes raised the log loss of held-back rows."
        )

    def test_says_that_nobody_looked(self) -> None:
        assert "count for 50% of the score, one ensemble for 50%, as set beforehand" in self._of(0.5)

    def test_says_that_nothing_competes(self) -> None:
        assert self._of(0.5, groups={"pricing": [0, 1]}).startswith("One ensemble alone: all features speak of one")


def test_both_parts_keep_to_the_directions_they_are_given() -> None:
    inputs, churned = _rows(True)
    model = _blend(groups=GROUPS, monotone_constraints=[-1, *[0] * (INPUTS - 1)]).fit(inputs, churned)
    rising = np.zeros((50, INPUTS), dtype=np.float32)
    rising[:, 0] = np.linspace(-3, 3, 50)
    assert (np.diff(model.decision_function(rising)) <= 1e-12).all()


def test_a_weight_counts_as_so_many_rows() -> None:
    inputs, churned = _rows(True, 4_000)
    drawn = (churned == 1) | (np.arange(len(churned)) % 2 == 0)
    weight = np.where(churned == 1, 1.0, 2.0)[drawn]
    whole = _blend(groups=GROUPS).fit(inputs, churned).decision_function(inputs)
    sampled = _blend(groups=GROUPS).fit(inputs[drawn], churned[drawn], sample_weight=weight).decision_function(inputs)
    assert spearmanr(whole, sampled).statistic > 0.9
    assert np.average(1 / (1 + np.exp(-sampled))) == pytest.approx(churned.mean(), rel=0.1)


def _candidate() -> Candidate:
    return Candidate("blend", "trees", _blend(rounds=300), stopping_rounds=20, monotone=True)


@pytest.fixture(scope="module")
def matrix() -> pd.DataFrame:
    return make_matrix(1_500)


@pytest.fixture(scope="module")
def bundle(matrix: pd.DataFrame) -> Bundle:
    return fit_bundle(matrix, make_fold(matrix), _candidate(), CATALOG, "sigmoid", PROBLEM)


class TestInABundle:
    def test_numbers_of_trees_and_the_share_are_those_that_held_back_rows_ask_for(self, bundle: Bundle) -> None:
        model = bundle.pipeline["model"]
        assert 30 <= model.one.n_estimators < 300
        assert 30 <= model.causes.trees.n_estimators < 300
        assert model.share_of_causes == model.share_
        assert model.gain >= 0 and "held-back rows" in bundle.makeup()

    def test_with_few_leavers_both_have_a_modest_number_and_the_share_stays(self, bundle: Bundle) -> None:
        few = make_matrix(20)
        chosen = choose_tree_count(bundle.pipeline, few, few["churned"].to_numpy(), patience=10)
        assert chosen == {"one__n_estimators": MODEST_TREES, "causes__trees__n_estimators": MODEST_TREES}

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    def test_contributions_add_up_to_every_score(self, matrix: pd.DataFrame, share: float) -> None:
        candidate = Candidate("blend", "trees", _blend(share, 30))
        fitted = fit_bundle(matrix, make_fold(matrix), candidate, CATALOG, "none", PROBLEM)
        explained = explain_rows(fitted, matrix[make_fold(matrix).test])
        assert explained.values.sum(axis=1) + explained.base == pytest.approx(explained.raw_score, abs=1e-9)

    def test_fitted_again_has_the_same_bytes_and_comes_back_from_disk_with_the_same_scores(
        self, bundle: Bundle, matrix: pd.DataFrame, tmp_path: Path
    ) -> None:
        again = fit_bundle(matrix, make_fold(matrix), _candidate(), CATALOG, "sigmoid", PROBLEM)
        first, second = write_bundle(bundle, tmp_path / "a"), write_bundle(again, tmp_path / "b")
        assert first == second
        read = read_bundle(tmp_path / "a", first)
        assert (read.raw_score(matrix) == bundle.raw_score(matrix)).all()
        assert read.makeup() == bundle.makeup()

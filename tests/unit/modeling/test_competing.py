from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier, early_stopping
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from churn.core.contract import CAUSES
from churn.explanation.competing import explain_causes
from churn.explanation.contributions import explain_rows
from churn.features.catalog import Catalog
from churn.integrations.bundles import read_bundle, write_bundle
from churn.modeling.bundle import Bundle
from churn.modeling.competing import CompetingCauses, group_by_cause
from churn.modeling.fit import Candidate, fit_bundle
from churn.modeling.hazard import INVOLUNTARY, LEAST_OF_A_KIND
from churn.modeling.kinds import BY_WILL, NAMED
from tests.unit.modeling.toys import CATALOG, PROBLEM, make_feature, make_fold, make_matrix

GROUPS = {"pricing": [0, 2], "poor_support": [1, 2]}


def _trees(rounds: int = 120) -> LGBMClassifier:
    return LGBMClassifier(
        n_estimators=rounds, learning_rate=0.1, max_depth=3, num_leaves=8, n_jobs=1, verbose=-1, random_state=0
    )


def _company(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two causes whose hazards add up: inputs, outcomes, true hazards (rows, 2), true chances."""
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(rows, 3)).astype(np.float32)
    hazards = 0.02 * np.exp(1.5 * inputs[:, :2])
    chance = 1 - np.exp(-hazards.sum(axis=1))
    return inputs, (generator.random(rows) < chance).astype(int), hazards, chance


def test_each_cause_has_its_own_features_and_those_that_all_share() -> None:
    own = [make_feature("tickets", "poor_support"), make_feature("price", "pricing")]
    shared = [make_feature("tenure", "journey_stage"), make_feature("plan", "pricing", kind="category")]
    catalog = Catalog([*own, *shared])
    assert group_by_cause(catalog, 6) == {
        "poor_support": [0, 2, 3, 4, 5], "pricing": [1, 2, 3, 4, 5], "journey_stage": [2, 3, 4, 5],
    }  # fmt: skip


def test_without_causes_all_inputs_are_shared() -> None:
    assert group_by_cause(Catalog([make_feature("a", "unexplained"), make_feature("b", "unexplained")]), 2) == {
        "journey_stage": [0, 1]
    }


def test_a_cause_whose_inputs_never_vary_has_no_hazard() -> None:
    inputs, churned, _, _ = _company(3_000)
    inputs[:, 1] = 7.0
    model = CompetingCauses(_trees(20), {"pricing": [0, 2], "poor_support": [1]}).fit(inputs, churned)
    assert list(model.groups_) == ["pricing"]
    values, base = explain_causes(model, inputs)
    np.testing.assert_allclose(values.sum(axis=1) + base, model.decision_function(inputs), atol=1e-6)


def test_where_nothing_varies_everybody_has_the_base_rate() -> None:
    inputs, churned, _, _ = _company(3_000)
    model = CompetingCauses(_trees(20), GROUPS).fit(np.zeros_like(inputs), churned)
    values, base = explain_causes(model, inputs)
    assert not values.any()
    np.testing.assert_allclose(model.decision_function(inputs), base)
    np.testing.assert_allclose(model.predict_proba(inputs)[:, 1], churned.mean(), atol=1e-6)


def test_finds_out_of_outcomes_alone_which_cause_a_hazard_is_of() -> None:
    inputs, churned, _, _ = _company(30_000)
    model = CompetingCauses(_trees(), GROUPS).fit(inputs, churned)
    later, _, true_hazards, true_chance = _company(10_000, seed=1)
    found = np.exp(model.margins(later))
    for cause in (0, 1):
        assert spearmanr(found[:, cause], true_hazards[:, cause]).statistic > 0.9
    assert (found.argmax(axis=1) == true_hazards.argmax(axis=1)).mean() > 0.9
    probability = model.predict_proba(later)[:, 1]
    assert probability.mean() == pytest.approx(true_chance.mean(), rel=0.1)
    assert spearmanr(probability, true_chance).statistic > 0.95


def test_adds_what_one_ensemble_of_as_many_trees_has_to_find_out() -> None:
    inputs, churned, _, _ = _company(8_000)
    later, _, _, chance = _company(10_000, seed=1)
    together = CompetingCauses(_trees(60), GROUPS).fit(inputs, churned).decision_function(later)
    alone = _trees(120).fit(inputs, churned).predict(later, raw_score=True)
    assert spearmanr(together, chance).statistic > spearmanr(alone, chance).statistic


def _kinds(churned: np.ndarray, hazards: np.ndarray) -> np.ndarray:
    """The second cause of `_company` is a failed payment, and every leaver's kind is known."""
    unpaid = np.random.default_rng(2).random(len(churned)) < hazards[:, 1] / hazards.sum(axis=1)
    return churned * np.where(unpaid, INVOLUNTARY, BY_WILL)


def test_leavers_of_known_kind_are_not_shared_out_to_causes_that_they_cannot_have() -> None:
    inputs, churned, hazards, _ = _company(8_000)
    later, _, true_hazards, chance = _company(10_000, seed=1)
    # all inputs to both: nothing but the kind tells the causes apart
    groups = {"pricing": [0, 1, 2], "payment_failure": [0, 1, 2]}
    told = CompetingCauses(_trees(60), groups).fit(inputs, _kinds(churned, hazards))
    untold = CompetingCauses(_trees(60), groups).fit(inputs, churned)
    found = told.margins(later)
    assert spearmanr(found[:, 1] - found[:, 0], true_hazards[:, 1] / true_hazards[:, 0]).statistic > 0.9
    by_chance = untold.margins(later)
    assert spearmanr(by_chance[:, 1] - by_chance[:, 0], true_hazards[:, 1] / true_hazards[:, 0]).statistic < 0.5
    assert told.predict_proba(later)[:, 1].mean() == pytest.approx(chance.mean(), rel=0.1)


def test_leavers_of_unknown_kind_count_beside_those_of_known_kind() -> None:
    inputs, churned, hazards, chance = _company(8_000)
    kinds = np.where(np.arange(len(churned)) % 2, _kinds(churned, hazards), churned)
    model = CompetingCauses(_trees(60), {"pricing": [0, 2], "payment_failure": [1, 2]}).fit(inputs, kinds)
    assert model.predict_proba(inputs)[:, 1].mean() == pytest.approx(chance.mean(), rel=0.1)


def _named(churned: np.ndarray, hazards: np.ndarray, lies: float) -> np.ndarray:
    """Two leavers in five name the first or second cause of `_company`, some of them the wrong one."""
    generator = np.random.default_rng(2)
    is_second = generator.random(len(churned)) < hazards[:, 1] / hazards.sum(axis=1)
    is_second ^= generator.random(len(churned)) < lies
    named = NAMED + np.where(is_second, CAUSES.index("poor_support"), CAUSES.index("pricing"))
    return churned * np.where(generator.random(len(churned)) < 0.4, named, BY_WILL)


def test_what_some_leavers_named_tells_causes_apart_though_not_all_name_the_right_one() -> None:
    inputs, churned, hazards, _ = _company(8_000)
    later, _, true_hazards, chance = _company(10_000, seed=1)
    groups = {"pricing": [0, 1, 2], "poor_support": [0, 1, 2]}  # nothing but what was named tells them apart
    kinds = _named(churned, hazards, lies=0.1)
    found = CompetingCauses(_trees(60), groups).fit(inputs, kinds)
    margins = found.margins(later)
    assert spearmanr(margins[:, 1] - margins[:, 0], true_hazards[:, 1] / true_hazards[:, 0]).statistic > 0.85
    assert found.predict_proba(later)[:, 1].mean() == pytest.approx(chance.mean(), rel=0.1)


def test_what_leavers_named_makes_the_ranking_better_where_causes_share_inputs() -> None:
    groups = {"pricing": [0, 1, 2], "poor_support": [1, 2]}
    later, _, _, chance = _company(10_000, seed=99)
    gains = []
    for seed in range(3):
        inputs, churned, hazards, _ = _company(4_000, seed)
        told, untold = (
            CompetingCauses(_trees(40), groups).fit(inputs, kinds).decision_function(later)
            for kinds in (_named(churned, hazards, lies=0.1), churned)
        )
        gains.append(spearmanr(told, chance).statistic - spearmanr(untold, chance).statistic)
    assert np.mean(gains) > 0


def _with_contracts(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`_company`, but the third input, a contract that runs on, holds back whoever would leave for either cause."""
    inputs, _, hazards, _ = _company(rows, seed)
    chance = 1 - np.exp(-(hazards * np.exp(1.5 * inputs[:, [2]])).sum(axis=1))
    return inputs, (np.random.default_rng(seed).random(rows) < chance).astype(int), chance


def test_what_all_share_scales_every_cause_by_will_alike() -> None:
    inputs, churned, _ = _with_contracts(20_000, seed=0)
    groups = {"pricing": [0], "poor_support": [1], "journey_stage": [2]}
    model = CompetingCauses(_trees(60), groups, scaling=True).fit(inputs, churned)
    contracts = np.zeros((2, 3), dtype=np.float32)
    contracts[:, 2] = (-1, 1)
    held_back, let_go = model.margins(contracts)[:, :2]
    assert (let_go - held_back).tolist() == pytest.approx([3.0, 3.0], abs=0.5)


@pytest.mark.parametrize("own", [[0], [0, 2]])
def test_rows_that_are_watched_decide_whether_what_all_share_scales_all(own: list[int]) -> None:
    inputs, churned, _ = _with_contracts(6_000, seed=0)
    later, left, _ = _with_contracts(6_000, seed=1)
    groups = {"pricing": own, "poor_support": [1, *own[1:]], "journey_stage": [2]}
    model = CompetingCauses(_trees(300), groups)
    model.fit(inputs, churned, eval_X=later, eval_y=left, callbacks=[early_stopping(30, verbose=False)])
    sees_the_contract_by_itself = len(own) > 1
    assert model.found_ == {"scaling": not sees_the_contract_by_itself}
    assert len(model.boosters_) == len(model.groups_) + model.found_["scaling"]


def test_what_holds_back_the_will_to_leave_does_not_hold_back_a_failed_payment() -> None:
    inputs, churned, _ = _with_contracts(3_000, seed=0)
    kinds = np.where(np.arange(len(churned)) % 2, BY_WILL, INVOLUNTARY) * churned
    groups = {"payment_failure": [1], "pricing": [0], "journey_stage": [2]}
    model = CompetingCauses(_trees(40), groups, scaling=True).fit(inputs, kinds)
    contracts = np.zeros((2, 3), dtype=np.float32)
    contracts[:, 2] = (-1, 1)
    unpaid, priced, _ = (model.margins(contracts)[1] - model.margins(contracts)[0]).tolist()
    assert unpaid == 0 < priced
    values, base = explain_causes(model, inputs)
    np.testing.assert_allclose(values.sum(axis=1) + base, model.decision_function(inputs), atol=1e-6)


@pytest.mark.parametrize("groups", [GROUPS, {"pricing": [0, 2], "payment_failure": [1, 2]}])
def test_kinds_count_for_nothing_without_their_cause_or_with_few_of_them(groups: dict[str, list[int]]) -> None:
    inputs, churned, _, _ = _company(2_000)
    kinds = churned * BY_WILL
    kinds[np.flatnonzero(churned)[: LEAST_OF_A_KIND - 1]] = INVOLUNTARY
    told, untold = (CompetingCauses(_trees(20), groups).fit(inputs, outcome) for outcome in (kinds, churned))
    assert (told.decision_function(inputs) == untold.decision_function(inputs)).all()


def test_a_weight_counts_as_so_many_rows() -> None:
    inputs, churned, _, _ = _company(4_000)
    twice = CompetingCauses(_trees(20), GROUPS).fit(np.vstack([inputs, inputs]), np.tile(churned, 2))
    weighted = CompetingCauses(_trees(20).set_params(min_child_samples=10), GROUPS)
    weighted.fit(inputs, churned, sample_weight=np.full(len(churned), 2.0))
    assert np.corrcoef(twice.decision_function(inputs), weighted.decision_function(inputs))[0, 1] > 0.99
    assert weighted.predict_proba(inputs)[:, 1].mean() == pytest.approx(churned.mean(), rel=0.05)


def test_keeps_to_the_directions_it_is_given() -> None:
    inputs, churned, _, _ = _company(4_000)
    model = CompetingCauses(_trees(40), GROUPS, monotone_constraints=[-1, 0, 0]).fit(inputs, churned)
    rising = np.zeros((50, 3), dtype=np.float32)
    rising[:, 0] = np.linspace(-3, 3, 50)
    assert (np.diff(model.decision_function(rising)) <= 1e-12).all()


def test_growing_stops_when_later_rows_no_longer_improve() -> None:
    inputs, churned, _, _ = _company(3_000)
    later, left, _, _ = _company(3_000, seed=1)
    model = CompetingCauses(_trees(2_000), GROUPS)
    model.fit(inputs, churned, eval_X=later, eval_y=left, callbacks=[early_stopping(30, verbose=False)])
    assert 10 <= model.best_iteration_ < 400
    assert {booster.num_trees() for booster in model.boosters_} == {model.best_iteration_}


def _fitted() -> Bundle:
    candidate = Candidate("competing_causes", "trees", CompetingCauses(_trees(40)), monotone=True)
    matrix = make_matrix()
    return fit_bundle(matrix, make_fold(matrix), candidate, CATALOG, "sigmoid", PROBLEM)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return _fitted()


class TestInABundle:
    def test_learns_and_explains_every_score(self, bundle: Bundle) -> None:
        rows = make_matrix()[make_fold(make_matrix()).test]
        explained = explain_rows(bundle, rows)
        assert roc_auc_score(rows["churned"], explained.raw_score) > 0.7
        assert explained.values.sum(axis=1) + explained.base == pytest.approx(explained.raw_score, abs=1e-9)

    def test_a_feature_of_a_cause_that_is_far_from_acting_counts_for_little(self) -> None:
        inputs, churned, _, _ = _company(30_000)
        model = CompetingCauses(_trees(), GROUPS).fit(inputs, churned)
        pressed = np.array([[2.0, 0.5, 0.0], [-2.0, 0.5, 0.0]], dtype=np.float32)
        values, _ = explain_causes(model, pressed)
        assert abs(values[0, 1]) < abs(values[1, 1])

    def test_fitted_again_has_the_same_bytes_and_comes_back_from_disk_with_the_same_scores(
        self, bundle: Bundle, tmp_path: Path
    ) -> None:
        first, second = write_bundle(bundle, tmp_path / "a"), write_bundle(_fitted(), tmp_path / "b")
        assert first == second
        rows = make_matrix()
        again = read_bundle(tmp_path / "a", first)
        assert (again.raw_score(rows) == bundle.raw_score(rows)).all()
        assert (
            json.loads((tmp_path / "a" / "bundle.json").read_text(encoding="utf-8"))["model_name"] == "competing_causes"
        )

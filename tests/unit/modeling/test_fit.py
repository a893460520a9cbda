from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from churn.core.errors import DataRefused
from churn.core.source import InputSettings, SourceSettings
from churn.features.catalog import Catalog
from churn.modeling.calibration import fit_calibrator
from churn.modeling.fit import Candidate, describe_typical, fit_bundle, recency_rule, require_outcomes
from churn.snapshots.splits import Fold
from tests.unit.modeling.toys import (
    CATALOG,
    DATES,
    PROBLEM,
    fitted,
    make_candidate,
    make_feature,
    make_fold,
    make_matrix,
)

SOURCE = SourceSettings(
    name="toy", inputs={"raw": InputSettings(path="x.csv")}, tables={"customers": "SELECT 1", "events": "SELECT 1"}
)


class TestFitBundle:
    def test_orders_numbers_before_categories(self) -> None:
        assert fitted("trees").catalog.names == [
            "eng_activity_recency_days", "eng_sessions_count_30d", "tickets_open", "sub_mrr_sum", "never_filled",
            "plan", "country",
        ]  # fmt: skip

    def test_remembers_what_it_learned_from(self) -> None:
        bundle, matrix = fitted("trees"), make_matrix()
        seen = matrix[matrix["as_of_date"] <= DATES[3]]
        assert bundle.last_fit_date == "2024-04-01"
        assert bundle.base_rate == pytest.approx(seen["churned"].mean())
        assert bundle.problem == PROBLEM

    def test_test_rows_leave_no_trace(self) -> None:
        matrix = make_matrix()
        fold = make_fold(matrix)
        poisoned = matrix.copy()
        poisoned.loc[fold.test, "churned"] = 1 - poisoned.loc[fold.test, "churned"]
        poisoned.loc[fold.test, ["sub_mrr_sum", "tickets_open"]] = 1e6
        poisoned.loc[fold.test, "plan"] = "a plan of the future"
        for encoding in ("trees", "linear"):
            again = fit_bundle(poisoned, fold, make_candidate(encoding), CATALOG, "sigmoid", PROBLEM)
            former = fitted(encoding)
            rows = matrix[fold.fit]
            assert (again.raw_score(rows) == former.raw_score(rows)).all()
            assert again.calibrator == former.calibrator
            assert again.typical == former.typical

    def test_the_correction_is_what_a_model_earned_that_had_not_seen_the_rows(self) -> None:
        matrix = make_matrix()
        fold = make_fold(matrix)
        unseen = np.zeros(len(matrix), dtype=bool)
        earlier = fit_bundle(matrix, replace(fold, calibrate=unseen), make_candidate("trees"), CATALOG, "none", PROBLEM)
        later = matrix[fold.calibrate]
        earned = fit_calibrator("sigmoid", earlier.raw_score(later), later["churned"].to_numpy())
        assert replace(fitted("trees").calibrator, shift=0.0) == earned

    def test_a_model_whose_scores_do_not_rise_with_the_outcome_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        matrix = make_matrix()
        fold, candidate = make_fold(matrix), make_candidate("trees")
        matrix.loc[fold.calibrate, "churned"] = 1 - matrix.loc[fold.calibrate, "churned"]
        fit_bundle(matrix, fold, candidate, CATALOG, "sigmoid", PROBLEM)
        assert f"{candidate.name}: scores do not rise with the outcome" in caplog.text

    @pytest.mark.parametrize(("least", "share"), [(None, 0.1), (3, 3 / 7), (99, 1.0)])
    def test_every_tree_sees_the_least_number_of_columns(self, least: int | None, share: float) -> None:
        matrix, candidate = make_matrix(), make_candidate("trees")
        narrow = replace(candidate, estimator=clone(candidate.estimator).set_params(colsample_bytree=0.1))
        bundle = fit_bundle(matrix, make_fold(matrix), replace(narrow, least_columns=least), CATALOG, "none", PROBLEM)
        assert len(CATALOG.names) == 7
        assert bundle.pipeline["model"].colsample_bytree == share

    def test_the_mean_of_the_calibration_rows_is_their_rate(self) -> None:
        matrix, bundle = make_matrix(), fitted("trees")
        later = matrix[make_fold(matrix).calibrate]
        assert bundle.probability(bundle.raw_score(later)).mean() == pytest.approx(later["churned"].mean(), abs=1e-9)

    def test_what_is_published_has_seen_every_row_known_before_the_test_dates(self) -> None:
        matrix = make_matrix()
        fold = make_fold(matrix)
        known = replace(fold, fit=fold.fit | fold.calibrate, calibrate=np.zeros(len(matrix), dtype=bool))
        whole = fit_bundle(matrix, known, make_candidate("trees"), CATALOG, "none", PROBLEM)
        assert (fitted("trees").raw_score(matrix) == whole.raw_score(matrix)).all()

    def test_does_not_fit_the_candidate_it_was_given(self) -> None:
        matrix, candidate = make_matrix(), make_candidate("linear")
        fit_bundle(matrix, make_fold(matrix), candidate, CATALOG, "none", PROBLEM)
        assert not hasattr(candidate.estimator, "coef_")

    def test_is_the_same_again(self) -> None:
        matrix = make_matrix()
        again = fit_bundle(matrix, make_fold(matrix), make_candidate("trees"), CATALOG, "sigmoid", PROBLEM)
        assert (again.raw_score(matrix) == fitted("trees").raw_score(matrix)).all()

    @pytest.mark.parametrize("encoding", ["trees", "linear"])
    def test_learns_what_there_is_to_learn(self, encoding: str) -> None:
        from sklearn.metrics import roc_auc_score

        matrix = make_matrix()
        test = matrix[make_fold(matrix).test]
        bundle = fitted(encoding)  # type: ignore[arg-type]
        assert roc_auc_score(test["churned"], bundle.raw_score(test)) > 0.7
        probability = bundle.probability(bundle.raw_score(test))
        assert probability.mean() == pytest.approx(test["churned"].mean(), abs=0.05)


class TestTypical:
    def test_is_the_median_and_the_most_frequent_value(self) -> None:
        typical = fitted("trees").typical
        assert typical["plan"] == "basic"
        seen = make_matrix()[lambda m: m["as_of_date"] <= DATES[3]]
        assert typical["sub_mrr_sum"] == seen["sub_mrr_sum"].median()

    def test_says_nothing_of_a_column_that_is_always_empty(self) -> None:
        assert "never_filled" not in fitted("trees").typical

    def test_is_plain_enough_for_json(self) -> None:
        typical = describe_typical(make_matrix(), CATALOG)
        assert json.loads(json.dumps(typical)) == typical


class TestRecencyRule:
    def test_uses_one_column_and_nothing_else(self) -> None:
        rule = recency_rule(CATALOG, SOURCE)
        assert (rule.name, rule.columns) == ("recency", ("eng_activity_recency_days",))
        bundle = fit_bundle(make_matrix(), make_fold(make_matrix()), rule, CATALOG, "none", PROBLEM)
        assert bundle.catalog.names == ["eng_activity_recency_days"]

    def test_ranks_as_the_column_does(self) -> None:
        matrix = make_matrix()
        bundle = fit_bundle(matrix, make_fold(matrix), recency_rule(CATALOG, SOURCE), CATALOG, "none", PROBLEM)
        order = np.argsort(matrix["eng_activity_recency_days"])
        assert (np.diff(bundle.raw_score(matrix)[order]) >= 0).all()

    def test_takes_the_next_best_where_there_are_no_events(self) -> None:
        catalog = Catalog([make_feature("prof_age_days"), make_feature("sub_terms_age_days")])
        assert recency_rule(catalog, SOURCE).columns == ("sub_terms_age_days",)

    def test_takes_the_column_the_source_names(self) -> None:
        source = SOURCE.model_copy(update={"recency_column": "tickets_open"})
        assert recency_rule(CATALOG, source).columns == ("tickets_open",)

    def test_without_any_says_which_were_looked_for_and_what_to_do(self) -> None:
        with pytest.raises(DataRefused, match=r"looked for eng_activity_recency_days.*recency_column") as refused:
            recency_rule(Catalog([make_feature("tickets_open")]), SOURCE)
        assert refused.value.code == "no_recency"


class TestRequiredOutcomes:
    @staticmethod
    def _matrix(churned: list[int]) -> tuple[pd.DataFrame, list[Fold]]:
        matrix = pd.DataFrame({"churned": churned})
        every = np.ones(len(churned), dtype=bool)
        return matrix, [Fold("temporal", every, every, every)]

    def test_enough_of_both_is_fine(self) -> None:
        require_outcomes(*self._matrix([1] * 50 + [0] * 50), 50)

    @pytest.mark.parametrize("churned", [[0] * 60, [1] * 60, [1] * 49 + [0] * 60], ids=["none", "all", "too few"])
    def test_one_class_or_too_few_leavers_is_refused_with_counts(self, churned: list[int]) -> None:
        with pytest.raises(DataRefused) as refused:
            require_outcomes(*self._matrix(churned), 50)
        assert refused.value.code == "too_few_positives"
        message = str(refused.value)
        assert f"hold {sum(churned)} churned and {len(churned) - sum(churned)} stayed" in message
        assert "'fit' rows of temporal" in message
        assert ("evaluation.min_positives" if any(churned) else "Nobody leaves at all") in message

    def test_the_part_that_is_short_is_named(self) -> None:
        matrix, [fold] = self._matrix([1] * 50 + [0] * 50)
        short = Fold("temporal", fold.fit, fold.calibrate, np.arange(100) >= 45)
        with pytest.raises(DataRefused, match=r"'test' rows of temporal hold 5 churned and 50 stayed; at least 10"):
            require_outcomes(matrix, [short], 50)


def test_a_candidate_of_given_columns_sees_no_others() -> None:
    candidate = Candidate("two", "linear", LogisticRegression(), ("tickets_open", "plan"))
    matrix = make_matrix()
    bundle = fit_bundle(matrix, make_fold(matrix), candidate, CATALOG, "none", PROBLEM)
    assert bundle.catalog.names == ["tickets_open", "plan"]
    assert len(bundle.raw_score(matrix[["plan", "tickets_open"]])) == len(matrix)

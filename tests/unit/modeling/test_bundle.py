from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from churn.core.errors import DataRefused
from churn.modeling.bundle import raw_score_of
from churn.modeling.calibration import Calibrator
from churn.modeling.fit import Candidate, fit_bundle
from tests.unit.modeling.toys import CATALOG, PROBLEM, fitted, make_fold, make_matrix, rows_of


@pytest.mark.parametrize("encoding", ["trees", "linear"])
class TestScoring:
    def test_columns_are_taken_by_name_never_by_position(self, encoding: str) -> None:
        bundle, rows = fitted(encoding), rows_of()  # type: ignore[arg-type]
        turned = rows[rows.columns[::-1]].assign(something_else=1.0)
        assert (bundle.raw_score(turned) == bundle.raw_score(rows)).all()

    def test_row_order_does_not_matter(self, encoding: str) -> None:
        bundle, rows = fitted(encoding), rows_of()  # type: ignore[arg-type]
        order = np.random.default_rng(0).permutation(len(rows))
        assert bundle.raw_score(rows.iloc[order]) == pytest.approx(bundle.raw_score(rows)[order], abs=1e-12)

    def test_raw_score_is_the_log_odds_of_the_estimator(self, encoding: str) -> None:
        bundle, rows = fitted(encoding), rows_of()  # type: ignore[arg-type]
        model = bundle.pipeline.named_steps["model"]
        encoded = bundle.pipeline.named_steps["encode"].transform(bundle.select(rows))
        assert Calibrator("none").predict(bundle.raw_score(rows)) == pytest.approx(model.predict_proba(encoded)[:, 1])

    def test_a_missing_column_is_refused_by_name(self, encoding: str) -> None:
        with pytest.raises(DataRefused, match=r"needs 2 features that are not there: tickets_open, plan") as refused:
            fitted(encoding).raw_score(rows_of().drop(columns=["plan", "tickets_open"]))  # type: ignore[arg-type]
        assert refused.value.code == "feature_mismatch"


def test_probability_applies_the_calibrator() -> None:
    bundle = replace(fitted("trees"), calibrator=Calibrator("sigmoid", 2.0, -1.0))
    assert bundle.probability(np.array([0.5])) == pytest.approx([0.5])


def test_an_estimator_without_log_odds_of_its_own_gets_them_from_probabilities() -> None:
    matrix = make_matrix(60)
    forest = Candidate("forest", "trees", RandomForestClassifier(5, max_depth=3, random_state=0, n_jobs=1))
    used = [name for name in CATALOG.names if name != "never_filled"]
    bundle = fit_bundle(matrix, make_fold(matrix), replace(forest, columns=tuple(used)), CATALOG, "none", PROBLEM)
    assert isinstance(bundle.pipeline, Pipeline)
    raw = raw_score_of(bundle.pipeline, bundle.select(matrix))
    assert np.isfinite(raw).all()
    assert ((raw > 0) == (bundle.probability(raw) > 0.5)).all()

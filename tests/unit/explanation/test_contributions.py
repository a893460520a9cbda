from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from churn.core.errors import DataRefused
from churn.explanation.contributions import explain_rows
from churn.modeling.encoding import feature_of_output
from tests.unit.modeling.toys import CATALOG, fitted, make_matrix, rows_of

BOTH = pytest.mark.parametrize("encoding", ["trees", "linear"])


@BOTH
def test_base_and_contributions_add_up_to_the_raw_score(encoding: str) -> None:
    bundle, rows = fitted(encoding), rows_of()  # type: ignore[arg-type]
    explained = explain_rows(bundle, rows)
    assert explained.values.sum(axis=1) + explained.base == pytest.approx(bundle.raw_score(rows), abs=1e-9)
    assert explained.raw_score == pytest.approx(bundle.raw_score(rows), abs=0)


@BOTH
def test_there_is_one_column_per_feature_in_catalogue_order(encoding: str) -> None:
    bundle = fitted(encoding)  # type: ignore[arg-type]
    explained = explain_rows(bundle, rows_of())
    assert explained.values.shape == (200, len(CATALOG.names))
    strongest = np.abs(explained.values).mean(axis=0).argmax()
    assert bundle.catalog.names[strongest] in ("eng_activity_recency_days", "tickets_open")


@BOTH
def test_a_column_that_says_nothing_contributes_nothing(encoding: str) -> None:
    bundle = fitted(encoding)  # type: ignore[arg-type]
    explained = explain_rows(bundle, rows_of())
    assert (explained.values[:, bundle.catalog.names.index("never_filled")] == 0).all()


def test_one_hot_columns_add_up_to_their_feature() -> None:
    bundle, rows = fitted("linear"), rows_of()
    encoder, model = bundle.pipeline.named_steps["encode"], bundle.pipeline.named_steps["model"]
    encoded = encoder.transform(bundle.select(rows))
    owners = np.array(feature_of_output(encoder))
    explained = explain_rows(bundle, rows)
    for name in ("plan", "country"):
        assert (owners == name).sum() > 1
        expected = (encoded * model.coef_[0])[:, owners == name].sum(axis=1)
        assert explained.values[:, bundle.catalog.names.index(name)] == pytest.approx(expected)


def test_linear_contributions_average_to_zero_on_the_fitted_rows() -> None:
    matrix = make_matrix()
    fit = matrix[matrix["as_of_date"] <= "2024-04-01"]
    assert explain_rows(fitted("linear"), fit).values.mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_more_of_what_raises_risk_contributes_more() -> None:
    rows = rows_of(customers=2).assign(tickets_open=[0.0, 4.0])
    for encoding in ("trees", "linear"):
        explained = explain_rows(fitted(encoding), rows)
        low, high = explained.values[:, fitted(encoding).catalog.names.index("tickets_open")]
        assert low < 0 < high


@BOTH
def test_unseen_categories_and_missing_numbers_are_explained_too(encoding: str) -> None:
    rows = rows_of(customers=3).assign(plan="a new plan", country=None, tickets_open=np.nan)
    explained = explain_rows(fitted(encoding), rows)  # type: ignore[arg-type]
    assert np.isfinite(explained.values).all()


def test_one_single_row_is_enough() -> None:
    assert explain_rows(fitted("trees"), rows_of(customers=1)).values.shape[0] == 1


def test_a_model_without_exact_contributions_is_refused_by_name() -> None:
    bundle = fitted("trees")
    encoder = bundle.pipeline.named_steps["encode"]
    guesser = DummyClassifier().fit([[0], [1]], [0, 1])
    with pytest.raises(DataRefused, match="DummyClassifier has no exact contributions") as refused:
        explain_rows(replace(bundle, pipeline=Pipeline([("encode", encoder), ("model", guesser)])), rows_of())
    assert refused.value.code == "no_contributions"


def test_contributions_that_miss_the_score_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = fitted("linear")
    monkeypatch.setattr(type(bundle), "raw_score", lambda self, features: np.zeros(len(features)))
    with pytest.raises(DataRefused, match="contributions miss the raw score by up to") as refused:
        explain_rows(bundle, rows_of())
    assert refused.value.code == "contributions_do_not_add_up"

"""Contributions add up, whatever a row holds, and nothing is lost between contributions, causes and reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.explanation.causes import UNEXPLAINED, sum_by_cause, top_cause
from churn.explanation.contributions import explain_rows
from churn.explanation.reasons import choose_reasons
from churn.explanation.sentences import write_reasons
from churn.explanation.tables import to_long
from tests.unit.modeling.toys import CATALOG, fitted

NUMBER = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1e-12, 1e15])
TEXT = st.none() | st.sampled_from(["basic", "team", "JP", "DE"]) | st.text(max_size=5)
ROW = st.fixed_dictionaries({f.name: NUMBER if f.kind == "number" else TEXT for f in CATALOG.features})
ROWS = st.lists(ROW, min_size=1, max_size=12)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    types = {f.name: float if f.kind == "number" else object for f in CATALOG.features}
    frame = pd.DataFrame(rows, columns=CATALOG.names).astype(types)
    return frame.assign(customer_id=[f"c{n}" for n in range(len(rows))], as_of_date=pd.Timestamp("2024-06-01"))


@pytest.mark.parametrize("encoding", ["trees", "linear"])
@given(ROWS)
def test_base_and_contributions_are_the_score(encoding: Any, rows: list[dict[str, Any]]) -> None:
    frame, bundle = _frame(rows), fitted(encoding)
    explained = explain_rows(bundle, frame)
    assert np.allclose(explained.values.sum(axis=1) + explained.base, bundle.raw_score(frame), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("encoding", ["trees", "linear"])
@given(ROWS)
def test_causes_hold_all_of_it_and_reasons_only_what_raises(encoding: Any, rows: list[dict[str, Any]]) -> None:
    frame, bundle = _frame(rows), fitted(encoding)
    explained = explain_rows(bundle, frame)
    by_cause = sum_by_cause(explained.values, bundle.catalog)
    assert np.allclose(by_cause.sum(axis=1), explained.values.sum(axis=1))
    for row, cause in enumerate(top_cause(by_cause)):
        others = by_cause.drop(columns=UNEXPLAINED).iloc[row]
        assert others.max() <= 0 if cause == UNEXPLAINED else by_cause.loc[row, cause] == others.max()
    chosen = choose_reasons(explained.values, bundle.catalog, 3)
    for row, features in enumerate(chosen):
        topics = [feature.topic for feature in features]
        assert len(topics) == len(set(topics)) <= 3
        for feature in features:
            assert explained.values[row, bundle.catalog.names.index(feature.name)] > 0


@given(ROWS)
def test_every_row_can_be_put_into_words(rows: list[dict[str, Any]]) -> None:
    frame, bundle = _frame(rows), fitted("trees")
    chosen = choose_reasons(explain_rows(bundle, frame).values, bundle.catalog, 3)
    for language in ("en", "ja"):
        sentences = write_reasons(chosen, frame, bundle.typical, language)  # type: ignore[arg-type]
        assert [len(texts) for texts in sentences] == [len(features) for features in chosen]
        assert all(text for texts in sentences for text in texts)


@given(ROWS, st.randoms(use_true_random=False))
def test_row_order_never_matters(rows: list[dict[str, Any]], random: object) -> None:
    frame, bundle = _frame(rows), fitted("trees")
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, turned = explain_rows(bundle, frame), explain_rows(bundle, frame.iloc[order].reset_index(drop=True))
    assert np.allclose(turned.values, straight.values[order], rtol=0, atol=1e-12)


@given(ROWS)
def test_the_long_table_still_adds_up(rows: list[dict[str, Any]]) -> None:
    frame, bundle = _frame(rows), fitted("linear")
    explained = explain_rows(bundle, frame)
    long = to_long(frame, explained, bundle.catalog)
    sums = long.groupby("customer_id")["contribution"].sum().reindex(frame["customer_id"]).fillna(0.0)
    assert np.allclose(sums + explained.base, explained.raw_score, rtol=1e-6, atol=1e-6)

"""A model that reads texts, from the fit to the reasons on the list: words of a topic, never the text itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from churn.core.settings import PolicySettings
from churn.explanation.contributions import explain_rows
from churn.features.catalog import Catalog
from churn.integrations.bundles import read_bundle, write_bundle
from churn.modeling.bundle import Bundle
from churn.modeling.fit import fit_bundle
from churn.modeling.leaks import single_feature_aucs
from churn.scoring.batch import ModelMark, score_rows
from tests.unit.modeling.toys import CATALOG, PROBLEM, make_candidate, make_feature, make_fold, make_matrix

WRITING = make_feature("text_recent_last", "poor_experience", kind="text", reason_en="Writes about: {value}")
WITH_TEXT = Catalog([WRITING, *CATALOG.features])
COMPLAINT, PRAISE = "the invoice charged my secret project twice", "thanks for the wonderful dashboard"


def with_texts():
    matrix = make_matrix()
    chance = np.random.default_rng(1).random(len(matrix))
    texts = np.where(matrix["churned"] == 1, COMPLAINT, PRAISE)
    return matrix.assign(text_recent_last=np.where(chance < 0.4, None, texts))


@pytest.fixture(scope="module", params=["trees", "linear"])
def bundle(request, tmp_path_factory) -> Bundle:
    matrix = with_texts()
    candidate = make_candidate(request.param)
    candidate = replace(candidate, monotone=request.param == "trees")
    fitted = fit_bundle(matrix, make_fold(matrix), candidate, WITH_TEXT, "sigmoid", PROBLEM)
    folder: Path = tmp_path_factory.mktemp("bundle")
    return read_bundle(folder, write_bundle(fitted, folder))


def test_what_is_written_moves_the_score_and_adds_up(bundle: Bundle):
    rows = with_texts().tail(200)
    values = explain_rows(bundle, rows).values[:, bundle.catalog.names.index("text_recent_last")]
    complains = (rows["text_recent_last"] == COMPLAINT).to_numpy()
    assert complains.any() and values[complains].min() > values[~complains].max()


def test_reasons_quote_a_topic_and_never_the_text(bundle: Bundle):
    rows = with_texts().tail(200)
    scores = score_rows(rows, bundle, PolicySettings(capacity=10), ModelMark("m", "1", "r"))
    told = [reason for reasons in scores["reasons_en"] for reason in reasons if reason.startswith("Writes about")]
    assert told and all("invoice" in reason or "charged" in reason or "project" in reason for reason in told)
    published = scores.to_json()
    assert COMPLAINT not in published and PRAISE not in published
    assert "text_recent_last" not in bundle.typical


def test_a_text_raises_no_alarm_of_its_own():
    assert single_feature_aucs(with_texts(), WITH_TEXT)["text_recent_last"] == 0.5

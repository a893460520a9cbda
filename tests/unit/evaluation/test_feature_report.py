"""A report on a company of two hundred customers on six dates, the first three of which fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.core.settings import ReportSettings
from churn.evaluation.feature_plots import plot_alone, plot_distributions, plot_families, plot_missing
from churn.evaluation.feature_report import (
    describe_by_date,
    describe_features,
    report_lines,
    sum_by_family,
    summarise_features,
)
from tests.unit.modeling.toys import CATALOG, DATES, make_matrix

SETTINGS = ReportSettings()
IMPORTANCE = dict.fromkeys(CATALOG.names, 0.0) | {"tickets_open": 3.0, "sub_mrr_sum": 1.0}


@pytest.fixture
def matrix() -> pd.DataFrame:
    rows = make_matrix()
    return rows.assign(tickets_open=rows["tickets_open"].where(rows["as_of_date"] < DATES[5], 9.0))


def fits(matrix: pd.DataFrame) -> np.ndarray:
    return (matrix["as_of_date"] <= DATES[2]).to_numpy()


def described(matrix: pd.DataFrame, importance=None) -> tuple[pd.DataFrame, pd.DataFrame]:
    by_date = describe_by_date(matrix, CATALOG, fits(matrix), SETTINGS)
    return describe_features(matrix, CATALOG, fits(matrix), by_date, importance), by_date


def test_every_feature_has_a_line_on_every_date(matrix):
    _, by_date = described(matrix)
    assert len(by_date) == len(CATALOG.names) * len(DATES)
    assert list(by_date["as_of_date"].unique()) == [str(day.date()) for day in DATES]
    line = by_date.set_index(["feature", "as_of_date"]).loc["eng_sessions_count_30d", "2024-02-01"]
    values = matrix.loc[matrix["as_of_date"] == DATES[1], "eng_sessions_count_30d"]
    assert line["missing_share"] == pytest.approx(values.isna().mean())
    assert line["median"] == pytest.approx(values.median())
    assert line["high"] == pytest.approx(values.quantile(0.95))


def test_a_distribution_that_moves_is_flagged_on_the_date_it_moves_and_no_other(matrix):
    features, by_date = described(matrix)
    flagged = by_date[by_date["is_drifting"]]
    assert flagged[["feature", "as_of_date"]].to_numpy().tolist() == [["tickets_open", "2024-06-01"]]
    assert features.set_index("feature")["drifting_dates"].to_dict()["tickets_open"] == 1


def test_what_a_feature_tells_alone_comes_from_the_training_dates_only(matrix):
    other = matrix.assign(churned=np.where(fits(matrix), matrix["churned"], 1 - matrix["churned"]))
    first, second = (described(rows)[0][["auc_alone", "direction"]] for rows in (matrix, other))
    pd.testing.assert_frame_equal(first, second)
    directions = described(matrix)[0].set_index("feature")["direction"]
    assert directions["eng_activity_recency_days"] == "raises"
    assert directions["eng_sessions_count_30d"] == "lowers"
    assert directions["plan"] == directions["never_filled"] == ""


def test_families_sum_up_their_features(matrix):
    features, _ = described(matrix, IMPORTANCE)
    assert features.set_index("feature")["importance"]["tickets_open"] == 0.75
    (line,) = sum_by_family(features, {"toy": 1.5}, max_missing=0.5).to_dict("records")
    assert (line["features"], line["mostly_missing"], line["drifting"]) == (len(CATALOG.names), 1, 1)
    assert (line["importance"], line["seconds"]) == (1.0, 1.5)
    assert line["best_auc_alone"] == features["auc_alone"].max()


def test_the_report_reads_as_one_line_and_a_table(matrix):
    features, _ = described(matrix, IMPORTANCE)
    families = sum_by_family(features, {"toy": 1.5}, max_missing=0.5)
    said = summarise_features(features, families, max_missing=0.5)
    assert said.startswith(
        "7 features of 1 families; 1 mostly missing; 1 drifting; best alone eng_activity_recency_days"
    )
    assert said.endswith("more of it raises the risk); toy carries 100% of the model; one date takes 1.5 s")
    head, line = report_lines(families)
    assert head.split()[:6] == ["family", "features", "missing", "drifting", "importance", "seconds"]
    assert line.split()[:2] == ["toy", "7"]


def test_without_a_model_and_a_clock_nothing_is_made_up(matrix):
    features, _ = described(matrix)
    families = sum_by_family(features, {}, max_missing=0.5)
    assert features["importance"].isna().all() and families[["importance", "seconds"]].isna().all(axis=None)
    assert "carries" not in summarise_features(features, families, max_missing=0.5)


def test_pictures_can_be_drawn_with_and_without_a_model(matrix):
    for importance, seconds in ((IMPORTANCE, {"toy": 1.0}), (None, {})):
        features, by_date = described(matrix, importance)
        families = sum_by_family(features, seconds, max_missing=0.5)
        assert len(plot_families(families).axes) == 3
        assert plot_alone(features, 5).axes[0].get_title() == "What a feature tells alone (training dates)"
        assert len(plot_missing(features, by_date).axes) == 1
        assert plot_distributions(features, by_date).axes[0].get_title().startswith("tickets_open (drift ")

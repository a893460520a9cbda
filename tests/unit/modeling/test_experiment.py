from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.modeling.experiment import Experiment, backtest_folds, build_folds, run_experiment
from pipelines.composition import compose
from tests.unit.modeling.toys import CATALOG, DATES, make_candidate, make_matrix

FOUND = {"families": ["engagement"], "windows_days": [30], "event_types": ["session"], "value_types": []}
SMALL = ["windows.cadence_days=30", "windows.embargo_days=30", "windows.lead_days=0", "windows.horizon_days=20",
         "label.grace_days=0"]  # fmt: skip


def _settings(*overrides: str) -> ChurnSettings:
    return compose(
        "train",
        ChurnSettings,
        [*SMALL, "evaluation.min_positives=20", "split.test_dates=1", "split.calibration_dates=1", *overrides],
    )


def _run(*overrides: str, matrix: Any = None) -> Experiment:
    rows = make_matrix() if matrix is None else matrix
    return run_experiment(
        rows, CATALOG, _settings(*overrides), make_candidate("trees"), make_candidate("linear"), FOUND
    )


class TestTemporal:
    experiment = staticmethod(_run)

    def test_the_model_comes_first_then_the_recency_rule_then_the_linear_baseline(self) -> None:
        experiment = _run()
        assert experiment.names == ["lightgbm", "recency", "logistic"]
        assert all(len(p) == len(experiment.test_rows) for p in experiment.probabilities.values())

    def test_the_last_dates_test_and_the_model_never_saw_them(self) -> None:
        experiment = _run()
        assert experiment.test_dates == [str(DATES[-1].date())]
        assert experiment.bundle.last_fit_date < experiment.test_dates[0]
        assert list(experiment.test_rows["as_of_date"].unique()) == [DATES[-1]]

    def test_the_bundle_gives_the_probabilities_that_were_measured(self) -> None:
        experiment = _run()
        rows = experiment.test_rows
        again = experiment.bundle.probability(experiment.bundle.raw_score(rows))
        assert (again == experiment.probabilities["lightgbm"]).all()

    def test_the_bundle_keeps_its_problem_with_the_event_types_found(self) -> None:
        problem = _run().bundle.problem
        assert problem["features"]["event_types"] == ["session"]
        assert set(problem) == {"cohort", "label", "windows", "features"}

    def test_a_feature_that_knows_the_outcome_stops_it(self) -> None:
        matrix = make_matrix()
        with pytest.raises(DataRefused, match="tickets_open") as refused:
            _run(matrix=matrix.assign(tickets_open=matrix["churned"] * 1.0))
        assert refused.value.code == "suspected_leak"

    def test_too_few_leavers_stop_it(self) -> None:
        with pytest.raises(DataRefused, match="at least 5,000 churned"):
            _run("evaluation.min_positives=5000")


class TestByCustomer:
    def test_every_row_is_tested_once_by_a_model_that_did_not_know_the_customer(self) -> None:
        experiment = _run("split=by_customer", "split.folds=3")
        matrix = make_matrix()
        assert len(experiment.test_rows) == len(matrix)
        assert not experiment.test_rows.duplicated(["customer_id", "as_of_date"]).any()
        assert experiment.folds == ("fold-0", "fold-1", "fold-2")

    def test_folds_never_share_a_customer(self) -> None:
        matrix = make_matrix()
        for fold in build_folds(matrix, _settings("split=by_customer")):
            ids = [set(matrix.loc[mask, "customer_id"]) for mask in (fold.fit, fold.calibrate, fold.test)]
            assert not (ids[0] & ids[1] or ids[0] & ids[2] or ids[1] & ids[2])
            assert set.union(*ids) == set(matrix["customer_id"])

    @pytest.mark.parametrize("split", ["by_customer", "temporal"])
    def test_where_nothing_is_calibrated_no_row_is_held_back_for_it(self, split: str) -> None:
        matrix, wanted = make_matrix(), [f"split={split}", "split.backtest_folds=2"]
        idle = backtest_folds(matrix, _settings(*wanted, "calibration=none"))
        for fold, kept in zip(idle, backtest_folds(matrix, _settings(*wanted)), strict=True):
            assert not fold.calibrate.any()
            assert kept.calibrate.any()
            assert (fold.fit == kept.to_the_last().fit).all()
            assert (fold.test == kept.test).all()

    def test_the_bundle_learns_from_all_rows_but_those_that_calibrate(self) -> None:
        experiment = _run("split=by_customer", "split.folds=3", "calibration=none")
        assert experiment.bundle.last_fit_date == str(DATES[-1].date())
        assert np.isfinite(experiment.probabilities["lightgbm"]).all()

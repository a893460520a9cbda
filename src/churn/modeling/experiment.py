"""One training experiment: a model and its two baselines over the folds of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.modeling.bundle import Bundle
from churn.modeling.certainty import find_certain_groups
from churn.modeling.fit import Candidate, fit_bundle, recency_rule, require_outcomes
from churn.modeling.leaks import even_part, raise_certainty_alarm, raise_leak_alarm, single_feature_aucs
from churn.snapshots.sampling import WEIGHT
from churn.snapshots.splits import Fold, customer_folds, rolling_folds, rows_in, split_dates, temporal_fold


@dataclass(frozen=True)
class Experiment:
    """What training leaves: the bundle to register, and every model's probabilities on the untouched test rows."""

    bundle: Bundle
    test_rows: pd.DataFrame
    probabilities: Mapping[str, np.ndarray]
    single_feature_aucs: Mapping[str, float]
    folds: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Model names, the one to judge first."""
        return list(self.probabilities)

    @property
    def test_dates(self) -> list[str]:
        """As-of dates of the test rows, ISO, ascending."""
        return [str(d.date()) for d in sorted(self.test_rows["as_of_date"].unique())]


@dataclass(frozen=True)
class FoldScores:
    """One fold's test rows, every candidate's probabilities on them, and the bundle of the first candidate."""

    name: str
    rows: pd.DataFrame
    probabilities: Mapping[str, np.ndarray]
    bundle: Bundle


def run_experiment(
    matrix: pd.DataFrame,
    catalog: Catalog,
    settings: ChurnSettings,
    model: Candidate,
    baseline: Candidate,
    features: Mapping[str, Any],
) -> Experiment:
    """Return the experiment: every candidate fitted and calibrated in every fold, predicted on its test rows.

    Raises
    ------
    DataRefused
        When a part of the split is empty or has too few churners, or a feature alone knows the outcome.
    """
    folds = [_without_idle_rows(fold, settings) for fold in build_folds(matrix, settings)]
    require_outcomes(matrix, folds, settings.evaluation.min_positives)
    aucs = single_feature_aucs(rows_in(matrix, folds[0].fit), catalog)
    raise_leak_alarm(aucs, settings.evaluation.max_single_feature_auc)
    surest = settings.max_certainty  # asked of all rows: the more there are, the fewer leavers a leak needs to show
    raise_certainty_alarm(find_certain_groups(even_part(_drawn(matrix)), catalog, surest), surest)
    problem = describe_problem(settings, features)
    candidates = line_up(model, baseline, catalog, settings)
    scored = [score_fold(matrix, fold, candidates, catalog, settings, problem) for fold in folds]
    bundle = scored[0].bundle
    if len(folds) > 1:
        everything = _everything(folds[0])
        bundle = fit_bundle(matrix, everything, candidates[0], catalog, settings.calibration.method, problem)
    test = pd.concat([part.rows for part in scored], ignore_index=True)
    probabilities = {c.name: np.concatenate([part.probabilities[c.name] for part in scored]) for c in candidates}
    return Experiment(bundle, test, probabilities, aucs, tuple(f.name for f in folds))


def line_up(model: Candidate, baseline: Candidate, catalog: Catalog, settings: ChurnSettings) -> list[Candidate]:
    """Return who is measured: the model, the recency rule, and the baseline unless it is the model itself."""
    rule = recency_rule(catalog, settings.source)
    first = replace(model, columns=rule.columns) if model.inputs == "recency" else model
    return [first, rule, *([baseline] if baseline.name != model.name else [])]


def score_fold(
    matrix: pd.DataFrame,
    fold: Fold,
    candidates: Sequence[Candidate],
    catalog: Catalog,
    settings: ChurnSettings,
    problem: Mapping[str, Any],
) -> FoldScores:
    """Return the candidates' probabilities on a fold's test rows, fitted and calibrated on its other rows."""
    rows = rows_in(matrix, fold.test)
    bundles = [fit_bundle(matrix, fold, c, catalog, settings.calibration.method, problem) for c in candidates]
    probabilities = {b.model_name: b.probability(b.raw_score(rows)) for b in bundles}
    return FoldScores(fold.name, rows, probabilities, bundles[0])


def backtest_folds(matrix: pd.DataFrame, settings: ChurnSettings) -> list[Fold]:
    """Return the folds of a backtest: rolling origins before the test dates, or the folds by customer."""
    if settings.split.kind == "by_customer":
        folds = build_folds(matrix, settings)
    else:
        rolled = rolling_folds(matrix, settings.split, settings.embargo_days)
        folds = [within_sample(fold, matrix) for fold in rolled]
    return [_without_idle_rows(fold, settings) for fold in folds]


def build_folds(matrix: pd.DataFrame, settings: ChurnSettings) -> list[Fold]:
    """Return the folds of the configured split."""
    if settings.split.kind == "by_customer":
        groups = matrix["group_id"].fillna(matrix["customer_id"]) if "group_id" in matrix else matrix["customer_id"]
        return customer_folds(groups, settings.split)
    dates = [d.date() for d in sorted(matrix["as_of_date"].unique())]
    return [within_sample(temporal_fold(matrix, split_dates(dates, settings.split, settings.embargo_days)), matrix)]


def within_sample(fold: Fold, matrix: pd.DataFrame) -> Fold:
    """Return the fold without the rows that are there to be measured on and were not drawn to be learned from."""
    if WEIGHT not in matrix:
        return fold
    is_drawn = matrix[WEIGHT].to_numpy() > 0
    between = None if fold.between is None else fold.between & is_drawn
    return replace(fold, fit=fold.fit & is_drawn, calibrate=fold.calibrate & is_drawn, between=between)


def _drawn(matrix: pd.DataFrame) -> pd.DataFrame:
    return matrix[matrix[WEIGHT] > 0] if WEIGHT in matrix else matrix


def describe_problem(settings: ChurnSettings, features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under which the features were built, with the event types that were found."""
    problem = settings.model_dump(mode="json", include=set(Problem.model_fields))
    return {**problem, "features": dict(features)}


def _without_idle_rows(fold: Fold, settings: ChurnSettings) -> Fold:
    """Return the fold; where nothing is calibrated, with the rows that would have been among those to fit."""
    return fold.to_the_last() if settings.calibration.method == "none" else fold


def _everything(fold: Fold) -> Fold:
    """Return a fold that fits on all rows but those that calibrate."""
    return Fold("all", ~fold.calibrate, fold.calibrate, fold.test)

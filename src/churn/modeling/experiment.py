"""One training experiment: a model and its two baselines over the folds of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.modeling.bundle import Bundle
from churn.modeling.fit import Candidate, fit_bundle, recency_rule, require_outcomes
from churn.modeling.leaks import raise_leak_alarm, single_feature_aucs
from churn.snapshots.splits import Fold, customer_folds, split_dates, temporal_fold

ROW_COLUMNS = ["customer_id", "as_of_date", "churned"]


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
    folds = build_folds(matrix, settings)
    require_outcomes(matrix, folds, settings.evaluation.min_positives)
    aucs = single_feature_aucs(matrix.loc[folds[0].fit], catalog)
    raise_leak_alarm(aucs, settings.evaluation.max_single_feature_auc)
    problem = describe_problem(settings, features)
    rule = recency_rule(catalog, settings.source)
    candidates = [model, rule, *([baseline] if baseline.name != model.name else [])]
    parts: list[pd.DataFrame] = []
    bundle: Bundle | None = None
    for fold in folds:
        rows = matrix.loc[fold.test]
        part = rows.copy()
        for candidate in candidates:
            fitted = fit_bundle(matrix, fold, candidate, catalog, settings.calibration.method, problem)
            part[f"p:{candidate.name}"] = fitted.probability(fitted.raw_score(rows))
            bundle = fitted if candidate is model else bundle
        parts.append(part)
    if len(folds) > 1:
        bundle = fit_bundle(matrix, _everything(folds[0]), model, catalog, settings.calibration.method, problem)
    assert bundle is not None  # noqa: S101 - there is at least one fold
    test = pd.concat(parts, ignore_index=True)
    probabilities = {c.name: test.pop(f"p:{c.name}").to_numpy() for c in candidates}
    return Experiment(bundle, test, probabilities, aucs, tuple(f.name for f in folds))


def build_folds(matrix: pd.DataFrame, settings: ChurnSettings) -> list[Fold]:
    """Return the folds of the configured split."""
    if settings.split.kind == "by_customer":
        groups = matrix["group_id"].fillna(matrix["customer_id"]) if "group_id" in matrix else matrix["customer_id"]
        return customer_folds(groups, settings.split)
    dates = [d.date() for d in sorted(matrix["as_of_date"].unique())]
    return [temporal_fold(matrix, split_dates(dates, settings.split, settings.windows))]


def describe_problem(settings: ChurnSettings, features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under which the features were built, with the event types that were found."""
    problem = settings.model_dump(mode="json", include=set(Problem.model_fields))
    return {**problem, "features": dict(features)}


def _everything(fold: Fold) -> Fold:
    """Return a fold that fits on all rows but those that calibrate."""
    return Fold("all", ~fold.calibrate, fold.calibrate, fold.test)

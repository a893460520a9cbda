"""What each feature and family is worth and costs, as tables and pictures."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pandas as pd

from churn.core.errors import DependencyDown
from churn.core.settings import ChurnSettings
from churn.evaluation.feature_plots import plot_alone, plot_distributions, plot_families, plot_missing
from churn.evaluation.feature_report import (
    describe_by_date,
    describe_features,
    report_lines,
    report_metrics,
    sum_by_family,
    summarise_features,
)
from churn.explanation.contributions import explain_rows
from churn.explanation.tables import rank_features
from churn.features.catalog import Catalog
from churn.integrations.layers import Layer, read_staged
from churn.integrations.registry import load_model
from churn.integrations.results import StageResult
from churn.integrations.samples import read_even_rows
from churn.integrations.timings import time_families
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from churn.modeling.experiment import build_folds
from pipelines.features import ensure_dataset
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Report on the data set of these settings, and on what the version to explain makes of it where there is one."""
    result, report = StageResult(), settings.report
    dataset = ensure_dataset(settings)
    with stage_run("report", settings, builds_on=dataset.manifest["run_id"]) as tracker:
        tracker.dataset(dataset, "report")
        matrix, catalog = read_even_rows(dataset, settings)
        is_fit = build_folds(matrix, settings)[0].fit
        with result.timed("measure"):
            importance = _importance(matrix.loc[is_fit], catalog, settings, result)
            by_date = describe_by_date(matrix, catalog, is_fit, report)
            features = describe_features(matrix, catalog, is_fit, by_date, importance)
        with result.timed("families"):
            families = sum_by_family(features, _seconds(dataset, settings), report.max_missing)
        tracker.rows(features, "feature_report.json")
        tracker.rows(families, "families.json")
        tracker.frame(by_date, "feature_distributions.parquet")
        with result.timed("plots"):
            pictures = {
                "families": plot_families(families),
                "alone": plot_alone(features, report.max_shown),
                "missing": plot_missing(features, by_date),
                "distributions": plot_distributions(features, by_date),
            }
            for name, picture in pictures.items():
                tracker.figure(picture, name)
        result.metrics = report_metrics(features, families, report.max_missing)
        tracker.metrics(result.metrics)
    for line in [*report_lines(families), *result.notes]:
        log.info("%s", line)
    result.run_id = tracker.run_id
    result.rows_in, result.rows_out = {"matrix": len(matrix)}, {"features": len(features)}
    result.as_of_dates = sorted(by_date["as_of_date"].unique())
    result.summary = summarise_features(features, families, report.max_missing)
    return result


def _importance(
    rows: pd.DataFrame, catalog: Catalog, settings: ChurnSettings, result: StageResult
) -> Mapping[str, float] | None:
    """Return the mean absolute contribution of every feature on rows that fit; None, and a note, without a model."""
    try:
        model = load_model(settings, settings.explanation.version)
    except DependencyDown as error:
        result.notes.append(f"importance is left out: {error}")
        return None
    used = model.bundle.catalog
    if not set(used.names) <= set(catalog.names):
        result.notes.append(f"importance is left out: version {model.version} was trained on other features")
        return None
    sample = rows.sample(min(settings.report.max_rows, len(rows)), random_state=0)
    ranked = rank_features(explain_rows(model.bundle, sample).values, used)
    return dict.fromkeys(catalog.names, 0.0) | {row["feature"]: row["mean_absolute_contribution"] for row in ranked}


def _seconds(dataset: Layer, settings: ChurnSettings) -> dict[str, float]:
    if not settings.report.time_families or settings.source.kind == "flat":
        return {}
    with layer_engine(settings, "datasets") as engine:
        return time_families(engine, read_staged(settings), dataset, settings)


if __name__ == "__main__":
    raise SystemExit(main_of("report")(None))

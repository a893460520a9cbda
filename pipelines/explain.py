"""Why a registered version scores as it does: contributions, causes and pictures on its test dates."""

from __future__ import annotations

import logging

from churn.core.settings import ChurnSettings
from churn.explanation.causes import sum_by_cause
from churn.explanation.contributions import explain_rows
from churn.explanation.tables import rank_features, to_long
from churn.integrations.explanations import write_explanations
from churn.integrations.registry import load_model
from churn.integrations.results import StageResult
from churn.integrations.samples import read_unseen_rows
from churn.integrations.tracking import stage_run
from pipelines.features import ensure_dataset
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Explain a sample of the rows that the version has not learned from."""
    from churn.explanation.plots import plot_causes, plot_contributions  # shap takes seconds to import

    result = StageResult()
    dataset = ensure_dataset(settings)
    with stage_run("explain", settings) as tracker:
        model = load_model(settings, settings.explanation.version)
        makeup = model.bundle.makeup()
        tracker.tag(builds_on=model.run_id, model_version=model.version, model_makeup=makeup)
        tracker.dataset(dataset, "explanation")
        tracker.json(model.bundle.catalog.to_rows(), "features.json")
        rows = read_unseen_rows(dataset, settings, model.bundle.last_fit_date, settings.explanation.max_rows)
        with result.timed("contributions"):
            explained = explain_rows(model.bundle, rows)
            by_cause = sum_by_cause(explained.values, model.bundle.catalog)
            ranking = rank_features(explained.values, model.bundle.catalog)
        with result.timed("plots"):
            pictures = plot_contributions(explained, rows, model.bundle.catalog, settings.explanation.max_shown)
            for name, figure in {**pictures, "causes": plot_causes(by_cause)}.items():
                tracker.figure(figure, name)
        path = write_explanations(to_long(rows, explained, model.bundle.catalog), dataset, model.version)
        tracker.json(ranking, "feature_importance.json")
        tracker.metrics({f"cause_{name}": value for name, value in by_cause.clip(lower=0).mean().items()})
    for line in ranking[:10]:
        log.info("%-50s %8.4f  %s", line["en"], line["mean_absolute_contribution"], line["cause"])
    if makeup:
        log.info("%s", makeup)
        result.notes.append(makeup)
    result.run_id, result.rows_out = tracker.run_id, {"explained": len(rows)}
    result.rows_in = {"matrix": dataset.manifest["rows"]["matrix"]}
    result.as_of_dates = sorted({str(d.date()) for d in rows["as_of_date"]})
    result.artifacts = {"explanations": str(path), "plots": f"run {tracker.run_id}, artifacts/plots"}
    result.summary = f"version {model.version}: {len(rows):,} rows explained; strongest: {ranking[0]['en']}"
    return result


if __name__ == "__main__":
    raise SystemExit(main_of("explain")(None))

"""Fit, calibrate, measure, register and perhaps promote a model, with two baselines trained beside it."""

from __future__ import annotations

import logging

from churn.core.settings import ChurnSettings
from churn.evaluation.gate import judge_signal
from churn.evaluation.report import Report, few_leavers
from churn.explanation.contributions import explain_rows
from churn.explanation.tables import rank_features
from churn.integrations.aliases import apply_gate
from churn.integrations.registry import describe_version, register_bundle
from churn.integrations.results import StageResult
from churn.integrations.samples import read_training_rows
from churn.integrations.tracker import require_finite
from churn.integrations.tracking import stage_run
from churn.integrations.training_runs import CHAMPION_TAG
from churn.modeling.experiment import Experiment, build_folds, run_experiment
from churn.modeling.leaks import raise_model_alarm
from pipelines.card import CARD, with_todays_standing, write_card
from pipelines.champion import beside_champion
from pipelines.estimators import build_candidates
from pipelines.features import ensure_dataset
from pipelines.measuring import log_measurement, measure_experiment
from pipelines.stages import main_of

log = logging.getLogger(__name__)
SUSPECTS = 5


def run(settings: ChurnSettings) -> StageResult:
    """Train on the data set of these settings, building it where it is not there yet."""
    result = StageResult()
    models = build_candidates(settings)
    dataset = ensure_dataset(settings)
    with stage_run("train", settings, builds_on=dataset.manifest["run_id"]) as tracker:
        tracker.dataset(dataset, "training")
        tracker.tag(switched_off=",".join(dataset.manifest["switched_off"]))
        training = read_training_rows(dataset, settings, build_folds)
        matrix, catalog = training.matrix, training.catalog
        with result.timed("fit"):
            built_with = dataset.manifest["features"]
            experiment = run_experiment(matrix, catalog, settings, *models, built_with)
        with result.timed("measure"):
            experiment, champion = beside_champion(experiment, settings)
            measured = measure_experiment(experiment, catalog, dataset, settings)
        _check_rank(experiment, measured.report.metrics[experiment.names[0]]["auc"].value, settings)
        verdict = judge_signal(measured.report, settings.gate)
        require_finite(measured.metrics())
        with result.timed("log"):
            version = register_bundle(experiment.bundle, settings, tracker.run_id, experiment.test_rows)
            log_measurement(measured, experiment, tracker, settings)  # after the model: MLflow adds the metrics to it
            tracker.metrics(training.metrics)
            tracker.json(experiment.bundle.catalog.to_rows(), "features.json")
            tracker.json(experiment.single_feature_aucs, "single_feature_auc.json")
            card = write_card(experiment, measured, verdict, dataset, settings, version, tracker.run_id)
            describe_version(settings, version, card)
            status = apply_gate(settings, version, verdict)
            found = "; ".join([verdict.headline, *verdict.warnings])
            card = with_todays_standing(card, f"{status.capitalize()} since it was trained: {found}")
            tracker.text(card, CARD)
            describe_version(settings, version, card)
        tracker.tag(
            **{CHAMPION_TAG: champion or ""},
            model_version=version,
            model_makeup=experiment.bundle.makeup(),
            verdict=verdict.headline,
            verdict_reasons="; ".join(verdict.reasons),
            status=status,
        )
    for line in [*measured.lines(settings.policy.currency), *(f"gate: {reason}" for reason in verdict.reasons)]:
        log.info("%s", line)
    result.run_id, result.metrics = tracker.run_id, {**measured.metrics(), **training.metrics}
    result.as_of_dates = experiment.test_dates
    result.rows_in, result.rows_out = {"matrix": len(matrix)}, {"test": measured.report.rows}
    result.notes = list(verdict.reasons)
    outcome = f"version {version} {status}: {_ranks(experiment, measured.report)}; {found}"
    result.summary = "; ".join([outcome, *few_leavers(measured.report, settings.evaluation)])
    return result


def _ranks(experiment: Experiment, report: Report) -> str:
    return f"AUC {report.metrics[experiment.names[0]]['auc']:.3f} on {report.rows:,} test rows"


def _check_rank(experiment: Experiment, auc: float, settings: ChurnSettings) -> None:
    """Refuse a model that is too good to be true, with the features that make it so."""
    limit = settings.evaluation.max_model_auc
    if auc > limit:
        bundle, sample = experiment.bundle, experiment.test_rows.head(settings.explanation.max_rows)
        ranked = rank_features(explain_rows(bundle, sample).values, bundle.catalog)
        raise_model_alarm(auc, [row["feature"] for row in ranked[:SUSPECTS]], limit)


if __name__ == "__main__":
    raise SystemExit(main_of("train")(None))

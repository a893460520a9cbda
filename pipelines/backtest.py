"""How steady a model is: rolling-origin folds before the test dates, each a nested run, and the spread over them."""

from __future__ import annotations

import logging

from churn.core.settings import ChurnSettings
from churn.evaluation.plots import plot_folds
from churn.evaluation.report import measure_models
from churn.evaluation.spread import Spread
from churn.integrations.results import StageResult
from churn.integrations.tracking import child_run, stage_run
from churn.modeling.experiment import line_up
from pipelines.arena import open_arena
from pipelines.estimators import build_candidates
from pipelines.features import ensure_dataset
from pipelines.stages import main_of

log = logging.getLogger(__name__)
DRAWN = ("auc", "average_precision", "log_loss")


def run(settings: ChurnSettings) -> StageResult:
    """Fit and measure the model and its baselines in every fold; nothing is registered, no test date is read."""
    result = StageResult()
    models = build_candidates(settings)
    dataset = ensure_dataset(settings)
    with stage_run("backtest", settings, builds_on=dataset.manifest["run_id"]) as tracker:
        tracker.dataset(dataset, "backtest")
        arena = open_arena(dataset, settings, tracker)
        matrix, folds = arena.matrix, arena.folds
        candidates = line_up(*models, arena.catalog, settings)
        measured = {}
        for number, fold in enumerate(folds, start=1):
            with child_run(tracker, fold.name, stage="backtest-fold", fold=fold.name) as child:
                with result.timed(fold.name):
                    scored = arena.score(fold, candidates)
                measured[fold.name] = measure_models(scored.rows, scored.probabilities, settings.policy.capacity)
                child.metrics(Spread.of({fold.name: measured[fold.name]}).points())
            first = measured[fold.name][candidates[0].name]
            log.info(
                "[%d/%d] %s: AUC %.4f, log loss %.4f", number, len(folds), fold.name, first["auc"], first["log_loss"]
            )
        spread = Spread.of(measured)
        tracker.metrics(spread.flat())
        tracker.json(spread.table.to_dict("records"), "folds.json")
        for metric in DRAWN:
            lines = {model: spread.values(model, metric) for model in spread.models}
            tracker.figure(plot_folds(lines, list(measured), metric), metric)
    for line in spread.lines():
        log.info("%s", line)
    result.run_id, result.metrics, result.rows_in = tracker.run_id, spread.flat(), {"matrix": len(matrix)}
    result.rows_out = {fold.name: int(fold.test.sum()) for fold in folds}
    result.as_of_dates = sorted({str(d.date()) for fold in folds for d in matrix.loc[fold.test, "as_of_date"].unique()})
    name = spread.models[0]
    result.summary = (
        f"{name}: AUC {spread.describe(name, 'auc')}, log loss {spread.describe(name, 'log_loss')} over "
        f"{len(folds)} folds; the test dates stay unread"
    )
    return result


if __name__ == "__main__":
    raise SystemExit(main_of("backtest")(None))

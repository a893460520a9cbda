"""Search for better model parameters on the folds of the backtest; every trial a nested run, and it can be resumed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from churn.core.errors import ConfigRefused
from churn.core.tuning import SMALLER_IS_BETTER, TuneSettings, TuningSettings
from churn.evaluation.report import measure_models
from churn.evaluation.trials import as_overrides, compare_folds, plot_history, plot_importance
from churn.integrations.progress import progress_bar
from churn.integrations.results import StageResult
from churn.integrations.store import code_fingerprint, fingerprint
from churn.integrations.studies import (
    FOLDS,
    complete_trials,
    default_trial,
    describe_trials,
    measure_importance,
    open_study,
    settle,
    settled_trials,
)
from churn.integrations.tracker import Tracker
from churn.integrations.tracking import child_run, stage_run
from churn.modeling.fit import Candidate
from churn.modeling.search import Arena, default_values, suggest_values, with_values
from pipelines.arena import open_arena
from pipelines.estimators import build_candidates
from pipelines.features import ensure_dataset
from pipelines.stages import main_of

if TYPE_CHECKING:
    from optuna import Study, Trial

log = logging.getLogger(__name__)
DECIDES = ("model", "split", "sample", "calibration", "evaluation", "windows")


def run(settings: TuneSettings) -> StageResult:
    """Try parameters until as many trials are settled as wanted, and compare the best with the model's own.

    Raises
    ------
    ConfigRefused
        When the split keeps no dates untouched, or the space does not fit the model.
    """
    result, tuning = StageResult(), settings.tuning
    if settings.split.kind == "by_customer":
        raise ConfigRefused(["split: a search needs dates to keep untouched; every customer is a test of by_customer"])
    model, _ = build_candidates(settings)
    defaults = default_values(model, tuning)
    dataset = ensure_dataset(settings)
    decides = settings.model_dump(mode="json", include=set(DECIDES))
    space, code = tuning.model_dump(mode="json", exclude={"trials"}), code_fingerprint("churn.modeling")
    key = fingerprint([dataset.fingerprint, decides, space, code])
    with (
        stage_run("tune", settings, builds_on=dataset.manifest["run_id"]) as tracker,
        open_study(settings, tuning, key, defaults) as study,
    ):
        tracker.dataset(dataset, "tuning")
        tracker.tag(study=study.study_name)
        arena = open_arena(dataset, settings, tracker)
        former = len(settled_trials(study))
        if former:
            log.info("tune: going on with %s: %d of %d trials are there", study.study_name, former, tuning.trials)
        with result.timed("search"), progress_bar("tuning", tuning.trials, former) as step:
            while len(settled_trials(study)) < tuning.trials:
                step(_try_one(study, arena, model, tuning, tracker))
        lines = _report(study, tuning, tracker, result)
    for line in lines:
        log.info("%s", line)
    result.run_id, result.rows_in = tracker.run_id, {"matrix": len(arena.matrix)}
    result.rows_out = {"trials": len(settled_trials(study)), "complete": len(complete_trials(study))}
    return result


def _try_one(study: Study, arena: Arena, model: Candidate, tuning: TuningSettings, tracker: Tracker) -> str:
    """Run one trial fold by fold, giving it up where the pruner says so; return it in words."""
    trial: Trial = study.ask()
    values = suggest_values(trial, tuning.space)
    with child_run(tracker, f"trial-{trial.number}", stage="tune-trial", trial=trial.number) as child:
        child.params(values)
        found: list[float] = []
        for number, scored in enumerate(arena.scores(with_values(model, values))):
            measured = measure_models(scored.rows, scored.probabilities, arena.settings.policy.capacity)
            found.append(measured[model.name][tuning.metric])
            child.metrics({f"{tuning.metric}_fold_{number}": found[-1]})
            trial.report(float(np.mean(found)), number)
            if number + 1 < len(arena.folds) and trial.should_prune():
                break
        is_whole = len(found) == len(arena.folds)
        child.tag(state="complete" if is_whole else "pruned")
        child.metrics({tuning.metric: float(np.mean(found))})
    settle(study, trial, found, float(np.mean(found)) if is_whole else None)
    state = f"{np.mean(found):.4f}" if is_whole else f"given up after {len(found)} folds"
    return f"{tuning.metric} {state} (best {study.best_value:.4f})"


def _report(study: Study, tuning: TuningSettings, tracker: Tracker, result: StageResult) -> list[str]:
    """Log what was found, fill the result, and return the lines to show."""
    default, best, is_falling = default_trial(study), study.best_trial, tuning.metric in SMALLER_IS_BETTER
    found: dict[int, float] = {t.number: float(t.value) for t in complete_trials(study) if t.value is not None}
    importance = measure_importance(study, tuning.seed)
    tracker.figure(plot_history(found, found[default.number], tuning.metric, is_falling), "history")
    if importance:
        tracker.figure(plot_importance(importance, tuning.metric), "importance")
    trials = describe_trials(study, tuning.metric)
    tracker.json(trials, "trials.json")
    words = as_overrides(best.params)
    tracker.text(f"churn train {words}\n", "tuned.txt")
    result.metrics = {"default": found[default.number], "tuned": found[best.number]}
    tracker.metrics({f"{tuning.metric}_{name}": value for name, value in result.metrics.items()})
    compared = compare_folds(default.user_attrs[FOLDS], best.user_attrs[FOLDS], is_falling)
    result.summary = f"{tuning.metric} {compared}; {len(trials)} trials, {len(trials) - len(found)} given up early"
    result.notes = [words]
    weights = [f"  {name:<24} {share:.2f}" for name, share in importance.items()]
    return [
        *(["share of the variance by parameter:", *weights] if weights else []),
        f"to train with it (other overrides as now): churn train {words}",
    ]


if __name__ == "__main__":
    raise SystemExit(main_of("tune")(None))

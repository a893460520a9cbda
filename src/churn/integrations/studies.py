"""Optuna studies in SQLite: a search that was stopped goes on where it was, with what it has learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.core.errors import DependencyDown, first_line
from churn.core.settings import ChurnSettings
from churn.core.tuning import TuningSettings
from churn.integrations.locks import hold_lock
from churn.integrations.store import output_errors

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

DATABASE = "tuning.db"
DEFAULT, FOLDS = "is_default", "folds"
SETUP_WAIT_SECONDS = 120
LEAST_FOR_IMPORTANCE = 5


@contextmanager
def open_study(
    settings: ChurnSettings, tuning: TuningSettings, key: str, defaults: Mapping[str, Any]
) -> Iterator[Study]:
    """Open the study of this key for the block, and hold it against other runs.

    A new study tries the defaults first. Trials that a killed run left unfinished are tried again.

    Parameters
    ----------
    key
        What the study is about: another data set, model, space or code of the models is another study.

    Raises
    ------
    RunLocked
        When another run is at work on the same study.
    DependencyDown
        When the file of the studies cannot be read.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = settings.paths.models
    name = f"{settings.source.name}-{settings.model.name}-{key}"
    with hold_lock(folder / f".tuning-{key}.lock"), output_errors(folder / DATABASE):
        with hold_lock(folder / ".tuning-setup.lock", wait_seconds=SETUP_WAIT_SECONDS), _readable(folder / DATABASE):
            storage = optuna.storages.RDBStorage(f"sqlite:///{folder / DATABASE}?timeout=60")
            study = optuna.create_study(
                storage=storage, study_name=name, direction=tuning.direction, load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=tuning.prune_after_trials),
            )  # fmt: skip
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=tuning.random_trials, seed=tuning.seed + len(study.trials)
        )
        if not study.trials:
            study.enqueue_trial(dict(defaults), user_attrs={DEFAULT: True})
        _try_again(study)
        yield study


@contextmanager
def _readable(database: Path) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        raise DependencyDown(
            f"the searches kept in {database} cannot be read ({first_line(error)}); restore that file from a copy, or "
            "move it away to begin anew"
        ) from error


def _try_again(study: Study) -> None:
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        given = trial.params or trial.system_attrs.get("fixed_params", {})
        is_default = {DEFAULT: True} if trial.user_attrs.get(DEFAULT) else {}
        study.enqueue_trial(given, user_attrs=is_default)


def settled_trials(study: Study) -> list[FrozenTrial]:
    """Return the trials that were measured to the end or given up on the way, in their order."""
    from optuna.trial import TrialState

    return list(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))


def complete_trials(study: Study) -> list[FrozenTrial]:
    """Return the trials that were measured in every fold, in their order."""
    from optuna.trial import TrialState

    return list(study.get_trials(states=(TrialState.COMPLETE,)))


def default_trial(study: Study) -> FrozenTrial:
    """Return the finished trial of the model's own values; it comes first and so is never given up."""
    return next(trial for trial in complete_trials(study) if trial.user_attrs.get(DEFAULT))


def settle(study: Study, trial: Trial, folds: Sequence[float], value: float | None) -> None:
    """Keep what a trial was worth fold by fold and over all folds; None where it was given up on the way."""
    from optuna.trial import TrialState

    trial.set_user_attr(FOLDS, list(folds))
    study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)


def describe_trials(study: Study, metric: str) -> list[dict[str, Any]]:
    """Return one plain mapping per settled trial: number, state, parameters, the metric and its value in each fold."""
    return [
        {"trial": t.number, "state": t.state.name.lower(), **t.params, metric: t.value, FOLDS: t.user_attrs[FOLDS]}
        for t in settled_trials(study)
    ]


def measure_importance(study: Study, seed: int) -> dict[str, float]:
    """Return the share of the metric's variance that each parameter explains; nothing where too few were tried.

    References
    ----------
    Hutter, Hoos, Leyton-Brown 2014, An efficient approach for assessing hyperparameter importance (fANOVA).
    """
    import optuna

    done = complete_trials(study)
    if len(done) < LEAST_FOR_IMPORTANCE or len({trial.value for trial in done}) < LEAST_FOR_IMPORTANCE:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))

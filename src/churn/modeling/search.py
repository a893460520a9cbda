"""One trial of a search: parameters drawn from the space, and a candidate that has them, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd
from sklearn.base import clone

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.core.suggestions import did_you_mean
from churn.core.tuning import ParameterSettings, TuningSettings
from churn.features.catalog import Catalog
from churn.modeling.experiment import FoldScores, score_fold
from churn.modeling.fit import Candidate
from churn.snapshots.splits import Fold


class Trial(Protocol):
    """What suggests values."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...  # noqa: D102
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...  # noqa: D102
    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Arena:
    """Where candidates compete: the rows, the folds and all that stays the same."""

    matrix: pd.DataFrame
    catalog: Catalog
    folds: Sequence[Fold]
    settings: ChurnSettings
    problem: Mapping[str, Any]

    def score(self, fold: Fold, candidates: Sequence[Candidate]) -> FoldScores:
        """Return the candidates' probabilities on the test rows of a fold."""
        return score_fold(self.matrix, fold, candidates, self.catalog, self.settings, self.problem)

    def scores(self, candidate: Candidate) -> Iterator[FoldScores]:
        """Yield the candidate's probabilities fold by fold, earliest first."""
        for fold in self.folds:
            yield self.score(fold, [candidate])


def suggest_values(trial: Trial, space: Mapping[str, ParameterSettings]) -> dict[str, Any]:
    """Return one value per parameter, as the trial suggests them."""
    return {name: _suggest(trial, name, where) for name, where in space.items()}


def _suggest(trial: Trial, name: str, where: ParameterSettings) -> Any:
    if where.kind == "choice":
        return trial.suggest_categorical(name, where.choices)
    low, high = float(where.low or 0), float(where.high or 0)
    if where.kind == "int":
        return trial.suggest_int(name, int(low), int(high), log=where.log)
    return trial.suggest_float(name, low, high, log=where.log)


def with_values(candidate: Candidate, values: Mapping[str, Any]) -> Candidate:
    """Return the candidate with other parameters."""
    return replace(candidate, estimator=clone(candidate.estimator).set_params(**values))


def default_values(candidate: Candidate, tuning: TuningSettings) -> dict[str, Any]:
    """Return what the model's own configuration has for the parameters of the space: the first trial.

    Raises
    ------
    ConfigRefused
        For parameters the estimator does not have, and defaults that the space does not hold.
    """
    known = candidate.estimator.get_params()
    kind = type(candidate.estimator).__name__
    problems = [
        f"tuning.space.{name}: not a parameter of {kind}{did_you_mean(name, list(known))}; choose tuning= to fit model="
        for name in tuning.space
        if name not in known
    ]
    problems += [
        f"tuning.space.{name}: does not hold the model's own value {known[name]!r}, so the two cannot be compared"
        for name, where in tuning.space.items()
        if name in known and not where.holds(known[name])
    ]
    if problems:
        raise ConfigRefused(problems)
    return {name: known[name] for name in tuning.space}

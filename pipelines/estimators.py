"""Estimators out of model groups; what cannot be made is refused before any data is read."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from sklearn.base import clone, is_classifier

from churn.core.errors import ConfigRefused, first_line
from churn.core.settings import ChurnSettings, ModelSettings
from churn.core.suggestions import did_you_mean
from churn.modeling.calibration import sigmoid
from churn.modeling.fit import Candidate

STDERR = 2


def build_candidates(settings: ChurnSettings) -> tuple[Candidate, Candidate]:
    """Return the model and its linear baseline, unfitted.

    Raises
    ------
    ConfigRefused
        With every class that is not there or is no classifier, every parameter that its class does not know or take,
        and every objective of LightGBM whose scores are not log-odds.
    """
    groups = {"model": settings.model, "baseline": settings.baseline}
    problems = [
        problem for group, model in groups.items() for problem in _problems(f"{group}.estimator", model.estimator)
    ]
    if problems:
        raise ConfigRefused(problems)
    model, baseline = build_candidate(settings.model), build_candidate(settings.baseline)
    others = [type(one.estimator).__name__ for one in (model, baseline) if not is_classifier(one.estimator)]
    if others:
        raise ConfigRefused([f"{name} is no classifier: choose another _target_ of the estimator" for name in others])
    return model, baseline


def build_candidate(model: ModelSettings) -> Candidate:
    """Return the candidate that a model group describes."""
    estimator = hydra.utils.instantiate(model.estimator, _convert_="all")
    chosen = model.model_dump(include={"stopping_rounds", "monotone", "least_columns", "inputs"})
    return Candidate(model.name, model.encoding, estimator, **chosen)


def _problems(key: str, estimator: dict[str, Any]) -> list[str]:
    target = estimator["_target_"]
    try:
        known = _parameters(hydra.utils.get_class(target))
    except Exception as error:  # noqa: BLE001 - importing what is named may fail in any way
        return [f"{key}._target_: no class '{target}' ({first_line(error)})"]
    unknown = [name for name in estimator if not name.startswith("_") and name not in known]
    problems = [f"{key}.{name}: not a parameter of {target}{did_you_mean(name, known)}" for name in unknown]
    for name, value in estimator.items():  # an estimator may be made of others
        problems += _problems(f"{key}.{name}", value) if isinstance(value, dict) and "_target_" in value else []
    return problems or _refused_values(key, hydra.utils.instantiate(estimator, _convert_="all"))


def _parameters(kind: type) -> list[str]:
    names = [name for name, p in inspect.signature(kind).parameters.items() if p.kind is not p.VAR_KEYWORD]
    if not kind.__module__.startswith("lightgbm"):
        return names
    from lightgbm.basic import _ConfigAliases  # LightGBM takes any keyword, and ignores those it does not know

    aliases = _ConfigAliases._get_all_param_aliases()
    return [*names, *aliases, *(alias for others in aliases.values() for alias in others)]


def _refused_values(key: str, estimator: Any) -> list[str]:
    try:
        if hasattr(estimator, "_parameter_constraints"):
            estimator._validate_params()
        elif type(estimator).__module__.startswith("lightgbm"):  # it judges values only as it begins to fit
            return _refused_scores(key, clone(estimator))
    except Exception as error:  # noqa: BLE001 - LightGBM has errors of its own
        return [f"{key}: {first_line(error).partition(' at /')[0]}"]
    return []


def _refused_scores(key: str, estimator: Any) -> list[str]:
    """Return what is wrong with the raw scores of a LightGBM classifier, which all that follows takes for log-odds."""
    inputs, left = np.array([[0.0], [0.0], [1.0]]), np.array([0, 0, 1])
    with _unheard():
        fitted = estimator.fit(inputs, left)
        probability, score = fitted.predict_proba(inputs)[:, 1], fitted.predict(inputs, raw_score=True)
    if np.allclose(sigmoid(score), probability):
        return []
    problem = f"its scores are not log-odds (objective={fitted.objective_}); leave objective and sigmoid as they are"
    return [f"{key}: {problem}"]


@contextmanager
def _unheard() -> Iterator[None]:
    """Drop warnings, and what a library writes to the standard error itself: LightGBM says there what it raises too."""
    kept = os.dup(STDERR)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), STDERR)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)

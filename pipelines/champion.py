"""The champion in use, measured on the test rows of a new model, so that the gate can compare them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from churn.core.errors import DependencyDown
from churn.core.settings import ChurnSettings
from churn.core.windows import days_before
from churn.evaluation.gate import CHAMPION
from churn.evaluation.predictions import fingerprint_of, in_order_of, judged_probability, to_predictions
from churn.integrations.aliases import champion_version
from churn.integrations.registry import load_model
from churn.integrations.training_runs import predictions_of_version
from churn.modeling.bundle import Bundle
from churn.modeling.experiment import Experiment

log = logging.getLogger(__name__)
SAME_QUESTION = ("lead_days", "horizon_days", "observation_days")


def beside_champion(experiment: Experiment, settings: ChurnSettings) -> tuple[Experiment, str | None]:
    """Return the experiment with the champion's probabilities among its models, and the champion's version.

    Where the champion was tested on these very rows, its own test predictions are taken; else it scores them, provided
    that it answers the same question, finds its features, and has learned from none of them. Otherwise the experiment
    comes back as it was, with None.
    """
    version = champion_version(settings)
    if version is None:
        return experiment, None
    rows = experiment.test_rows
    keys = to_predictions(rows, {}, None)
    theirs = predictions_of_version(settings, version)
    if theirs is not None and fingerprint_of(theirs) == fingerprint_of(keys):
        probability = judged_probability(in_order_of(theirs, keys))
        return _with_champion(experiment, probability), version
    try:
        bundle = load_model(settings, version).bundle
    except DependencyDown as error:
        log.warning("the champion is not measured beside this model: %s", error)
        return experiment, None
    reason = _why_not(bundle, rows, settings)
    if reason is not None:
        log.info("the champion, version %s, is not measured beside this model: %s", version, reason)
        return experiment, None
    return _with_champion(experiment, bundle.probability(bundle.raw_score(rows))), version


def _with_champion(experiment: Experiment, probability: np.ndarray) -> Experiment:
    return replace(experiment, probabilities={**experiment.probabilities, CHAMPION: probability})


def _why_not(bundle: Bundle, rows: pd.DataFrame, settings: ChurnSettings) -> str | None:
    missing = [name for name in bundle.catalog.names if name not in rows.columns]
    if missing:
        return f"{len(missing)} of its features are not built any more ({', '.join(missing[:3])})"
    problem, windows = bundle.problem, settings.windows.model_dump(mode="json")
    same = problem["label"] == settings.label.model_dump(mode="json") and all(
        problem["windows"][name] == windows[name] for name in SAME_QUESTION
    )
    if not same:
        return "it answers another question (label or windows)"
    first = rows["as_of_date"].min().date()
    if bundle.last_fit_date > str(days_before(first, settings.embargo_days)):
        return f"it has learned from dates up to {bundle.last_fit_date}"
    return None

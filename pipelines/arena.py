"""Where candidates compete before the test dates, for the stages that measure on rolling folds."""

from __future__ import annotations

from churn.core.settings import ChurnSettings
from churn.integrations.layers import Layer
from churn.integrations.samples import read_training_rows
from churn.integrations.tracker import Tracker
from churn.modeling.experiment import backtest_folds, describe_problem
from churn.modeling.fit import require_outcomes
from churn.modeling.search import Arena


def open_arena(dataset: Layer, settings: ChurnSettings, tracker: Tracker) -> Arena:
    """Return the rows and folds of a backtest; figures of a sample go to the run.

    Raises
    ------
    DataRefused
        When the dates do not suffice for the folds, or too few customers leave in one of them.
    """
    training = read_training_rows(dataset, settings, backtest_folds)
    tracker.metrics(training.metrics)
    folds = backtest_folds(training.matrix, settings)
    require_outcomes(training.matrix, folds, settings.evaluation.min_positives)
    problem = describe_problem(settings, dataset.manifest["features"])
    return Arena(training.matrix, training.catalog, folds, settings, problem)

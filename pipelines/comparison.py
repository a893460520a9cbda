"""Training runs out of MLflow, compared on their common test rows."""

from __future__ import annotations

from collections.abc import Sequence

from churn.core.settings import ChurnSettings
from churn.evaluation.comparison import Comparison, compare_runs
from churn.evaluation.comparison_page import write_page
from churn.integrations.training_runs import different_params, find_training_runs, read_predictions


def compare(settings: ChurnSettings, wanted: Sequence[str], metric: str) -> tuple[Comparison, str]:
    """Return the comparison of training runs (the newest where none is named) and its page as HTML."""
    runs = find_training_runs(settings, wanted)
    predictions = {run.label: read_predictions(settings, run.run_id) for run in runs}
    comparison = compare_runs(predictions, metric, settings.evaluation, settings.policy)
    facts = {
        run.label: {"run": run.run_id, "started": run.started, "status": run.tags.get("status", "")} for run in runs
    }
    return comparison, write_page(comparison, facts, different_params(runs), settings)

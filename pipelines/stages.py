"""Every stage by its name. Its module, with the libraries it needs, is loaded only once its settings are found good."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from churn.core.settings import ChurnSettings
from churn.core.tuning import TuneSettings
from churn.integrations.interrupts import interruptible
from churn.integrations.results import StageResult
from churn.integrations.tracking import describe_run
from churn.simulation.settings import SimulateSettings
from pipelines.entry import stage_main

SETTINGS: Mapping[str, type[ChurnSettings]] = {
    "demo": SimulateSettings, "simulate": SimulateSettings, "tune": TuneSettings,
}  # fmt: skip


def main_of(stage: str) -> Callable[[Sequence[str] | None], int]:
    """Return the `main` of a stage: takes command-line arguments, returns the exit code.

    A mistake in the settings is said within a second or two; scikit-learn, LightGBM and MLflow take five more to load.
    """
    return stage_main(stage, SETTINGS.get(stage, ChurnSettings), partial(run_stage, stage))


def run_stage(stage: str, settings: ChurnSettings) -> StageResult:
    """Run a stage; the line it ends with is then also the description of its MLflow run."""
    with interruptible():
        module = importlib.import_module(f"pipelines.{stage}")
    result: StageResult = module.run(settings)
    describe_run(settings, result)
    return result

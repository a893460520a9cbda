"""Settings in a folder, and what the store there knows of a run."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.entities import Run

from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect
from pipelines.composition import compose


def settings_at(home: Path, *overrides: str) -> ChurnSettings:
    folders = [f"paths.{part}={home / part}" for part in ("data", "models", "runs")]
    return compose("train", ChurnSettings, [*folders, *overrides])


def run_of(settings: ChurnSettings, run_id: str) -> Run:
    return connect(settings)[0].get_run(run_id)


def artifact_text(run_id: str, name: str) -> str:
    return mlflow.artifacts.load_text(f"runs:/{run_id}/{name}")

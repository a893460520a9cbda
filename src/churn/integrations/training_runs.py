"""Finished training runs in MLflow: found by run id, version or alias, with what they predicted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from churn.core.errors import DependencyDown
from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect, store_errors
from churn.integrations.registry import describe_versions, find_version, model_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PREDICTIONS = "predictions.parquet"
TEST_TAG, CHAMPION_TAG = "test_fingerprint", "champion_version"
LEAST_ID = 4
NEWEST = 10


@dataclass(frozen=True)
class TrainingRun:
    """A finished training run: its id, a short label for people, and what MLflow knows of it."""

    run_id: str
    label: str
    version: str
    started: str
    params: Mapping[str, str]
    tags: Mapping[str, str]


def find_training_runs(settings: ChurnSettings, wanted: Sequence[str]) -> list[TrainingRun]:
    """Return the training runs asked for; without any, the newest that share the newest one's test set.

    Parameters
    ----------
    wanted
        Version numbers, aliases (`champion`, `challenger`, `latest`), or run ids (or how they begin).

    Raises
    ------
    DependencyDown
        For a run or version that is not there; those there are get listed.
    """
    client, experiment_id = connect(settings)
    with store_errors(settings.tracking):
        return _find(client, experiment_id, settings, wanted)


def _find(
    client: MlflowClient, experiment_id: str, settings: ChurnSettings, wanted: Sequence[str]
) -> list[TrainingRun]:
    name = model_name(settings)
    found = client.search_runs(
        [experiment_id], "tags.stage = 'train' and attributes.status = 'FINISHED'", max_results=1000
    )
    runs = sorted((run for run in found if TEST_TAG in run.data.tags), key=_version_number, reverse=True)
    if not runs:
        raise DependencyDown(
            f"no training run of {name} has finished yet. {describe_versions(client, name)}. "
            f"This was source={settings.source.name}; choose another with source=NAME"
        )
    if not wanted:
        newest = runs[0].data.tags[TEST_TAG]
        return [_describe(run) for run in [run for run in runs if run.data.tags[TEST_TAG] == newest][:NEWEST]]
    chosen = {word: _choose(client, name, runs, word) for word in dict.fromkeys(wanted)}
    missing = ", ".join(f"'{word}'" for word, run in chosen.items() if run is None)
    if missing:
        last = ", ".join(f"{run.label} ({run.run_id[:8]})" for run in [_describe(run) for run in runs[:5]])
        raise DependencyDown(
            f"{name} has no version or finished training run {missing}. {describe_versions(client, name)}. "
            f"The last runs: {last}"
        )
    return list({run.info.run_id: _describe(run) for run in chosen.values() if run is not None}.values())


def read_predictions(settings: ChurnSettings, run_id: str) -> pd.DataFrame:
    """Return what a training run's models said of its test rows, as `to_predictions` made it.

    Raises
    ------
    DependencyDown
        When the store does not answer, or the file is damaged.
    """
    client, _ = connect(settings)
    with tempfile.TemporaryDirectory() as folder, store_errors(settings.tracking):
        path = Path(client.download_artifacts(run_id, PREDICTIONS, folder))
        try:
            return pd.read_parquet(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise DependencyDown(
                f"{PREDICTIONS} of run {run_id} is damaged ({path.stat().st_size:,} bytes); restore it from a copy of "
                "MLflow's artifacts, or train again"
            ) from error


def predictions_of_version(settings: ChurnSettings, version: str) -> pd.DataFrame | None:
    """Return what the training run of a version predicted, or None where it is not kept (any more)."""
    try:
        (run,) = find_training_runs(settings, [version])
        return read_predictions(settings, run.run_id)
    except DependencyDown:
        return None


def read_artifact_json(settings: ChurnSettings, run_id: str, name: str) -> Any:
    """Return a JSON artifact of a run."""
    import mlflow

    connect(settings)
    with store_errors(settings.tracking):
        return mlflow.artifacts.load_dict(f"runs:/{run_id}/{name}")


def read_artifact_text(settings: ChurnSettings, run_id: str, name: str) -> str:
    """Return a text artifact of a run."""
    import mlflow

    connect(settings)
    with store_errors(settings.tracking):
        return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{name}"))


def write_artifact_text(settings: ChurnSettings, run_id: str, name: str, text: str) -> None:
    """Write a text artifact of a run that has ended, in place of the former."""
    client, _ = connect(settings)
    with store_errors(settings.tracking):
        client.log_text(run_id, text, name)


def different_params(runs: Sequence[TrainingRun]) -> pd.DataFrame:
    """Return the settings in which runs differ: one row per setting, one column per run's label."""
    table = pd.DataFrame({run.label: {k: v for k, v in run.params.items() if "." in k} for run in runs})
    return table[table.ne(table.iloc[:, 0], axis=0).any(axis=1)].sort_index()


def _choose(client: MlflowClient, name: str, runs: Sequence[Run], word: str) -> Run | None:
    version = find_version(client, name, word)
    if version is not None:
        return next((run for run in runs if run.info.run_id == version.run_id), None)
    matches = [run for run in runs if len(word) >= LEAST_ID and run.info.run_id.startswith(word)]
    return matches[0] if len(matches) == 1 else None


def _version_number(run: Run) -> int:
    """Return the number by which a run is older or newer than another, whatever the clock said at the time."""
    return int(run.data.tags.get("model_version", 0))


def _describe(run: Run) -> TrainingRun:
    version = run.data.tags.get("model_version", "")
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    name = run.data.params.get("model.name", "model")
    return TrainingRun(run.info.run_id, f"v{version} {name}", version, started, run.data.params, run.data.tags)

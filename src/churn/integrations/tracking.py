"""MLflow: one run per stage, opened here and nowhere else, and one tracker that takes results.

The default store is SQLite plus a folder, set up once under a lock because concurrent migrations crash. MLflow's
usage telemetry is switched off.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from churn.core.errors import ChurnError, DependencyDown, Terminated
from churn.core.settings import ChurnSettings
from churn.integrations.locks import hold_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
SETUP_WAIT_SECONDS = 120
PARAM_LIMIT = 500
PROCESS_TAG = "churn.process"


class Tracker:
    """The open run of one stage: takes parameters, metrics, tables, figures and files."""

    def __init__(self, run_id: str, settings: ChurnSettings) -> None:
        self.run_id = run_id
        self.settings = settings

    def tag(self, **tags: object) -> None:
        """Set tags on the run."""
        import mlflow

        mlflow.set_tags({key: str(value) for key, value in tags.items()})

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log metrics; values that are not there (None) are left out."""
        import mlflow

        mlflow.log_metrics({key: float(value) for key, value in values.items() if value is not None})

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters, long values cut."""
        import mlflow

        mlflow.log_params({key: str(value)[:PARAM_LIMIT] for key, value in values.items()})

    def table(self, content: object, name: str) -> None:
        """Log plain content as a JSON artifact."""
        import mlflow

        mlflow.log_dict(content, name)

    def text(self, content: str, name: str) -> None:
        """Log text as an artifact."""
        import mlflow

        mlflow.log_text(content, name)

    def figure(self, figure: Any, name: str) -> None:
        """Log a matplotlib figure under `plots/` and close it."""
        import matplotlib.pyplot as plt
        import mlflow

        mlflow.log_figure(figure, f"plots/{name}.png", save_kwargs={"dpi": 120, "bbox_inches": "tight"})
        plt.close(figure)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact."""
        import mlflow

        mlflow.log_artifact(str(path), folder)

    def dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """Log what the run reads, with its fingerprint."""
        import mlflow
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a folder is a local source, whatever else it might be
            source = resolve_dataset_source(str(path))
        mlflow.log_input(MetaDataset(source, name=name, digest=digest[:36]), context=context)


def connect(settings: ChurnSettings) -> tuple[MlflowClient, str]:
    """Return a client and the id of the experiment, both created where they are not there yet.

    Raises
    ------
    DependencyDown
        When the tracking server or its database does not answer.
    """
    import mlflow

    tracking = settings.tracking
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking.uri)
    lock = settings.paths.models / ".mlflow-setup.lock"
    try:
        with hold_lock(lock, wait_seconds=SETUP_WAIT_SECONDS):
            client = mlflow.MlflowClient()
            return client, _experiment(client, settings)
    except ChurnError:
        raise
    except Exception as error:
        raise DependencyDown(
            f"MLflow at {tracking.uri} does not answer ({type(error).__name__}: {str(error).splitlines()[0][:200]}); "
            "start it, or unset MLFLOW_TRACKING_URI to use the local store"
        ) from error


def _experiment(client: MlflowClient, settings: ChurnSettings) -> str:
    tracking = settings.tracking
    found = client.get_experiment_by_name(tracking.experiment)
    if found is not None:
        return str(found.experiment_id)
    is_local = tracking.uri.startswith("sqlite:")
    location = tracking.artifacts.resolve().as_uri() if is_local else None
    return str(client.create_experiment(tracking.experiment, artifact_location=location))


@contextmanager
def stage_run(stage: str, settings: ChurnSettings, builds_on: str | None = None) -> Iterator[Tracker]:
    """Open the MLflow run of a stage, tagged with stage, source, git commit and the run it builds on.

    On an error the run ends FAILED (KILLED on SIGTERM) with the tag `failure.code`, and the error goes on.
    """
    import mlflow

    client, experiment_id = connect(settings)
    _close_stale_runs(client, experiment_id)
    run = mlflow.start_run(experiment_id=experiment_id, run_name=f"{stage}-{settings.source.name}", nested=True)
    tracker = Tracker(run.info.run_id, settings)
    status = "FAILED"
    try:
        tracker.tag(
            **{"stage": stage, "source": settings.source.name, PROCESS_TAG: _process_name()},
            **_git_tags(settings),
        )
        if builds_on:
            tracker.tag(builds_on=builds_on)
        resolved = settings.model_dump(mode="json")
        tracker.table(resolved, "config.json")
        tracker.params(
            _flatten({k: v for k, v in resolved.items() if k not in ("paths", "tracking", "engine", "source")})
        )
        yield tracker
        status = "FINISHED"
    except BaseException as error:
        status = "KILLED" if isinstance(error, Terminated | KeyboardInterrupt) else "FAILED"
        code = error.code if isinstance(error, ChurnError) else type(error).__name__
        tracker.tag(**{"failure.code": code, "failure.message": str(error)[:PARAM_LIMIT]})
        raise
    finally:
        mlflow.end_run(status)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _close_stale_runs(client: MlflowClient, experiment_id: str) -> None:
    """Close runs of this machine whose process is gone; SIGKILL leaves them RUNNING for ever."""
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=100)
    for run in running:
        host, _, pid = run.data.tags.get(PROCESS_TAG, "").partition(":")
        if host == socket.gethostname() and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            client.set_terminated(run.info.run_id, "KILLED")


def _git_tags(settings: ChurnSettings) -> dict[str, str]:
    root = str(settings.paths.root)
    try:
        commit = _git(root, "rev-parse", "HEAD")
        is_clean = not _git(root, "status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"mlflow.source.git.commit": commit, "git.is_clean": str(is_clean).lower()}


def _git(root: str, *arguments: str) -> str:
    command = ["git", "-C", root, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

"""MLflow: one run per stage, opened here and nowhere else, and one tracker that takes results.

The default store is SQLite plus a folder, set up once under a lock because concurrent migrations crash. MLflow's
usage telemetry is switched off.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # a server that is down is said within the minute

from churn.core.errors import ChurnError, DataRefused, DependencyDown, OutputFailed, Terminated
from churn.core.settings import ChurnSettings, TrackingSettings
from churn.integrations.locks import hold_lock
from churn.integrations.outbox import keep_results, send_kept
from churn.integrations.results import StageResult

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
SETUP_WAIT_SECONDS = 120
TEXT_LIMIT = 500
UNLISTED = ("paths", "tracking", "engine", "source")
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
UNWRITABLE_TEXTS = ("disk is full", "No space left", "readonly database", "unable to open database file")
PROCESS_TAG = "churn.process"
ADDRESS = "MLFLOW_TRACKING_URI"


class Tracker:
    """The open run of one stage: takes parameters, metrics, tables, figures and files."""

    def __init__(self, run_id: str, settings: ChurnSettings) -> None:
        self.run_id = run_id
        self.settings = settings

    def tag(self, **tags: object) -> None:
        """Set tags on the run."""
        self._send("set_tags", {key: str(value) for key, value in tags.items()})

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log metrics; values that are not there (None) are left out.

        Raises
        ------
        DataRefused
            When a value is not a finite number: a run with such a figure must not look like a good one.
        """
        there = {key: float(value) for key, value in values.items() if value is not None}
        require_finite(there)
        self._send("log_metrics", there)

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters, long values cut."""
        self._send("log_params", {key: str(value)[:TEXT_LIMIT] for key, value in values.items()})

    def table(self, content: object, name: str) -> None:
        """Log plain content as a JSON artifact."""
        self._send("log_dict", content, name)

    def frame(self, frame: pd.DataFrame, name: str) -> None:
        """Log a table as a Parquet artifact."""
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(Path(folder) / name, index=False, compression="zstd")
            self.file(Path(folder) / name)

    def text(self, content: str, name: str) -> None:
        """Log text as an artifact."""
        self._send("log_text", content, name)

    def figure(self, figure: Any, name: str) -> None:
        """Log a matplotlib figure under `plots/` and close it."""
        import matplotlib.pyplot as plt

        self._send("log_figure", figure, f"plots/{name}.png", save_kwargs={"dpi": 120, "bbox_inches": "tight"})
        plt.close(figure)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact."""
        self._send("log_artifact", str(path), folder)

    def dataset(self, name: str, path: Path, digest: str, context: str) -> None:
        """Log what the run reads, with its fingerprint."""
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a folder is a local source, whatever else it might be
            source = resolve_dataset_source(str(path))
        self._send("log_input", MetaDataset(source, name=name, digest=digest[:36]), context=context)

    def _send(self, call: str, *arguments: object, **options: object) -> None:
        import mlflow

        with store_errors(self.settings.tracking):
            getattr(mlflow, call)(*arguments, **options)


def require_finite(metrics: Mapping[str, float]) -> None:
    """Refuse metrics that are not finite numbers.

    Raises
    ------
    DataRefused
        Naming them.
    """
    odd = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
    if odd:
        raise DataRefused(
            f"{len(odd)} metrics are no numbers: {', '.join(odd[:5])}",
            code="metric_not_finite",
            remedy="They are the judged model's: its probabilities do not vary, or too few churned to measure on. With "
            "few leavers take model=logistic or experiment=small_data; else take more dates",
        )


@contextmanager
def store_errors(tracking: TrackingSettings) -> Iterator[None]:
    """Turn a store that is full into `OutputFailed` and one that does not answer into `DependencyDown`."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        address = hide_passwords(tracking.uri)
        cause = error if address == tracking.uri else None  # a traceback would show the address in full
        said = hide_passwords(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:TEXT_LIMIT]}")
        if getattr(error, "errno", None) in UNWRITABLE or any(text in str(error) for text in UNWRITABLE_TEXTS):
            raise OutputFailed(f"cannot write to MLflow at {address} ({said}); lists stand as they were") from cause
        raise DependencyDown(
            f"MLflow at {address} does not answer ({said}); start it, or unset MLFLOW_TRACKING_URI for the local one"
        ) from cause


def hide_passwords(text: str) -> str:
    """Return text with the password of every address in it made unreadable.

    Examples
    --------
    >>> hide_passwords("postgresql://churn:secret@host/mlflow")
    'postgresql://churn:***@host/mlflow'
    """
    return re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1***@", text)


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
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # an environment may well have no pip
    _point_at(tracking.uri)
    lock = settings.paths.models / ".mlflow-setup.lock"
    with hold_lock(lock, wait_seconds=SETUP_WAIT_SECONDS), store_errors(tracking):
        client = mlflow.MlflowClient()
        return client, _experiment(client, settings)


def _point_at(uri: str) -> None:
    """Direct MLflow to a store for this process, without its habit of telling the environment as well.

    Settings composed later in the same process would take the address they find there for the user's own wish.
    """
    import mlflow

    former = os.environ.get(ADDRESS)
    mlflow.set_tracking_uri(uri)
    os.environ.pop(ADDRESS, None)
    if former is not None:
        os.environ[ADDRESS] = former


def _experiment(client: MlflowClient, settings: ChurnSettings) -> str:
    tracking = settings.tracking
    found = client.get_experiment_by_name(tracking.experiment)
    if found is not None:
        return str(found.experiment_id)
    is_local = tracking.uri.startswith("sqlite:")
    location = tracking.artifacts.resolve().as_uri() if is_local else None
    return str(client.create_experiment(tracking.experiment, artifact_location=location))


@contextmanager
def stage_run(
    stage: str, settings: ChurnSettings, builds_on: str | None = None, published: StageResult | None = None
) -> Iterator[Tracker]:
    """Open the MLflow run of a stage, tagged with stage, source, git commit and the run it builds on.

    On an error the run ends FAILED (KILLED on SIGTERM) with the tag `failure.code`, and the error goes on.

    Parameters
    ----------
    published
        The result of a stage whose work stands by itself once its block ends well. Its metrics are sent then; where
        MLflow does not answer they are kept to be sent later, and `published.unsent` says so.
    """
    import mlflow

    client, experiment_id = connect(settings)
    with store_errors(settings.tracking):
        send_kept(settings, client)
        _close_stale_runs(client, experiment_id)
        run = mlflow.start_run(
            experiment_id=experiment_id, run_name=_run_name(stage, settings), nested=True,
            tags=_origin(stage, settings, builds_on),
        )  # fmt: skip
    tracker = Tracker(run.info.run_id, settings)
    try:
        content = describe_settings(settings)
        tracker.table(content, "config.json")
        tracker.params(_flatten({k: v for k, v in content.items() if k not in UNLISTED}))
        yield tracker
    except BaseException as error:
        _end_failed(tracker, error)
        raise
    try:
        tracker.metrics(published.metrics if published else {})
        with store_errors(settings.tracking):
            mlflow.end_run("FINISHED")
    except DependencyDown as error:
        if published is None:
            raise
        kept = keep_results(settings, tracker.run_id, published.metrics)
        published.unsent = f"{error}. What was made stands; its figures wait in {kept} and are sent by the next run"


@contextmanager
def child_run(parent: Tracker, name: str, **tags: object) -> Iterator[Tracker]:
    """Open a run inside an open one, for one fold or one trial; it ends as its block does."""
    import mlflow

    stated = {key: str(value) for key, value in tags.items()} | {PROCESS_TAG: _process_name()}
    with store_errors(parent.settings.tracking):
        experiment_id = mlflow.get_run(parent.run_id).info.experiment_id
        run = mlflow.start_run(
            experiment_id=experiment_id, run_name=name, nested=True, parent_run_id=parent.run_id, tags=stated
        )
    tracker = Tracker(run.info.run_id, parent.settings)
    try:
        yield tracker
    except BaseException as error:
        _end_failed(tracker, error)
        raise
    with store_errors(parent.settings.tracking):
        mlflow.end_run("FINISHED")


def _end_failed(tracker: Tracker, error: BaseException) -> None:
    """End a run with what went wrong; that matters more than a store that cannot be told of it."""
    import mlflow

    is_stopped = isinstance(error, KeyboardInterrupt | Terminated)
    code = Terminated.code if is_stopped else error.code if isinstance(error, ChurnError) else type(error).__name__
    with suppress(ChurnError):
        tracker.tag(**{"failure.code": code, "failure.message": _without_examples(error)[:TEXT_LIMIT]})
    with suppress(ChurnError), store_errors(tracker.settings.tracking):
        mlflow.end_run("KILLED" if is_stopped else "FAILED")


def _without_examples(error: BaseException) -> str:
    """Return the error's text without the ids it names: they are for the screen, not for a shared store."""
    examples = ", ".join(getattr(error, "examples", ()))
    text = str(error).replace(f"; for example {examples}", "") if examples else str(error)
    for example in getattr(error, "examples", ()):
        text = text.replace(str(example), "(an id)")
    return text


def describe_settings(settings: ChurnSettings) -> dict[str, Any]:
    """Return the settings as plain content without secrets."""
    content: dict[str, Any] = settings.model_dump(mode="json")
    content["tracking"]["uri"] = hide_passwords(settings.tracking.uri)
    return content


def _origin(stage: str, settings: ChurnSettings, builds_on: str | None) -> dict[str, str]:
    tags = {"stage": stage, "source": settings.source.name, PROCESS_TAG: _process_name(), **_git_tags(settings)}
    return {**tags, "builds_on": builds_on} if builds_on else tags


def _run_name(stage: str, settings: ChurnSettings) -> str:
    model = f"-{settings.model.name}" if stage in ("train", "backtest", "tune") else ""
    return f"{stage}-{settings.source.name}{model}"


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
        if host == socket.gethostname() and pid.isdigit() and not _is_alive(int(pid)):
            client.set_terminated(run.info.run_id, "KILLED")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, under another user
        return True
    return True


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

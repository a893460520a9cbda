"""The MLflow store: reached here and nowhere else, its errors in the words of this project.

The default store is SQLite plus a folder, set up once under a lock because concurrent migrations crash. MLflow's
usage telemetry is switched off.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # a server that is down is said within the minute

from churn.core.errors import DependencyDown, OutputFailed
from churn.core.settings import ChurnSettings, TrackingSettings
from churn.integrations.locks import hold_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

SETUP_WAIT_SECONDS = 120
SAID_LIMIT = 500
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
UNWRITABLE_TEXTS = (
    "disk is full",
    "disk I/O error",
    "No space left",
    "readonly database",
    "unable to open database file",
)
ADDRESS = "MLFLOW_TRACKING_URI"
LOCAL = "sqlite:"
NOTE_TAG = "mlflow.note.content"  # what MLflow shows as the description
KIND_TAG = "mlflow.experimentKind"  # what MLflow would otherwise guess from the first runs, or ask for
ABOUT = (
    "Every stage that ran on `{name}`, one run each; its description is the line it ended with. Models: search for "
    "`tags.stage = 'train'`, show the columns `auc` and `average_precision`, and sort by one. Figures of the baselines "
    "begin with their names; `_low` and `_high` end an interval."
)


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
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of what `store_errors` says
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # an environment may well have no pip
    _point_at(tracking.uri)
    lock = settings.paths.models / ".mlflow-setup.lock"
    with hold_lock(lock, wait_seconds=SETUP_WAIT_SECONDS), store_errors(tracking):
        _look_into(tracking.uri)
        client = mlflow.MlflowClient()
        return client, _experiment(client, settings)


def _look_into(uri: str) -> None:
    """Read from a local database once: of one that cannot be read, MLflow asks ten times in two minutes."""
    from sqlalchemy.engine import make_url

    address = make_url(uri) if uri.startswith(LOCAL) else None
    if address is not None and address.database is not None and Path(address.database).exists():
        wait_seconds = float(str(address.query.get("timeout", 5)))
        with closing(sqlite3.connect(address.database, timeout=wait_seconds)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()


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
    if found is not None and found.lifecycle_stage != "active":
        raise DependencyDown(
            f"MLflow's experiment '{tracking.experiment}' was deleted; bring it back with 'mlflow experiments restore "
            f"--experiment-id {found.experiment_id}', or name another: tracking.experiment=NAME"
        )
    if found is not None:
        return str(found.experiment_id)
    is_local = tracking.uri.startswith(LOCAL)
    location = tracking.artifacts.resolve().as_uri() if is_local else None
    tags = {KIND_TAG: "custom_model_development", NOTE_TAG: ABOUT.format(name=settings.source.name)}
    return str(client.create_experiment(tracking.experiment, artifact_location=location, tags=tags))


@contextmanager
def store_errors(tracking: TrackingSettings) -> Iterator[None]:
    """Turn a store that is full into `OutputFailed` and one that does not answer into `DependencyDown`."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        address = hide_passwords(tracking.uri)
        cause = error if address == tracking.uri else None  # a traceback would show the address in full
        said = hide_passwords(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:SAID_LIMIT]}")
        if getattr(error, "errno", None) in UNWRITABLE or any(text in str(error) for text in UNWRITABLE_TEXTS):
            place = f"MLflow at {address}, or to {tempfile.gettempdir()} on the way there"
            raise OutputFailed(f"cannot write to {place} ({said}); lists stand as they were") from cause
        raise DependencyDown(f"MLflow at {address} does not answer ({said}); {_remedy(address, said)}") from cause


def _remedy(address: str, said: str) -> str:
    if not address.startswith(LOCAL):
        return "start it, or unset MLFLOW_TRACKING_URI for the local one"
    if "locked" in said:
        return "another process is writing to it: try again later"
    return "restore that file from a copy, or move it away to begin with an empty one"


def hide_passwords(text: str) -> str:
    """Return text with the password of every address in it made unreadable.

    Examples
    --------
    >>> hide_passwords("postgresql://churn:secret@host/mlflow")
    'postgresql://churn:***@host/mlflow'
    """
    return re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1***@", text)

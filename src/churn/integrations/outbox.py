"""Results that MLflow could not take when a run ended: kept on disk, sent at the start of the next run."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.integrations.store import read_json, write_json

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)
FOLDER = "unsent"


def keep_unsent(settings: ChurnSettings, run_id: str, metrics: Mapping[str, float]) -> Path:
    """Keep the figures of a run that ended well but could not say so, and return where."""
    path = settings.paths.runs / FOLDER / f"{run_id}.json"
    write_json(path, {"run_id": run_id, "metrics": dict(metrics), "ended_ms": int(time.time() * 1000)})
    return path


def send_kept(settings: ChurnSettings, client: MlflowClient) -> None:
    """Send what former runs left, one by one; a file is removed once its run has its figures and has ended.

    A run that the store no longer has, or another store's, is left where it is and named.
    """
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    for path in sorted((settings.paths.runs / FOLDER).glob("[!.]*.json")):
        try:
            kept = read_json(path)
        except DataRefused as refusal:
            log.warning("%s; its results cannot be sent", refusal)
            continue
        metrics = [Metric(name, value, kept["ended_ms"], 0) for name, value in kept["metrics"].items()]
        try:
            client.log_batch(kept["run_id"], metrics=metrics)
            client.set_terminated(kept["run_id"], "FINISHED", kept["ended_ms"])
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            log.warning("%s belongs to a run this MLflow does not have; remove the file when that is right", path)
            continue
        path.unlink()
        log.info("the results of run %s, kept while MLflow was down, are sent", kept["run_id"])

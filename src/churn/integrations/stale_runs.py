"""Runs whose process is gone: SIGKILL leaves them RUNNING for ever, so the next run of this machine closes them."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS_TAG = "churn.process"


def process_name() -> str:
    """Return the machine and the number of this process, as runs are tagged with them."""
    return f"{socket.gethostname()}:{os.getpid()}"


def close_stale_runs(client: MlflowClient, experiment_id: str) -> None:
    """Close runs of this machine whose process is gone."""
    running = client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=100)
    for run in running:
        if is_gone(run.data.tags.get(PROCESS_TAG, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def is_gone(process: str) -> bool:
    """Return whether a name is that of a process of this machine that has come to its end."""
    host, _, pid = process.partition(":")
    return host == socket.gethostname() and pid.isdigit() and not _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, under another user
        return True
    return True

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import mlflow
import pytest

from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect
from churn.integrations.stale_runs import PROCESS_TAG
from churn.integrations.tracking import stage_run
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


class TestStaleRuns:
    @staticmethod
    def _left_running(settings: ChurnSettings, process: str) -> Callable[[], str]:
        client, experiment = connect(settings)
        run = client.create_run(experiment, tags={PROCESS_TAG: process})
        return lambda: client.get_run(run.info.run_id).info.status

    def test_of_a_process_that_is_gone_are_closed_at_the_next_start(self, settings: ChurnSettings) -> None:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        status = self._left_running(settings, f"{socket.gethostname()}:{gone.pid}")
        with stage_run("train", settings):
            pass
        assert status() == "KILLED"

    def test_of_a_living_process_or_another_machine_are_left_alone(self, settings: ChurnSettings) -> None:
        left = [
            self._left_running(settings, process)
            for process in (f"{socket.gethostname()}:{os.getpid()}", "another-machine:1", "nonsense", "")
        ]
        with stage_run("train", settings):
            pass
        assert {status() for status in left} == {"RUNNING"}

    def test_a_run_is_marked_with_its_process_from_its_first_moment(
        self, settings: ChurnSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[dict[str, str]] = []
        plain = mlflow.start_run

        def start(*arguments: Any, **more: Any) -> Any:
            run = plain(*arguments, **more)
            seen.append(connect(settings)[0].get_run(run.info.run_id).data.tags)
            return run

        monkeypatch.setattr(mlflow, "start_run", start)
        with stage_run("train", settings):
            pass
        assert PROCESS_TAG in seen[0]

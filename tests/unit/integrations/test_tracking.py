from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import Any

import mlflow
import pytest

from churn.core.errors import DataRefused, DependencyDown, OutputFailed
from churn.core.settings import ChurnSettings
from churn.integrations.interrupts import Stopped
from churn.integrations.stale_runs import PROCESS_TAG
from churn.integrations.tracking import child_run, stage_run
from tests.pipelines.demo import IGNORED
from tests.unit.integrations.runs import artifact_text, run_of

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


class TestRun:
    def test_says_which_stage_source_code_and_former_run_it_comes_from(self, settings: ChurnSettings) -> None:
        with stage_run("train", settings, builds_on="abc") as tracker:
            pass
        run = run_of(settings, tracker.run_id)
        assert run.info.status == "FINISHED"
        assert run.info.run_name.startswith(f"train-{settings.source.name}")
        tags = run.data.tags
        assert (tags["stage"], tags["source"], tags["builds_on"]) == ("train", settings.source.name, "abc")
        assert tags[PROCESS_TAG] == f"{socket.gethostname()}:{os.getpid()}"
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=settings.paths.root, capture_output=True, text=True)
        if commit.returncode == 0:
            assert tags["mlflow.source.git.commit"] == commit.stdout.strip()
            assert tags["git.is_clean"] in ("true", "false")

    def test_keeps_the_whole_configuration(self, settings: ChurnSettings) -> None:
        with stage_run("train", settings) as tracker:
            pass
        assert json.loads(artifact_text(tracker.run_id, "config.json")) == settings.model_dump(mode="json")
        params = run_of(settings, tracker.run_id).data.params
        assert params["windows.horizon_days"] == "30"
        assert not [name for name in params if name.startswith(("paths.", "tracking.", "source."))]

    def test_inside_another_run_leaves_the_outer_one_open(self, settings: ChurnSettings) -> None:
        with stage_run("demo", settings) as outer:
            with stage_run("train", settings) as inner:
                assert mlflow.active_run().info.run_id == inner.run_id
            assert mlflow.active_run().info.run_id == outer.run_id
        assert mlflow.active_run() is None


class TestFailure:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (DataRefused("no rows", remedy="Export again", code="no_rows"), "FAILED", "no_rows"),
            (OutputFailed("disk full"), "FAILED", "output"),
            (ZeroDivisionError("division by zero"), "FAILED", "ZeroDivisionError"),
            (Stopped(), "KILLED", "terminated"),
            (KeyboardInterrupt(), "KILLED", "terminated"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_ends_the_run_with_its_code_and_goes_on(
        self, settings: ChurnSettings, error: BaseException, status: str, code: str
    ) -> None:
        with pytest.raises(type(error)), stage_run("train", settings) as tracker:
            raise error
        run = run_of(settings, tracker.run_id)
        assert (run.info.status, run.data.tags["failure.code"]) == (status, code)
        assert run.data.tags["failure.message"] == (str(error) or type(error).__name__)
        assert run.data.tags["mlflow.note.content"] == run.data.tags["failure.message"]
        assert mlflow.active_run() is None

    def test_ids_of_customers_stay_out_of_mlflow(self, settings: ChurnSettings) -> None:
        error = DataRefused("repeated", table="customers", count=2, examples=["c-0815", "c-4711"], remedy="Remove them")
        with pytest.raises(DataRefused, match="c-0815"), stage_run("validate", settings) as tracker:
            raise error
        message = run_of(settings, tracker.run_id).data.tags["failure.message"]
        assert "customers: repeated (2 rows)" in message
        assert "Remove them" in message
        assert "c-0815" not in message and "c-4711" not in message

    def test_a_store_that_is_gone_by_then_does_not_hide_what_happened(
        self, settings: ChurnSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*_: Any, **__: Any) -> None:
            raise ConnectionError("refused")

        with pytest.raises(DataRefused, match="no rows"), stage_run("train", settings):
            monkeypatch.setattr(mlflow, "set_tags", down)
            monkeypatch.setattr(mlflow, "end_run", down)
            raise DataRefused("no rows", remedy="")
        monkeypatch.undo()
        mlflow.end_run()

    @pytest.mark.parametrize("call", ["log_metrics", "log_params", "set_tags", "log_dict"])
    def test_a_store_that_goes_away_in_between_is_a_dependency_down(
        self, settings: ChurnSettings, call: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*_: Any, **__: Any) -> None:
            raise mlflow.MlflowException("API request failed with exception: connection refused")

        with pytest.raises(DependencyDown, match="connection refused"), stage_run("train", settings) as tracker:
            monkeypatch.setattr(mlflow, call, down)
            for give in (tracker.metrics, tracker.params):
                give({"a": 1})
            tracker.tag(a=1)
            tracker.json({}, "a.json")

    @pytest.mark.parametrize(
        "error",
        [
            OSError(28, "No space left on device"),
            mlflow.MlflowException("(sqlite3.OperationalError) database or disk is full"),
        ],
        ids=["artifacts", "database"],
    )
    def test_a_full_disk_is_an_output_failure(
        self, settings: ChurnSettings, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise error

        with pytest.raises(OutputFailed), stage_run("train", settings) as tracker:
            monkeypatch.setattr(mlflow, "log_metrics", full)
            tracker.metrics({"a": 1})


class TestChildRuns:
    def test_lie_inside_the_stage_and_take_their_own_figures(self, settings: ChurnSettings) -> None:
        with stage_run("backtest", settings) as parent:
            with child_run(parent, "fold-1", fold=1) as child:
                child.metrics({"auc": 0.7})
            parent.metrics({"auc": 0.6})
        inner, outer = run_of(settings, child.run_id), run_of(settings, parent.run_id)
        assert inner.data.tags["mlflow.parentRunId"] == parent.run_id
        assert inner.info.experiment_id == outer.info.experiment_id
        assert (inner.info.status, inner.data.tags["fold"]) == ("FINISHED", "1")
        assert (inner.data.metrics["auc"], outer.data.metrics["auc"]) == (0.7, 0.6)

    def test_fail_with_their_stage(self, settings: ChurnSettings) -> None:
        with (
            pytest.raises(DataRefused),
            stage_run("backtest", settings) as parent,
            child_run(parent, "fold-1") as child,
        ):
            raise DataRefused("no", code="broken", remedy="none")
        assert {run_of(settings, run).info.status for run in (parent.run_id, child.run_id)} == {"FAILED"}

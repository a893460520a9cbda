from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mlflow
import pytest
from mlflow.entities import Run

from churn.core.errors import DataRefused, DependencyDown, OutputFailed, Terminated
from churn.core.settings import ChurnSettings
from churn.integrations.tracking import PROCESS_TAG, child_run, connect, describe_settings, stage_run
from pipelines.composition import compose
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture
def settings(home: Path, request: pytest.FixtureRequest) -> ChurnSettings:
    """Settings of a company of the test's own, so an experiment of its own, in the module's store."""
    name = "".join(c for c in request.node.name.casefold() if c.isalnum())[:60]
    return _settings(home, f"source.name={name}")


def _settings(home: Path, *overrides: str) -> ChurnSettings:
    folders = [f"paths.{part}={home / part}" for part in ("data", "models", "runs")]
    return compose("train", ChurnSettings, [*folders, *overrides])


def _run(settings: ChurnSettings, run_id: str) -> Run:
    return connect(settings)[0].get_run(run_id)


def _artifact(run_id: str, name: str) -> str:
    return mlflow.artifacts.load_text(f"runs:/{run_id}/{name}")


class TestRun:
    def test_says_which_stage_source_code_and_former_run_it_comes_from(self, settings: ChurnSettings) -> None:
        with stage_run("train", settings, builds_on="abc") as tracker:
            pass
        run = _run(settings, tracker.run_id)
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
        assert json.loads(_artifact(tracker.run_id, "config.json")) == settings.model_dump(mode="json")
        params = _run(settings, tracker.run_id).data.params
        assert params["windows.horizon_days"] == "30"
        assert not [name for name in params if name.startswith(("paths.", "tracking.", "source."))]

    def test_takes_what_a_stage_gives(self, settings: ChurnSettings, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("content")
        figure = plt.figure()
        with stage_run("train", settings) as tracker:
            tracker.tag(rows=3, is_good=True)
            tracker.metrics({"auc": 0.5, "count": 3, "absent": None})  # type: ignore[dict-item]
            tracker.params({"long": "x" * 9000})
            tracker.table([{"文字": 1}], "table.json")
            tracker.text("文字", "note.md")
            tracker.figure(figure, "picture")
            tracker.file(tmp_path / "file.txt", "folder")
            tracker.dataset("toy", tmp_path, "f" * 64, "training")
        run = _run(settings, tracker.run_id)
        assert run.data.tags["rows"] == "3"
        assert run.data.metrics == {"auc": 0.5, "count": 3.0}
        assert run.data.params["long"] == "x" * 500
        assert json.loads(_artifact(tracker.run_id, "table.json")) == [{"文字": 1}]
        assert _artifact(tracker.run_id, "note.md") == "文字"
        assert _artifact(tracker.run_id, "folder/file.txt") == "content"
        pictures = connect(settings)[0].list_artifacts(tracker.run_id, "plots")
        assert [picture.path for picture in pictures] == ["plots/picture.png"]
        assert not plt.fignum_exists(figure.number)
        (given,) = run.inputs.dataset_inputs
        assert (given.dataset.name, given.dataset.digest) == ("toy", "f" * 36)
        assert str(tmp_path) in given.dataset.source

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
            (Terminated("stopped"), "KILLED", "terminated"),
            (KeyboardInterrupt(), "KILLED", "terminated"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_ends_the_run_with_its_code_and_goes_on(
        self, settings: ChurnSettings, error: BaseException, status: str, code: str
    ) -> None:
        with pytest.raises(type(error)), stage_run("train", settings) as tracker:
            raise error
        run = _run(settings, tracker.run_id)
        assert (run.info.status, run.data.tags["failure.code"]) == (status, code)
        assert run.data.tags["failure.message"] == str(error)
        assert mlflow.active_run() is None

    def test_ids_of_customers_stay_out_of_mlflow(self, settings: ChurnSettings) -> None:
        error = DataRefused("repeated", table="customers", count=2, examples=["c-0815", "c-4711"], remedy="Remove them")
        with pytest.raises(DataRefused, match="c-0815"), stage_run("validate", settings) as tracker:
            raise error
        message = _run(settings, tracker.run_id).data.tags["failure.message"]
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
            tracker.table({}, "a.json")

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


class TestConnection:
    def test_the_experiment_is_made_once(self, settings: ChurnSettings) -> None:
        assert connect(settings)[1] == connect(settings)[1]

    @pytest.mark.parametrize("former", [None, "sqlite:///wanted.db"])
    def test_the_environment_stays_as_the_user_left_it(
        self, former: str | None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        first, second = (_settings(place) for place in (home, tmp_path))
        if former is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", former)
        for settings in (first, second, first):
            connect(settings)
            assert os.environ.get("MLFLOW_TRACKING_URI") == former
            assert mlflow.get_tracking_uri() == settings.tracking.uri

    def test_artifacts_of_a_local_store_lie_where_the_settings_say(self, settings: ChurnSettings) -> None:
        client, experiment = connect(settings)
        assert client.get_experiment(experiment).artifact_location == settings.tracking.artifacts.as_uri()

    def test_a_server_that_is_down_is_named_with_what_to_do(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in QUICK.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(
            DependencyDown, match=r"MLflow at http://127\.0\.0\.1:9 does not answer.*MLFLOW_TRACKING_URI"
        ):
            connect(_settings(home, "tracking.uri=http://127.0.0.1:9"))

    def test_a_password_in_the_address_is_said_nowhere(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in QUICK.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://churn:canary-4711@127.0.0.1:9")
        with pytest.raises(DependencyDown, match=r"http://churn:\*\*\*@127\.0\.0\.1:9") as down:
            connect(_settings(home))
        assert "canary-4711" not in str(down.value)
        assert down.value.__cause__ is None and down.value.__suppress_context__

    def test_a_password_in_the_address_is_not_kept_with_the_configuration(self, settings: ChurnSettings) -> None:
        secret = settings.tracking.model_copy(update={"uri": "postgresql://churn:canary-4711@host/mlflow"})
        content = describe_settings(settings.model_copy(update={"tracking": secret}))
        assert content["tracking"]["uri"] == "postgresql://churn:***@host/mlflow"
        assert "canary-4711" not in json.dumps(content)

    def test_a_folder_that_cannot_be_written_is_an_output_failure(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(OutputFailed):
            connect(_settings(tmp_path, f"paths.models={tmp_path / 'file' / 'models'}"))


class TestChildRuns:
    def test_lie_inside_the_stage_and_take_their_own_figures(self, settings: ChurnSettings) -> None:
        with stage_run("backtest", settings) as parent:
            with child_run(parent, "fold-1", fold=1) as child:
                child.metrics({"auc": 0.7})
            parent.metrics({"auc": 0.6})
        inner, outer = _run(settings, child.run_id), _run(settings, parent.run_id)
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
        assert {_run(settings, run).info.status for run in (parent.run_id, child.run_id)} == {"FAILED"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_fails_the_run(settings: ChurnSettings, value: float) -> None:
    with pytest.raises(DataRefused, match="metrics are no numbers: auc is") as refused, \
            stage_run("train", settings) as tracker:  # fmt: skip
        tracker.metrics({"auc": value, "log_loss": 0.3})
    run = _run(settings, tracker.run_id)
    assert refused.value.code == "metric_not_finite"
    assert run.info.status == "FAILED"
    assert (run.data.tags["failure.code"], run.data.metrics) == ("metric_not_finite", {})

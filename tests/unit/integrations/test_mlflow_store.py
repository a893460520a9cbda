from __future__ import annotations

import os
import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from sqlalchemy import create_engine

from churn.core.errors import DependencyDown, OutputFailed
from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect, store_errors
from tests.pipelines.demo import IGNORED
from tests.unit.integrations.runs import settings_at

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def _file(settings: ChurnSettings) -> str:
    return settings.tracking.uri.removeprefix("sqlite:///").partition("?")[0]


class TestConnection:
    def test_the_experiment_is_made_once(self, settings: ChurnSettings) -> None:
        assert connect(settings)[1] == connect(settings)[1]

    @pytest.mark.parametrize("former", [None, "sqlite:///wanted.db"])
    def test_the_environment_stays_as_the_user_left_it(
        self, former: str | None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        first, second = (settings_at(place) for place in (home, tmp_path))
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
            connect(settings_at(home, "tracking.uri=http://127.0.0.1:9"))

    def test_a_local_store_that_is_damaged_is_not_told_to_be_started(self, tmp_path: Path) -> None:
        settings = settings_at(tmp_path)
        connect(settings)
        with closing(sqlite3.connect(_file(settings))) as store, store:
            store.execute("DROP TABLE experiments")
        with pytest.raises(DependencyDown, match="restore that file") as down:
            connect(settings)
        assert "MLFLOW_TRACKING_URI" not in str(down.value)

    @pytest.mark.parametrize("kind", ["folder", "text"])
    def test_a_local_store_that_cannot_be_read_is_said_at_once(self, kind: str, tmp_path: Path) -> None:
        settings = settings_at(tmp_path)
        file = Path(_file(settings))
        file.parent.mkdir(parents=True)
        file.mkdir() if kind == "folder" else file.write_text("this is no database" * 100)
        began = time.monotonic()
        with pytest.raises(OutputFailed if kind == "folder" else DependencyDown, match="mlflow"):
            connect(settings)
        assert time.monotonic() - began < 30

    def test_a_local_store_that_another_process_holds_says_to_try_again(self, tmp_path: Path) -> None:
        settings = settings_at(tmp_path)
        connect(settings)
        file = _file(settings)
        impatient = settings_at(tmp_path, f"tracking.uri='sqlite:///{file}?timeout=0'", "tracking.experiment=new")
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(DependencyDown, match="try again later"), store_errors(impatient.tracking):
                create_engine(impatient.tracking.uri).connect().exec_driver_sql("DELETE FROM tags")

    def test_files_that_may_not_grow_are_an_output_failure_without_mlflows_own_traceback(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        settings = settings_at(tmp_path)
        client, _ = connect(settings)
        allowed, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))
        try:
            with pytest.raises(OutputFailed, match="disk I/O error"), store_errors(settings.tracking):
                client.create_experiment("another")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, most))
        assert "Traceback" not in capfd.readouterr().err

    def test_a_deleted_experiment_says_how_to_bring_it_back(self, tmp_path: Path) -> None:
        settings = settings_at(tmp_path)
        client, experiment = connect(settings)
        client.delete_experiment(experiment)
        with pytest.raises(DependencyDown, match=f"mlflow experiments restore --experiment-id {experiment}'"):
            connect(settings)

    def test_a_password_in_the_address_is_said_nowhere(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in QUICK.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://churn:canary-4711@127.0.0.1:9")
        with pytest.raises(DependencyDown, match=r"http://churn:\*\*\*@127\.0\.0\.1:9") as down:
            connect(settings_at(home))
        assert "canary-4711" not in str(down.value)
        assert down.value.__cause__ is None and down.value.__suppress_context__

    def test_a_folder_that_cannot_be_written_is_an_output_failure(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(OutputFailed):
            connect(settings_at(tmp_path, f"paths.models={tmp_path / 'file' / 'models'}"))

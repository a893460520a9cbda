"""The model store: no champion, a deleted or damaged version, a server that is down; always 3, the last list stands."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from churn.integrations.mlflow_store import connect
from churn.integrations.registry import CHAMPION
from churn.integrations.store import sha256_of
from tests.pipelines.demo import IGNORED, Demo, churn_process, run_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
NAME = "churn-demo"


@pytest.fixture
def client(own_demo: Demo) -> MlflowClient:
    return connect(own_demo.settings())[0]


def _last_run(demo: Demo, stage: str = "score") -> dict[str, str]:
    client, experiment = connect(demo.settings())
    (run,) = client.search_runs([experiment], f"tags.stage = '{stage}'", order_by=["start_time DESC"], max_results=1)
    return {"status": run.info.status, **run.data.tags}


@pytest.mark.usefixtures("unharmed")
class TestChampion:
    def test_none_yet_lists_the_versions_and_how_to_promote(self, own_demo: Demo, client: MlflowClient) -> None:
        client.delete_registered_model_alias(NAME, CHAMPION)
        done = own_demo.run("score", "--as-of", "latest")
        assert done.code == 3
        assert "churn-demo has no version 'champion'. Versions there are: 1 (gate " in done.err
        assert "churn promote VERSION" in done.err
        last = _last_run(own_demo)
        assert (last["status"], last["failure.code"]) == ("FAILED", "dependency")

    def test_of_a_deleted_version_is_none(self, own_demo: Demo, client: MlflowClient) -> None:
        client.delete_model_version(NAME, "1")
        done = own_demo.run("score", "--as-of", "latest")
        assert done.code == 3
        assert "Nothing is registered yet: run 'churn train'" in done.err

    def test_nothing_was_ever_trained(self, own_demo: Demo, client: MlflowClient) -> None:
        client.delete_registered_model(NAME)
        for stage in ("score", "explain"):
            done = own_demo.run(stage, *(["--as-of", "latest"] if stage == "score" else []))
            assert done.code == 3
            assert "Nothing is registered yet" in done.err

    def test_a_version_that_is_not_there_cannot_be_promoted(self, own_demo: Demo) -> None:
        done = run_churn("promote", "9", *own_demo.folders)
        assert done.code == 3
        assert "has no version or finished training run '9'. Versions there are: 1" in done.err
        assert connect(own_demo.settings())[0].get_model_version_by_alias(NAME, CHAMPION).version in (1, "1")


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("damage", [_cut, _flip, lambda _: b"", lambda _: b"tree\nversion=v4\nnum_class=1\n"])
@pytest.mark.parametrize("name", ["model.skops", "bundle.json"])
def test_a_damaged_model_file_is_refused_and_never_crashes(
    name: str, damage: Callable[[bytes], bytes], own_demo: Demo
) -> None:
    (path,) = own_demo.models.rglob(name)
    path.write_bytes(damage(path.read_bytes()))
    done = own_demo.run("score", "--as-of", "latest")
    assert done.code == 3
    assert f"churn-demo version 1: {name} is not the file that was registered" in done.err
    assert "roll back to a former version" in done.err


class Planted:
    """What a pickle would run when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


@pytest.mark.usefixtures("unharmed")
def test_a_pickle_in_place_of_the_model_is_never_run_even_with_every_checksum_right(
    own_demo: Demo, client: MlflowClient, tmp_path: Path
) -> None:
    (model,), (bundle,) = own_demo.models.rglob("model.skops"), own_demo.models.rglob("bundle.json")
    model.write_bytes(pickle.dumps(Planted(str(tmp_path / "ran"))))
    content = {**json.loads(bundle.read_text()), "model_sha256": sha256_of(model)}
    bundle.write_text(json.dumps(content))
    client.set_model_version_tag(NAME, "1", "bundle.sha256", sha256_of(bundle))
    done = own_demo.run("score", "--as-of", "latest")
    assert done.code == 3
    assert "types we do not trust or this version cannot read" in done.err
    assert not (tmp_path / "ran").exists()


def test_scoring_needs_no_pickle(own_demo: Demo) -> None:
    words = own_demo.words("--as-of", "latest")
    done = churn_process("score", *words, env={"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"})
    assert done.code == 0, done.err
    assert "customers scored" in done.out


@pytest.mark.usefixtures("unharmed")
class TestServer:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    @pytest.fixture
    def closed(self) -> str:
        """An address where nobody listens."""
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{found.getsockname()[1]}"

    @pytest.mark.parametrize("stage", ["validate", "features", "train", "explain", "score"])
    def test_that_is_down_stops_every_stage_before_its_work(
        self, stage: str, closed: str, own_demo: Demo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", closed)
        done = own_demo.run(stage, *(["--as-of", "latest"] if stage == "score" else []))
        assert done.code == 3
        assert f"MLflow at {closed} does not answer" in done.err
        assert "unset MLFLOW_TRACKING_URI" in done.err
        assert len(done.err.splitlines()) == 1

    def test_that_answers_nonsense_is_down_too(self, own_demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
        class Nonsense(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(500)
                self.end_headers()
                self.wfile.write(b"<html>oops</html>")

            do_POST = do_GET  # noqa: N815 - the name the server looks for

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Nonsense) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
            done = own_demo.run("score", "--as-of", "latest")
            server.shutdown()
        assert done.code == 3
        assert "Traceback" not in done.err


@pytest.mark.usefixtures("unharmed")
def test_a_store_that_is_no_database_is_said_to_be_down(own_demo: Demo) -> None:
    own_demo.database.write_bytes(b"this is no database" * 100)
    done = own_demo.run("score", "--as-of", "latest")
    assert done.code == 3
    assert "does not answer" in done.err


@pytest.mark.usefixtures("unharmed")
def test_artifacts_that_are_gone_are_a_dependency_that_is_down(own_demo: Demo) -> None:
    shutil.rmtree(own_demo.models / "artifacts" / "models")
    done = own_demo.run("score", "--as-of", "latest")
    assert done.code == 3
    assert "churn-demo version 1" in done.err

"""MLflow, a real server, that is gone when a run begins or ends: nothing is begun, or what was made stands."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator

import pytest

from churn.integrations.mlflow_store import connect
from churn.integrations.publication import read_published
from tests.pipelines.demo import IGNORED, Demo, churn_process

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
HURRIED = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}

SCORE_WHILE_THE_SERVER_DIES = """
    import os, signal, sys, time
    import pipelines.score as score
    from pipelines.stages import main_of
    publish, server = score.publish, int(sys.argv[1])

    def publish_then_lose_the_server(*arguments):
        entry = publish(*arguments)
        os.killpg(server, signal.SIGKILL)
        time.sleep(0.5)
        return entry

    score.publish = publish_then_lose_the_server
    sys.exit(main_of("score")(sys.argv[2:]))
"""


@contextlib.contextmanager
def mlflow_server(demo: Demo) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Serve the company's own store over HTTP, in a process group of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
         "--backend-store-uri", f"sqlite:///{demo.database}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                break
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        yield process, address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def test_a_server_lost_at_the_end_costs_no_list_and_hears_of_it_later(own_demo: Demo) -> None:
    with mlflow_server(own_demo) as (server, address):
        words = ["scoring.as_of=latest", *own_demo.words("policy.capacity=7"), f"tracking.uri={address}"]
        script = textwrap.dedent(SCORE_WHILE_THE_SERVER_DIES)
        done = subprocess.run(
            [sys.executable, "-c", script, str(server.pid), *words], capture_output=True, text=True, timeout=120,
            env={**os.environ, **HURRIED}, check=False,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "does not answer" in done.stderr and "What was made stands" in done.stderr
    assert "Traceback" not in done.stderr
    listed, entry = read_published(own_demo.lists, "latest", "worklist")
    assert len(listed) == 7
    result = json.loads(own_demo.results("score")[-1].read_text())
    assert (result["run_id"], result["rows_out"]["worklist"]) == (entry["run_id"], 7)
    client, _ = connect(own_demo.settings())
    assert client.get_run(entry["run_id"]).info.status == "RUNNING"

    assert "are sent" in own_demo.ok("score", "--as-of", "latest").out
    told = client.get_run(entry["run_id"])
    assert told.info.status == "FINISHED"
    assert told.data.metrics["customers_listed"] == 7
    assert list((own_demo.runs / "unsent").iterdir()) == []


def test_a_server_that_is_down_stops_a_run_before_its_work(own_demo: Demo) -> None:
    before = {path.name for path in own_demo.lists.iterdir()}
    done = churn_process(
        "score", "--as-of", "latest", *own_demo.words(), "tracking.uri=http://127.0.0.1:9", env=HURRIED
    )
    assert done.code == 3
    assert done.err.startswith("error: MLflow at http://127.0.0.1:9 does not answer")
    assert {path.name for path in own_demo.lists.iterdir()} == before


def test_kept_results_of_a_run_nobody_knows_are_named_and_harm_nothing(own_demo: Demo) -> None:
    kept = own_demo.runs / "unsent" / "0123456789abcdef0123456789abcdef.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps({"run_id": kept.stem, "metrics": {"x": 1.0}, "ended_ms": 1}))
    assert f"{kept} belongs to a run this MLflow does not have" in own_demo.ok("score", "--as-of", "latest").out
    assert kept.exists()

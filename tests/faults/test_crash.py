"""Kills, stops and collisions: a list is there whole or not at all, and the next run sets all right."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from churn.integrations.locks import RUN_LOCK, hold_lock
from churn.integrations.mlflow_store import connect
from churn.integrations.publication import read_published
from tests.pipelines.demo import IGNORED, Demo, churn_process, start_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def _has_more(folder: Path, known: set[Path]) -> bool:
    return bool(set(folder.glob("*/*")) - known)


def _files(demo: Demo) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in demo.lists.glob("[!.]*.parquet")}


def _statuses(demo: Demo) -> list[str]:
    client, experiment = connect(demo.settings())
    return [run.info.status for run in client.search_runs([experiment], order_by=["start_time DESC"])]


def _temporaries(demo: Demo) -> list[str]:
    """What a run makes for itself and must take away again."""
    scratch = demo.data / "demo" / "scratch"
    left = [*scratch.glob("*/*"), *demo.lists.glob(".*.tmp"), *demo.runs.rglob(".*.tmp")]
    return [str(path) for path in left]


def _wait_for(is_so: Callable[[], object], process: subprocess.Popen[str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _python(script: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )


PUBLISH_AND_DIE = """
    import os, signal, sys
    from datetime import date
    from pathlib import Path
    import pandas as pd
    from churn.integrations.publication import publish

    def tables(mark):
        scores = pd.DataFrame({"customer_id": ["a", "b"], "mark": mark})
        return {"scores": scores, "worklist": scores.head(1)}

    def killing(place, plain, steps):
        def call(*arguments, **more):
            for moment in ("before", "after"):
                if steps[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                steps[0] -= 1
                if moment == "before":
                    result = plain(*arguments, **more)
            return result
        return call

    home = Path(sys.argv[1])
    for number in range(100):  # each child is killed one step later than the one before
        folder = home / str(number)
        publish(folder, date(2024, 6, 30), tables("former"), {"run_id": "former"})
        if not (child := os.fork()):
            steps = [number]
            for place, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "open")):
                setattr(place, name, killing(place, getattr(place, name), steps))
            publish(folder, date(2024, 6, 30), tables("new"), {"run_id": "new"})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, os.waitstatus_to_exitcode(status), flush=True)
        if status == 0:
            break
"""


def test_killed_at_every_step_of_publishing_the_list_is_the_former_or_the_new_one_whole(tmp_path: Path) -> None:
    process = _python(PUBLISH_AND_DIE, tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    codes = [int(line.split()[1]) for line in out.splitlines()]
    assert codes[-1] == 0 and set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) > 12
    seen = []
    for number in range(len(codes)):
        folder = tmp_path / str(number)
        marks = set()
        for table, rows in (("scores", 2), ("worklist", 1)):
            read, entry = read_published(folder, "latest", table)
            assert len(read) == rows == entry["rows"][table]
            marks |= {*read["mark"], entry["run_id"]}
        assert len(marks) == 1, "half of one list and half of another"
        seen.append(marks.pop())
    assert seen == sorted(seen)  # once the new list is there, it stays: "former" < "new"
    assert set(seen) == {"former", "new"}


PUBLISH_AGAIN = """
    import sys
    from datetime import date
    from pathlib import Path
    import pandas as pd
    from churn.integrations.publication import publish
    scores = pd.DataFrame({"customer_id": ["a", "b"], "mark": "again"})
    for folder in Path(sys.argv[1]).iterdir():
        publish(folder, date(2024, 6, 30), {"scores": scores, "worklist": scores.head(1)}, {"run_id": "again"})
"""


def test_after_a_kill_the_next_run_publishes_and_sweeps_up(tmp_path: Path) -> None:
    for script in (PUBLISH_AND_DIE, PUBLISH_AGAIN):
        process = _python(script, tmp_path)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    for folder in tmp_path.iterdir():
        named = json.loads((folder / "manifest.json").read_text())["dates"]["2024-06-30"]["files"].values()
        assert {path.name for path in folder.iterdir()} == {"manifest.json", ".lock", *named}


def test_killed_at_any_time_a_scoring_run_leaves_a_whole_list_and_the_next_sets_all_right(own_demo: Demo) -> None:
    before, chance = _files(own_demo), random.Random(0)
    for _ in range(3):
        process = start_churn("score", "--as-of", "latest", *own_demo.words())
        scratch = own_demo.data / "demo" / "scratch"
        _wait_for(partial(_has_more, scratch, set(scratch.glob("*/*"))), process)
        time.sleep(chance.uniform(0, 2))
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
        assert _files(own_demo) == before
        assert len(read_published(own_demo.lists, "latest", "scores")[0]) > 0
    own_demo.ok("score", "--as-of", "latest")
    assert _files(own_demo) == before
    assert "RUNNING" not in _statuses(own_demo)
    assert _temporaries(own_demo) == []


STOP_WHILE = """
    import sys, time
    import pipelines.score as score
    from pipelines.stages import main_of
    from churn.integrations.interrupts import interruptible
    kind = sys.argv[1]
    plain = getattr(score, {"querying": "rows_to_score", "publishing": "publish"}[kind])

    def long(*arguments):
        print("now", flush=True)
        if kind == "querying":
            arguments[0].run("SELECT count(*) FROM range(10000000000000) t(x) WHERE hash(x) = 1")
        time.sleep(30)
        return plain(*arguments)

    setattr(score, plain.__name__, long)
    sys.exit(main_of("score")(sys.argv[2:]))
"""


@pytest.mark.parametrize("kind", ["querying", "publishing"])
def test_asked_to_stop_a_run_ends_at_once_tidily_and_as_killed(kind: str, own_demo: Demo) -> None:
    before = _files(own_demo)
    process = _python(STOP_WHILE, kind, "scoring.as_of=latest", *own_demo.words())
    assert process.stdout is not None
    assert any(line == "now\n" for line in process.stdout), process.communicate()  # the stage may say more before
    time.sleep(0.3)
    began = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert (process.returncode, err) == (143, "error: stopped; nothing half-written was left\n")
    assert _files(own_demo) == before
    assert _temporaries(own_demo) == []
    client, experiment = connect(own_demo.settings())
    (run, *_) = client.search_runs([experiment], order_by=["start_time DESC"])
    assert (run.info.status, run.data.tags["failure.code"]) == ("KILLED", "terminated")


class TestTwoAtOnce:
    @pytest.mark.parametrize(("stage", "layer"), [("validate", "staged"), ("features", "datasets"), ("score", "lists")])
    def test_the_second_is_sent_away_before_its_work(self, stage: str, layer: str, own_demo: Demo) -> None:
        before, runs = _files(own_demo), len(_statuses(own_demo))
        with hold_lock(own_demo.data / "demo" / layer / RUN_LOCK):
            done = own_demo.run(stage, *(["--as-of", "latest"] if stage == "score" else []))
        assert done.code == 75
        assert "try again later" in done.err
        assert (_files(own_demo), len(_statuses(own_demo))) == (before, runs)

    def test_the_first_is_unharmed(self, own_demo: Demo) -> None:
        before = _files(own_demo)
        first = start_churn("score", "--as-of", "latest", *own_demo.words())
        _wait_for(lambda: list((own_demo.data / "demo" / "scratch" / "lists").glob("*")), first)
        second = own_demo.run("score", "--as-of", "latest")
        assert second.code == 75
        out, err = first.communicate(timeout=60)
        assert (first.returncode, err) == (0, ""), out
        assert _files(own_demo) == before

    def test_several_make_a_fresh_store_together(self, tmp_path: Path, demo: Demo) -> None:
        fresh = [*Demo(tmp_path).folders, f"paths.data={demo.data}"]
        several = [start_churn("explain", *fresh) for _ in range(3)]
        for process in several:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 3
            assert "Nothing is registered yet" in err
        assert _statuses(Demo(tmp_path)) == ["FAILED"] * 3


def test_a_reader_in_another_process_never_sees_half(tmp_path: Path, own_demo: Demo) -> None:
    """Lists are read again and again while a run publishes its own."""
    script = """
        import sys, time
        from pathlib import Path
        from churn.integrations.publication import read_published
        folder, end = Path(sys.argv[1]), Path(sys.argv[2])
        count = 0
        while not end.exists():
            for table in ("scores", "worklist"):
                rows, entry = read_published(folder, "latest", table)
                assert len(rows) == entry["rows"][table]
            count += 1
            if count == 1:
                print("reading", flush=True)
        print(count)
    """
    reader = _python(script, own_demo.lists, tmp_path / "end")
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for capacity in (5, 10, 15):
        own_demo.ok("score", "--as-of", "latest", f"policy.capacity={capacity}")
    (tmp_path / "end").touch()
    out, err = reader.communicate(timeout=30)
    assert (reader.returncode, err) == (0, "")
    assert int(out) > 3


def test_a_process_that_ends_well_says_nothing_on_standard_error(own_demo: Demo) -> None:
    done = churn_process("score", "--as-of", "latest", *own_demo.words())
    assert (done.code, done.err) == (0, "")
    *before, last = done.out.splitlines()
    assert last.startswith("score: ") and all("is switched off" in line for line in before)

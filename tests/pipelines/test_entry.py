from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from churn.core.errors import DataRefused, OutputFailed
from churn.core.settings import ChurnSettings
from churn.integrations.results import StageResult
from churn.integrations.store import output_errors
from pipelines.entry import stage_main
from pipelines.stages import main_of
from tests.pipelines.demo import Outcome, captured

Run = Callable[[ChurnSettings], StageResult]


def _main(run: Run, home: Path, *words: str) -> Outcome:
    main = stage_main("validate", ChurnSettings, run)
    return captured(lambda: main([f"paths.runs={home / 'runs'}", *words]))


def _raising(error: BaseException) -> Run:
    def run(_: ChurnSettings) -> StageResult:
        raise error

    return run


def test_results_are_left_for_other_programs_and_one_line_for_people(tmp_path: Path) -> None:
    done = _main(lambda s: StageResult(summary=f"{s.source.name} done", notes=["n"]), tmp_path)
    assert (done.code, done.out) == (0, "validate: demo done\n")
    (path,) = tmp_path.glob("runs/validate/*/run_results.json")
    assert json.loads(path.read_text())["notes"] == ["n"]
    assert (path.parent / ".hydra" / "overrides.yaml").is_file()


def test_a_refusal_is_one_message_and_its_code(tmp_path: Path) -> None:
    done = _main(_raising(DataRefused("no rows", table="events", remedy="Export again")), tmp_path)
    assert (done.code, done.err) == (1, "error: events: no rows. Export again\n")
    assert not list(tmp_path.rglob("run_results.json"))
    (path,) = tmp_path.glob("runs/validate/*/validate.log")
    assert "ERROR failures exit code 1, DataRefused: events: no rows. Export again" in path.read_text()


def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed) as full, output_errors(Path("/dev/full")):
        Path("/dev/full").write_text("x")
    done = _main(_raising(full.value), tmp_path)
    assert (done.code, done.err.count("what was there before is untouched")) == (4, 1)


def test_an_unexpected_error_is_said_to_be_a_defect_without_a_traceback(tmp_path: Path) -> None:
    done = _main(_raising(ZeroDivisionError("division by zero\nsecond line")), tmp_path)
    assert done.code == 1
    assert done.err == (
        "error: unexpected ZeroDivisionError: division by zero\n"
        "This is a defect; run the command again with --debug to see where.\n"
    )


def test_debug_adds_the_traceback(tmp_path: Path) -> None:
    done = _main(_raising(ZeroDivisionError("division by zero")), tmp_path, "--debug")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err
    assert "ZeroDivisionError: division by zero" in done.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["policy.capacity=[1,"], "policy.capacity=[1,"),
        (["nonsense"], "nonsense"),
        (["hydra.nonsense=1"], "nonsense"),
    ],
)
def test_what_hydra_cannot_read_is_a_usage_error(words: list[str], text: str, tmp_path: Path) -> None:
    done = _main(lambda _: StageResult(), tmp_path, *words)
    assert done.code == 2
    assert "1 problem in the configuration; nothing was read" in done.err
    assert text in done.err
    assert "Traceback" not in done.err


def test_multirun_runs_every_combination_and_gives_the_first_failure(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def run(settings: ChurnSettings) -> StageResult:
        seen.append((settings.model.name, settings.policy.capacity))
        if settings.model.name == "logistic":
            raise DataRefused("no", remedy="")
        return StageResult(summary="done")

    done = _main(run, tmp_path, "-m", "model=logistic,lightgbm", "policy.capacity=1,2")
    assert seen == [("logistic", 1), ("logistic", 2), ("lightgbm", 1), ("lightgbm", 2)]
    assert done.code == 1
    assert len(list(tmp_path.glob("runs/validate/*-sweep/*/run_results.json"))) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_request_to_stop_passes_whatever_catches_errors(number: int, code: int, tmp_path: Path) -> None:
    tidied = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it

    def run(_: ChurnSettings) -> StageResult:
        try:
            os.kill(os.getpid(), number)
        except Exception:  # noqa: BLE001 - as a library may
            return StageResult(summary="went on")
        finally:
            os.kill(os.getpid(), signal.SIGTERM) if number == signal.SIGTERM else None  # impatient: ignored by now
            tidied.append(True)
        return StageResult(summary="went on")

    done = _main(run, tmp_path)
    assert (done.code, done.err) == (code, "error: stopped; nothing half-written was left\n")
    assert tidied


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_request_to_stop_that_a_library_swallows_as_it_is_loaded_is_heard(
    number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: str) -> SimpleNamespace:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            time.sleep(1)
        return SimpleNamespace(run=lambda _: pytest.fail("the stage ran"))

    monkeypatch.setattr("pipelines.stages.importlib", SimpleNamespace(import_module=load))
    done = captured(lambda: main_of("validate")([f"paths.runs={tmp_path / 'runs'}"]))
    assert (done.code, done.err) == (code, "error: stopped; nothing half-written was left\n")


def test_a_folder_for_runs_that_cannot_be_made_is_an_output_failure(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    done = _main(lambda _: StageResult(), tmp_path)
    assert done.code == 4
    assert len(done.err.splitlines()) == 1


def test_the_log_of_a_run_lies_beside_its_results(tmp_path: Path) -> None:
    _main(lambda _: StageResult(summary="done"), tmp_path)
    (log,) = tmp_path.glob("runs/validate/*/*.log")
    assert "validate: done" in log.read_text()

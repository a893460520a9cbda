from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

import pytest

from churn.integrations.engine import Engine
from churn.integrations.interrupts import interruptible

ENDLESS = "SELECT count(*) FROM range(10000000000000) t(x) WHERE hash(x) = 1"


class Asked(BaseException):
    """What the test's handler raises."""


@pytest.fixture(autouse=True)
def _handlers() -> object:
    def handler(_signal: int, _frame: FrameType | None) -> None:
        raise Asked

    former = [signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler_before in zip((signal.SIGTERM, signal.SIGINT), former, strict=True):
        signal.signal(number, handler_before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_running_query_at_once(number: int, engine: Engine) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), number))
    began = time.monotonic()
    with pytest.raises(Asked), interruptible(engine):
        timer.start()
        try:
            engine.run(ENDLESS)
        except Exception:  # noqa: BLE001 - the query's own error comes first; the handler runs at the next instruction
            time.sleep(5)
    assert time.monotonic() - began < 60


def test_queries_run_as_before_and_nothing_is_left_behind(engine: Engine) -> None:
    threads, former = threading.active_count(), signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(former)
    with interruptible(engine):
        assert engine.run("SELECT 42") == [(42,)]
    assert engine.run("SELECT 42") == [(42,)]
    assert threading.active_count() == threads
    after = signal.set_wakeup_fd(former)
    assert after == former


def test_in_another_thread_it_stands_aside(engine: Engine) -> None:
    seen: list[object] = []

    def work() -> None:
        with interruptible(engine):
            seen.append(engine.run("SELECT 1"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[(1,)]]

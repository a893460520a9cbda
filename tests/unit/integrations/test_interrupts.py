from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from churn.integrations.engine import Engine
from churn.integrations.interrupts import Stopped, interruptible

ENDLESS = "SELECT count(*) FROM range(10000000000000) t(x) WHERE hash(x) = 1"


class Asked(BaseException):
    """What the test's handler raises."""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    def handler(_signal: int, _frame: FrameType | None) -> None:
        raise Asked

    former = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, before in former.items():
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("_again", range(3))
def test_a_signal_ends_a_running_query_at_once(number: int, _again: int, engine: Engine) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
    began = time.monotonic()
    with pytest.raises((Asked, KeyboardInterrupt)), interruptible(engine):
        timer.start()
        engine.run(ENDLESS)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGTERM, Stopped), (signal.SIGINT, KeyboardInterrupt)])
def test_an_error_that_hides_the_request_is_raised_as_what_it_was(
    number: int, kind: type[BaseException], engine: Engine
) -> None:
    with pytest.raises(KeyboardInterrupt) as raised, interruptible(engine):
        with contextlib.suppress(Asked):
            os.kill(os.getpid(), number)
            time.sleep(1)
        raise RuntimeError("Query interrupted")
    assert type(raised.value) is kind
    assert isinstance(raised.value.__cause__, RuntimeError)


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGTERM, Stopped), (signal.SIGINT, KeyboardInterrupt)])
def test_a_request_that_a_library_swallowed_is_heard_when_the_block_ends(
    number: int, kind: type[BaseException], engine: Engine
) -> None:
    with pytest.raises(KeyboardInterrupt) as raised, interruptible(engine), contextlib.suppress(Asked):
        os.kill(os.getpid(), number)
        time.sleep(1)
    assert type(raised.value) is kind


def test_errors_of_any_other_kind_pass_as_they_are(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError) as raised, interruptible(engine):
        raise ZeroDivisionError
    assert raised.value.__cause__ is None


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

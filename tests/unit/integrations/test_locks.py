from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from churn.core.errors import OutputFailed, RunLocked
from churn.integrations.locks import hold_lock

HOLDER = """
import sys, time
from pathlib import Path
from churn.integrations.locks import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "a folder not there yet" / ".lock"


def test_a_second_holder_is_refused_at_once_and_the_first_keeps_it(lock: Path) -> None:
    with hold_lock(lock):
        began = time.monotonic()
        with pytest.raises(RunLocked, match=r"another run holds .*try again later"), hold_lock(lock):
            pass
        assert time.monotonic() - began < 0.5
        with pytest.raises(RunLocked), hold_lock(lock):
            pass


def test_it_is_free_again_after_the_block_also_after_an_error(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_lock(lock):
        raise ZeroDivisionError
    with hold_lock(lock):
        pass


def test_one_who_waits_gets_it_when_it_is_let_go(lock: Path) -> None:
    lock.parent.mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLocked), hold_lock(lock, wait_seconds=0.2):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        with hold_lock(lock, wait_seconds=5):  # the lock died with its process
            pass


def test_a_place_that_cannot_be_written_is_an_output_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputFailed), hold_lock(tmp_path / "file" / ".lock"):
        pass

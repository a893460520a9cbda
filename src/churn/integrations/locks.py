"""Process locks on files; a lock dies with its process."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.core.errors import RunLocked
from churn.integrations.store import output_errors

RUN_LOCK, WRITE_LOCK = ".run.lock", ".lock"


@contextmanager
def hold_lock(path: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold an exclusive lock on a file for the block.

    Parameters
    ----------
    wait_seconds
        How long to wait for another holder; zero answers at once.

    Raises
    ------
    RunLocked
        When another process holds it still.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RunLocked(f"another run holds {path}; nothing was changed, try again later") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def own_layer(folder: Path, scratch: Path) -> Iterator[None]:
    """Hold a layer's folder for a stage, from its start to its end.

    What a killed run left half-made in it, and in the stage's scratch folder, is removed first: the lock says that
    nobody is at work there.

    Raises
    ------
    RunLocked
        When another run holds it.
    """
    with hold_lock(folder / RUN_LOCK):
        with output_errors(folder):
            for left in (*folder.glob(".*"), *scratch.glob("*")):
                if left.name not in (RUN_LOCK, WRITE_LOCK):
                    _remove(left)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

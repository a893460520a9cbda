"""Process locks on files; a lock dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.core.errors import RunLocked
from churn.integrations.store import output_errors

RUN_LOCK = ".run.lock"  # held by a stage from its start to its end, in the folder of the layer it writes


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

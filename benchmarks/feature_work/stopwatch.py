"""What a stretch of work costs in this process."""

from __future__ import annotations

import time


class Stopwatch:
    """Runs from the moment it is made."""

    def __init__(self) -> None:
        self._seconds, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return seconds, and CPU seconds of all threads, which other work on the machine disturbs less."""
        return {"seconds": time.perf_counter() - self._seconds, "cpu_seconds": time.process_time() - self._cpu}

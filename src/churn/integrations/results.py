"""What a stage leaves behind for other programs: `run_results.json`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from churn.integrations.store import write_json


@dataclass
class StageResult:
    """Facts of one stage's run.

    `durations` are seconds by step, `artifacts` paths by name; `summary` is the one line a person reads, and `unsent`
    says what MLflow could not be told.
    """

    summary: str = ""
    run_id: str = ""
    as_of_dates: list[str] = field(default_factory=list)
    rows_in: dict[str, int] = field(default_factory=dict)
    rows_out: dict[str, int] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unsent: str = ""

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's seconds to `durations`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.durations[step] = round(self.durations.get(step, 0.0) + time.perf_counter() - start, 3)


def write_results(folder: Path, stage: str, result: StageResult) -> Path:
    """Write `run_results.json` into the run's output folder and return its path."""
    path = folder / "run_results.json"
    write_json(path, {"stage": stage, **asdict(result)})
    return path

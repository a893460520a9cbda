"""Everything, end to end, on a small simulated company: simulate, validate, features, train, explain, score, list."""

from __future__ import annotations

import logging
import time

from churn.integrations.exports import print_table
from churn.integrations.layers import source_folder
from churn.integrations.publication import read_published
from churn.integrations.results import StageResult
from churn.scoring.selection import Selection, select_rows
from churn.simulation.settings import SimulateSettings
from pipelines.stages import main_of, run_stage

log = logging.getLogger(__name__)
STAGES = ("simulate", "validate", "features", "train", "explain", "score")
SHOWN = 5


def run(settings: SimulateSettings) -> StageResult:
    """Run every stage in this process, with one line of progress each, and show the top of the list."""
    result = StageResult()
    done: dict[str, StageResult] = {}
    for number, name in enumerate(STAGES, start=1):
        log.info("[%d/%d] %s ...", number, len(STAGES), name)
        began = time.perf_counter()
        done[name] = run_stage(name, settings)
        result.durations[name] = round(time.perf_counter() - began, 2)
        log.info("[%d/%d] %s: %s (%.1f s)", number, len(STAGES), name, done[name].summary, result.durations[name])
    _show(settings, done)
    result.as_of_dates, result.rows_out = done["score"].as_of_dates, done["score"].rows_out
    result.metrics = done["train"].metrics
    result.artifacts = {name: path for stage in done.values() for name, path in stage.artifacts.items()}
    result.summary = f"six stages in {sum(result.durations.values()):.0f} s"
    return result


def _show(settings: SimulateSettings, done: dict[str, StageResult]) -> None:
    folder = source_folder(settings, "lists")
    rows, _ = read_published(folder, done["score"].as_of_dates[0], "worklist")
    print_table(select_rows(rows, Selection(top=SHOWN)), "en", settings.policy.currency)
    for line in (
        f"The list:   churn list, or {folder}",
        "            churn list --language ja --top 5; churn list --cause pricing",
        "            churn list --format xlsx --out list.xlsx",
        f"Plots:      {settings.tracking.artifacts} (runs {done['train'].run_id} and {done['explain'].run_id})",
        f"Model:      churn-{settings.source.name} in MLflow, stored under {settings.paths.models}",
        f"MLflow:     make ui   (or: mlflow ui --backend-store-uri '{settings.tracking.uri}')",
    ):
        log.info("%s", line)


if __name__ == "__main__":
    raise SystemExit(main_of("demo")(None))

"""Build snapshots, labels, features and the training matrix of a source."""

from __future__ import annotations

import logging

from churn.core.settings import ChurnSettings
from churn.integrations.datasets import build_flat_dataset, build_point_in_time_dataset
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import (
    Layer,
    dataset_key,
    find_dataset,
    read_staged,
    source_folder,
    write_dataset,
)
from churn.integrations.locks import WRITE_LOCK, hold_lock
from churn.integrations.results import StageResult
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from pipelines.stages import main_of, run_stage

PATIENCE_SECONDS = 3600.0  # of a training run that finds another one building what it needs

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Write the data set of these settings, replacing one of the same id."""
    result = StageResult()
    staged = read_staged(settings)
    with (
        layer_engine(settings, "datasets") as engine,
        stage_run("features", settings, builds_on=staged.manifest["run_id"]) as tracker,
        interruptible(engine),
    ):
        with result.timed("build"):
            build = build_flat_dataset if settings.source.kind == "flat" else build_point_in_time_dataset
            dataset = build(engine, staged, settings)
        with result.timed("write"):
            key = dataset_key(settings, staged)
            facts = {**dataset.facts, "run_id": tracker.run_id, "staged": staged.fingerprint}
            layer, result.rows_out = write_dataset(engine, dataset.tables, settings, key, facts)
        counts = dataset.count_outcomes(engine, layer)
        for line in counts.lines:
            log.info("%s", line)
        tracker.dataset(layer, "features")
        tracker.json(layer.manifest["catalog"], "features.json")
        tracker.tag(switched_off=",".join(layer.manifest["switched_off"]))
        tracker.metrics(counts.metrics)
    result.run_id, result.artifacts = tracker.run_id, {"dataset": str(layer.folder)}
    result.rows_in = dict(staged.manifest.get("rows", {}))
    result.as_of_dates, result.metrics = layer.manifest["as_of_dates"], dict(counts.metrics)
    result.summary = (
        f"{result.rows_out['matrix']:,} rows x {len(layer.manifest['catalog'])} features on "
        f"{len(result.as_of_dates)} as-of dates; {counts.summary}"
    )
    return result


def ensure_dataset(settings: ChurnSettings) -> Layer:
    """Return the data set of these settings, building it where it is not there yet; runs at once build it once."""
    found = find_dataset(settings, read_staged(settings))
    if found is None:
        log.info("features: no data set for these settings yet; building it, or waiting for the run that does")
        with hold_lock(source_folder(settings, "datasets") / WRITE_LOCK, wait_seconds=PATIENCE_SECONDS):
            if find_dataset(settings, read_staged(settings)) is None:
                run_stage("features", settings)
        found = find_dataset(settings, read_staged(settings))
    if found is None:
        raise RuntimeError("the data set that was just written is not there")
    return found


if __name__ == "__main__":
    raise SystemExit(main_of("features")(None))

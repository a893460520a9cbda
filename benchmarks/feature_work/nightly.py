"""One date with the rollup of events (`features.mode=incremental`): what a night costs when those before it have run.

The cost is of what came since: the new day summed, blocks merged, every file's checksum, and the features of the date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir

from benchmarks.feature_work.ours import FEATURES, work_inputs, write_features
from benchmarks.feature_work.stopwatch import Stopwatch
from benchmarks.feature_work.work import Work
from churn.core.settings import EngineSettings
from churn.features.engagement import plan_engagement
from churn.features.family import FeatureInputs
from churn.features.rollup import LONGEST_DAYS, SUMS
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from churn.integrations.layers import Layer, with_known_day
from churn.integrations.rollups import Rollup
from churn.integrations.store import day_fingerprints, read_json, write_json

NIGHTS_BEFORE = LONGEST_DAYS  # so many, that of the longest blocks those are there that nights make bit by bit


def build_night(work: Work, folder: Path, out: Path, memory_limit: str) -> dict[str, float]:
    """Write the features of the last date; return what it cost, the rollup being that of the nights before."""
    settings = EngineSettings(memory_limit=memory_limit)
    with open_engine(settings, out.parent) as engine:
        tonight = work.as_of_dates[-1:]
        inputs = work_inputs(engine, work, folder, tonight, settings)
        days = _known_days(engine, folder, inputs.staged["events"].schema())
        for back in range(NIGHTS_BEFORE, 0, -1):
            night = tonight[0] - timedelta(days=back)
            known = {day: mark for day, mark in days.items() if day < str(night)}
            _sums(_rollup(engine, folder, known), replace(inputs, as_of_dates=[night]))
        watch = Stopwatch()
        complete = replace(inputs, staged={**inputs.staged, SUMS: _sums(_rollup(engine, folder, days), inputs)})
        write_features(engine, complete, out)
        return watch.read()


def _sums(rollup: Rollup, inputs: FeatureInputs) -> ir.Table:
    sums = rollup.sums(plan_engagement(inputs), FEATURES.event_types, FEATURES.value_types or [])
    if sums is None:
        raise SystemExit("the work has no events in sight of the date")
    return sums


def _rollup(engine: Engine, folder: Path, days: Mapping[str, str]) -> Rollup:
    """Return the rollup of the work for whoever knows of these days; files of others are removed."""
    layer = Layer(folder, {"fingerprint": folder.name, "tables": {"events": ""}})
    return Rollup(engine, layer, folder / "rollup", (days,))


def _known_days(engine: Engine, folder: Path, schema: ibis.Schema) -> dict[str, str]:
    """Return an id of the events that became known on each day, as `churn validate` keeps it."""
    known = folder / "known_days.json"
    if not known.is_file():
        write_json(known, day_fingerprints(engine, folder / "events.parquet", with_known_day(schema)))
    days: dict[str, str] = read_json(known)
    return days

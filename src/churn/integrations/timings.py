"""What building each family costs: one as-of date, every family alone, the clock of the machine at hand."""

from __future__ import annotations

import time
from datetime import date

from churn.core.problem import FeatureSettings
from churn.core.settings import ChurnSettings
from churn.core.strict import build_settings
from churn.integrations.datasets import candidates_on, features_on
from churn.integrations.engine import Engine
from churn.integrations.layers import Layer, open_tables
from churn.snapshots.cohort import build_snapshots


def time_families(engine: Engine, staged: Layer, dataset: Layer, settings: ChurnSettings) -> dict[str, float]:
    """Return the seconds that each family of a data set takes for its last as-of date, as a night would.

    Families over other families include what they are built from. Event types are those of the data set.
    """
    tables, day = open_tables(engine, staged), date.fromisoformat(max(dataset.manifest["as_of_dates"]))
    snapshots = build_snapshots(candidates_on(tables, (day,), settings)).cache()
    found = build_settings(FeatureSettings, dataset.manifest["features"])
    seconds: dict[str, float] = {}
    for family in found.families:
        if family in dataset.manifest["switched_off"]:
            continue
        alone = settings.model_copy(update={"features": found.model_copy(update={"families": [family]})})
        start = time.perf_counter()
        features_on(tables, snapshots, (day,), alone)[0].table.cache()
        seconds[family] = time.perf_counter() - start
    return seconds

"""Which features are asked what they know, by what leaving means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.auditing.alarms import find_knowing
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from pipelines.composition import compose
from tests.unit.modeling.toys import make_feature

SILENT = np.arange(200.0)
CATALOG = Catalog([make_feature("silent")])


@pytest.mark.parametrize(("label", "known"), [("contractual", {"leaving at any time later"}), ("inactivity", set())])
def test_long_silence_may_know_of_silence_to_the_end_of_the_data(label: str, known: set[str]) -> None:
    settings = compose("audit", ChurnSettings, [f"label={label}"])
    rows = pd.DataFrame({"silent": SILENT, "churned": (SILENT % 2).astype(int)})
    eventual = rows.assign(churned=(SILENT > 150).astype(int))
    assert {s.knows.partition(" of ")[0] for s in find_knowing(rows, eventual, CATALOG, settings)} == known

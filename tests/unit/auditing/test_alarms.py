"""Which features are asked what they know, by what leaving means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.auditing.alarms import find_knowing, note_nearly_certain
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.modeling.foresight import Suspect
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


def test_a_mark_on_leavers_is_noted_where_too_many_leave_to_accuse_it() -> None:
    left, sizes = np.arange(1500) % 2, np.random.default_rng(0).integers(1, 90, 1500).astype(float)
    marked = np.where((left == 1) & (np.arange(1500) < 240), -1.0, sizes)
    rows, catalog = pd.DataFrame({"size": marked, "churned": left}), Catalog([make_feature("size")])
    settings = compose("audit", ChurnSettings, ["label=contractual"])
    assert find_knowing(rows, rows, catalog, settings) == []
    (note,) = note_nearly_certain(rows, catalog, (), settings)
    assert "size knows leaving at any time later of some: 120 of 120 with -1 or less left" in note
    accused = [Suspect("size", "outcome", 0.95, 0.9)]
    assert note_nearly_certain(rows, catalog, accused, settings) == []
    assert note_nearly_certain(rows.assign(size=sizes), catalog, (), settings) == []

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from churn.features.catalog import Catalog
from churn.modeling.certainty import CertainGroup, find_certain_groups
from churn.snapshots.sampling import WEIGHT
from tests.unit.modeling.toys import make_feature

GENERATOR = np.random.default_rng(0)
CHURNED = (np.arange(4000) % 20 == 0).astype(int)
SOME = (CHURNED == 1) & (np.arange(4000) % 40 == 0)


def groups(
    values: object, kind: str = "number", limit: float = 0.9, churned: np.ndarray = CHURNED
) -> list[CertainGroup]:
    rows = pd.DataFrame({"churned": churned, "x": values})
    return find_certain_groups(rows, Catalog([make_feature("x", kind=kind)]), limit)


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (np.where(SOME, 30.0, 0.0), "number", "30 or more"),
        (np.where(SOME, -5.0, GENERATOR.normal(10.0, 1.0, 4000)), "number", "-5 or less"),
        (np.where(SOME, np.nan, 1.0), "number", "no value"),
        (pd.Series(np.where(SOME, "price", "other")), "category", "'price'"),
        (pd.Series(np.where(SOME, None, "+49")), "category", "no value"),
    ],
)
def test_a_value_that_only_leavers_have_is_told_by_its_group(values: object, kind: str, said: str) -> None:
    (found,) = groups(values, kind)
    assert (found.values, found.rows, found.left) == (said, 100, 100)
    assert found.share == pytest.approx(binomtest(100, 100).proportion_ci(0.99, method="wilson").low, abs=1e-4)


def test_a_strong_honest_signal_is_not_certain() -> None:
    failed = np.where(GENERATOR.random(4000) < np.where(CHURNED == 1, 0.5, 0.008), 4.0, 0.0)
    rate = CHURNED[failed > 0].mean()
    assert 0.65 < rate < 0.9
    assert groups(failed) == []


def test_a_handful_of_leavers_is_no_proof() -> None:
    assert groups(np.where(SOME & (np.arange(4000) < 1600), 1.0, 0.0)) == []


def test_where_nearly_everybody_leaves_a_group_of_leavers_is_nothing_special() -> None:
    most = (np.arange(4000) % 10 > 0).astype(int)
    assert groups(np.where((most == 1) & (np.arange(4000) < 400), 1.0, 0.0), churned=most) == []


def test_of_a_sample_the_rows_count_that_it_stands_for() -> None:
    found = np.where(SOME, 30.0, 0.0)
    rows = pd.DataFrame({"churned": CHURNED, "x": found, "weight": np.where(CHURNED == 1, 1.0, 10.0)})
    catalog = Catalog([make_feature("x")])
    assert find_certain_groups(rows.rename(columns={"weight": WEIGHT}), catalog, 0.9) == []
    (group,) = find_certain_groups(rows.rename(columns={"weight": WEIGHT}), catalog, 0.5)
    odds = binomtest(100, 100).proportion_ci(0.99, method="wilson").low
    assert group.share == pytest.approx(odds / (odds + 10 * (1 - odds)), abs=1e-3)


def test_free_text_and_constants_have_no_groups() -> None:
    assert groups(pd.Series(np.where(SOME, "price", "other")), "text") == []
    assert groups(np.full(4000, 7.0)) == []
    assert groups(np.full(4000, np.nan)) == []

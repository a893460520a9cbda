from __future__ import annotations

import numpy as np
import pandas as pd

from churn.features.catalog import Catalog
from churn.modeling.alike import ENOUGH_ROWS, find_alike
from tests.unit.modeling.toys import make_feature

NAMES = ("days", "actions", "tickets")
CATALOG = Catalog([*(make_feature(name) for name in NAMES), make_feature("plan", kind="category")])


def _rows(number: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    days = generator.poisson(5, number).astype(float)
    return pd.DataFrame(
        {"days": days, "actions": 3 * days**2 + generator.random(number), "tickets": generator.poisson(5.0, number)}
    ).assign(plan="pro")


def test_what_rises_together_however_curved_is_alike():
    assert find_alike(_rows(), CATALOG) == [["days", "actions"]]


def test_so_is_what_falls_as_the_other_rises():
    assert find_alike(_rows().assign(actions=-_rows()["days"]), CATALOG) == [["days", "actions"]]


def test_hardly_ever_known_together_or_never_varying_is_not():
    rows = _rows()
    is_known = np.arange(len(rows)) % 2 == 0
    apart = rows.assign(days=rows["days"].where(is_known), actions=rows["actions"].where(~is_known))
    assert find_alike(apart, CATALOG) == []
    assert find_alike(rows.assign(days=1.0, actions=np.nan), CATALOG) == []


def test_only_numbers_that_are_quoted_count():
    quoting = make_feature("actions", value_of="days")
    assert find_alike(_rows(), Catalog([make_feature("days"), quoting])) == []


def test_an_even_part_of_many_rows_is_enough():
    rows = _rows(3 * ENOUGH_ROWS)
    assert find_alike(rows, CATALOG) == [["days", "actions"]]
    rows.loc[np.arange(len(rows)) % 3 != 0, "actions"] = 0.0
    assert find_alike(rows, CATALOG) == [["days", "actions"]]

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.features.catalog import Catalog
from churn.modeling.foresight import OUTCOME, Suspect, find_future_suspects, find_outcome_suspects
from tests.unit.modeling.toys import make_feature

GENERATOR = np.random.default_rng(0)
RATE = GENERATOR.gamma(2.0, 5.0, 500)
ROWS = pd.DataFrame({"past_events": GENERATOR.poisson(RATE), "future_events": GENERATOR.poisson(RATE)})


def share(**attributes: np.ndarray) -> dict[str, float]:
    found = find_future_suspects(ROWS.assign(**attributes), list(attributes), ["past_events"], ["future_events"], -1.0)
    return {suspect.feature: suspect.measure for suspect in found}


def test_a_total_over_everything_follows_the_future():
    total = (ROWS["past_events"] + ROWS["future_events"]).to_numpy()
    assert share(total=total)["total"] == pytest.approx(1.0)
    assert share(last=np.where(ROWS["future_events"] > 5, 3.0 * ROWS["future_events"], np.nan))["last"] > 0.9


def test_what_was_known_at_the_date_does_not():
    shares = share(noise=GENERATOR.normal(size=500), so_far=2.0 * ROWS["past_events"].to_numpy(), same=np.ones(500))
    assert max(shares.values()) < 0.05


def test_an_honest_attribute_of_busy_people_stays_below_the_limit():
    seats = GENERATOR.poisson(RATE / 2)  # busy before, busy after
    assert share(seats=seats)["seats"] < 0.5


def test_too_few_rows_say_nothing():
    few = ROWS.head(20).assign(total=lambda r: r["past_events"] + r["future_events"])
    assert find_future_suspects(few, ["total"], ["past_events"], ["future_events"], 0.5) == []


def test_outcome_suspects_come_best_first_and_say_what_they_know():
    rows = pd.DataFrame({"churned": [0, 1] * 50})
    rows = rows.assign(flag=rows["churned"], near=rows["churned"] + (rows.index == 3) * -2.0, noise=rows.index % 7)
    catalog = Catalog([make_feature(name) for name in ("noise", "near", "flag")])
    found = find_outcome_suspects(rows, catalog, OUTCOME, 0.95)
    assert [s.feature for s in found] == ["flag", "near"]
    assert str(found[0]) == "flag knows outcome (1.000, limit 0.95)"
    assert find_outcome_suspects(rows.assign(churned=0), catalog, OUTCOME, 0.95) == []
    assert isinstance(found[0], Suspect)

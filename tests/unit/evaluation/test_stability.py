from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.evaluation.stability import measure_drift


def drift_of(reference: list, values: list):
    rows = pd.Series([*reference, *values])
    is_reference = np.arange(len(rows)) < len(reference)
    found = measure_drift(rows, is_reference, (~is_reference).astype(int))
    return float(found.psi[1]), float(found.by_chance[1])


def test_the_same_values_have_not_moved():
    assert drift_of([1.0, 2.0, 3.0, None] * 10, [1.0, 2.0, 3.0, None] * 20)[0] == pytest.approx(0.0)


def test_the_index_is_the_sum_over_bins_worked_by_hand():
    # half zeros and half ones become four fifths zeros: (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5)
    psi, _ = drift_of([0.0, 1.0] * 10, [0.0, 0.0, 0.0, 0.0, 1.0] * 4)
    assert psi == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4))


def test_categories_and_missing_values_are_bins_of_their_own():
    assert drift_of(["a", "b"] * 10, ["b", "a"] * 10)[0] == pytest.approx(0.0)
    assert drift_of(["a", "b"] * 10, ["a", None] * 10)[0] > 1
    assert drift_of([1.0, 2.0] * 10, [1.0, None] * 10)[0] > 1


def test_a_value_never_seen_before_is_beyond_the_last_tenth():
    assert drift_of([0.0] * 20, [5.0] * 20)[0] > 1


def test_chance_alone_stays_below_what_it_is_said_to_do():
    generator = np.random.default_rng(0)
    found = [drift_of(list(generator.random(500)), list(generator.random(50))) for _ in range(100)]
    assert sum(psi > by_chance for psi, by_chance in found) <= 5
    assert max(psi for psi, _ in found) > 0.25, "few rows move far by chance alone"


def test_a_feature_without_any_value_has_not_moved():
    assert drift_of([None, np.nan], [np.nan, None])[0] == 0.0

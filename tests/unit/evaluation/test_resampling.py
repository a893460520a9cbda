from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.core.settings import EvaluationSettings
from churn.evaluation.resampling import resample_customers

SETTINGS = EvaluationSettings(bootstrap_samples=40)


class TestResampling:
    def test_draws_customers_with_all_their_rows(self) -> None:
        ids = pd.Series(["b", "a", "b", "c", "b"])
        for weights in np.hstack(list(resample_customers(ids, SETTINGS))).T:
            assert len(set(weights[[0, 2, 4]])) == 1
            assert weights[0] + weights[1] + weights[3] == 3  # three customers are drawn, with replacement

    def test_gives_as_many_draws_as_asked_and_the_same_ones_however_many_at_a_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = pd.Series([f"c{n}" for n in range(20)])
        (at_once,) = resample_customers(ids, SETTINGS)
        monkeypatch.setattr("churn.evaluation.resampling.BLOCK", 140)
        in_parts = list(resample_customers(ids, SETTINGS))
        assert at_once.shape == (20, 40)
        assert [part.shape[1] for part in in_parts] == [7, 7, 7, 7, 7, 5]
        assert (np.hstack(in_parts) == at_once).all()

    def test_row_order_does_not_change_who_is_drawn(self) -> None:
        ids = pd.Series(["a", "b", "c", "d"])
        forward = next(resample_customers(ids, SETTINGS))
        backward = next(resample_customers(ids[::-1], SETTINGS))
        assert (forward == backward[::-1]).all()

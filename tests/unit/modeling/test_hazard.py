from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from lightgbm import LGBMClassifier, early_stopping

from churn.explanation.horizon import explain_horizon
from churn.modeling.calibration import sigmoid
from churn.modeling.hazard import TimeToChurn, expand_periods, log_odds_of

RATES = {0: (0.002, 0.001), 1: (0.010, 0.001), 2: (0.002, 0.006)}  # per day: by will, involuntarily


def _model(**changes: object) -> TimeToChurn:
    trees = {"num_leaves": 4, "min_child_samples": 50, "n_jobs": 1, "verbose": -1, "random_state": 0,
             "n_estimators": 60, "deterministic": True, "force_row_wise": True}  # fmt: skip
    return TimeToChurn(LGBMClassifier(**trees), LGBMClassifier(**trees), **{"horizon_days": 30, **changes})  # type: ignore[arg-type]


def _simulate(rows: int = 12_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Customers of three groups who leave at constant rates, each followed for up to 120 days; a noise input beside."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, 3, rows)
    will, unpaid = (generator.exponential(1 / np.array([RATES[g][kind] for g in group])) for kind in (0, 1))
    until = generator.integers(20, 121, rows).astype(float)
    left = np.minimum(will, unpaid)
    is_seen = left < until
    kind = np.where(is_seen, np.where(unpaid < will, 2, 1), 0)
    inputs = np.column_stack([group, generator.normal(size=rows)]).astype(np.float32)
    return inputs, np.column_stack([until, np.where(is_seen, np.floor(left), np.nan), kind])


def _truth(group: int, days: int) -> tuple[float, float]:
    """The chance to have left, and to have left involuntarily, by a day."""
    will, unpaid = RATES[group]
    leaves = 1 - np.exp(-(will + unpaid) * days)
    return leaves, leaves * unpaid / (will + unpaid)


@cache
def _fitted() -> TimeToChurn:
    return _model().fit(*_simulate())


GROUPS = np.array([[0, 0.0], [1, 0.0], [2, 0.0]], dtype=np.float32)


class TestPeriods:
    def test_leavers_are_at_risk_until_the_period_they_leave_in(self) -> None:
        periods = expand_periods(np.array([[90.0, 15.0, 1.0]]), 7, 13)
        assert periods.number.tolist() == [0, 1, 2]
        assert periods.outcome.tolist() == [0, 0, 1]

    def test_a_period_that_was_not_followed_to_its_end_counts_for_nobody(self) -> None:
        left, stayed = [20.0, 15.0, 1.0], [20.0, np.nan, 0.0]
        periods = expand_periods(np.array([left, stayed]), 7, 13)
        assert periods.row.tolist() == [0, 0, 1, 1]
        assert periods.outcome.sum() == 0

    def test_rows_that_were_not_followed_at_all_teach_nothing(self) -> None:
        assert len(expand_periods(np.array([[-3.0, np.nan, 0.0], [6.0, 2.0, 1.0]]), 7, 13).row) == 0

    def test_no_row_has_more_periods_than_asked_for(self) -> None:
        assert len(expand_periods(np.array([[400.0, np.nan, 0.0], [400.0, 300.0, 2.0]]), 7, 5).row) == 10


class TestAgainstConstantHazards:
    @pytest.mark.parametrize("group", RATES)
    @pytest.mark.parametrize("days", [7, 30, 60, 90])
    def test_finds_the_chance_to_leave_by_each_horizon(self, group: int, days: int) -> None:
        model = _fitted()
        found = model.outlook(GROUPS, model.predict_proba(GROUPS)[:, 1])
        leaves, unpaid = _truth(group, days)
        assert found[f"churn_probability_{days}d"][group] == pytest.approx(leaves, rel=0.15)
        assert found[f"involuntary_probability_{days}d"][group] == pytest.approx(unpaid, rel=0.35)

    @pytest.mark.parametrize("group", RATES)
    def test_finds_the_days_a_customer_is_expected_to_stay(self, group: int) -> None:
        model = _fitted()
        rate = sum(RATES[group])
        expected = (1 - np.exp(-rate * 90)) / rate
        found = model.outlook(GROUPS, model.predict_proba(GROUPS)[:, 1])["expected_days_90d"]
        assert found[group] == pytest.approx(expected, rel=0.05)

    def test_sampling_rows_leaves_the_rate_as_it_is(self) -> None:
        inputs, followed = _simulate()
        few = _model(max_person_periods=30_000).fit(inputs, followed)
        assert few.predict_proba(inputs)[:, 1].mean() == pytest.approx(
            _fitted().predict_proba(inputs)[:, 1].mean(), rel=0.1
        )


class TestOutlook:
    inputs = _simulate(500, seed=1)[0]

    def _outlook(self, probability: np.ndarray | None = None) -> dict[str, np.ndarray]:
        model = _fitted()
        own = model.predict_proba(self.inputs)[:, 1]
        return model.outlook(self.inputs, own if probability is None else probability)

    def test_chances_never_fall_with_the_horizon_for_either_kind(self) -> None:
        found = self._outlook()
        for kind in ("churn", "voluntary", "involuntary"):
            by_day = np.column_stack([found[f"{kind}_probability_{days}d"] for days in (7, 30, 60, 90)])
            assert (np.diff(by_day, axis=1) > 0).all()

    def test_both_kinds_add_up_to_the_whole(self) -> None:
        found = self._outlook()
        for days in (7, 30, 60, 90):
            total = found[f"voluntary_probability_{days}d"] + found[f"involuntary_probability_{days}d"]
            assert total == pytest.approx(found[f"churn_probability_{days}d"], abs=1e-12)

    def test_the_chance_at_the_horizon_is_the_calibrated_one(self) -> None:
        calibrated = np.linspace(0.01, 0.6, len(self.inputs))
        assert self._outlook(calibrated)["churn_probability_30d"] == pytest.approx(calibrated)

    def test_expected_days_lie_between_none_and_the_furthest_horizon(self) -> None:
        days = self._outlook()["expected_days_90d"]
        assert ((days > 0) & (days < 90)).all()

    def test_a_horizon_within_a_week_takes_its_share_of_the_week(self) -> None:
        model = _model(horizon_days=10)
        assert model.exposures(10) == pytest.approx([1, 3 / 7])

    def test_with_few_of_a_kind_their_share_is_one_number(self) -> None:
        inputs, followed = _simulate(3000)
        followed[followed[:, 2] == 2, 2] = 1
        model = _model().fit(inputs, followed)
        assert (model.involuntary_shares(GROUPS, 3) == 0).all()


class TestContributions:
    def test_add_up_to_the_log_odds_of_the_horizon(self) -> None:
        model, inputs = _fitted(), _simulate(300, seed=2)[0]
        values, base = explain_horizon(model, inputs)
        assert values.sum(axis=1) + base == pytest.approx(model.decision_function(inputs), abs=1e-9)

    def test_what_decides_contributes_and_noise_does_not(self) -> None:
        values, _ = explain_horizon(_fitted(), GROUPS)
        assert values[1, 0] > 0.3 > np.abs(values[:, 1]).max()
        assert values[0, 0] < 0

    def test_the_base_is_one_number_for_all_rows_together_or_alone(self) -> None:
        together, alone = explain_horizon(_fitted(), GROUPS), explain_horizon(_fitted(), GROUPS[:1])
        assert together[1] == alone[1]
        assert together[0][0] == pytest.approx(alone[0][0])


class TestWatching:
    @staticmethod
    def _grown(rows: int, seed: int) -> TimeToChurn:
        trees = {"num_leaves": 8, "min_child_samples": 50, "n_jobs": 1, "verbose": -1, "random_state": 0}
        model = TimeToChurn(LGBMClassifier(n_estimators=400, **trees), LGBMClassifier(**trees), 30)
        later = _simulate(4000, seed=seed)
        return model.fit(
            *_simulate(rows), eval_X=later[0], eval_y=later[1], eval_metric="binary_logloss",
            callbacks=[early_stopping(20, verbose=False)],
        )  # fmt: skip

    def test_growing_stops_when_the_hazard_of_later_rows_no_longer_improves(self) -> None:
        grown = self._grown(4000, seed=3)
        assert 1 <= grown.best_iteration_ < 400

    def test_the_number_of_trees_is_a_parameter_of_its_hazard(self) -> None:
        chosen = _model().set_params(**{TimeToChurn.tree_counts[0]: 7}).fit(*_simulate(2000))
        assert chosen.leaving_.booster_.num_trees() == 7


def test_log_odds_of_a_cumulative_hazard() -> None:
    hazard = np.array([0.0, 0.01, 1.0, 50.0])
    assert sigmoid(log_odds_of(hazard)) == pytest.approx(1 - np.exp(-hazard), abs=1e-8)

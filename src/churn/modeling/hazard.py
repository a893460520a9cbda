"""Time to churn: the chance of leaving in each coming week, and whether by will or by a failed payment.

Each row of a date is followed week by week until the customer leaves, or until nothing later was known; LightGBM learns
the hazard, the chance of leaving in a week of whoever is still there at its start. A second model tells, of those who
leave in a week, who does so involuntarily, so that both kinds compete and always add up to the whole.

References
----------
Singer and Willett 1993 (discrete-time hazards from person-periods); van Houwelingen 2007 (rows of many dates, each
followed on: landmarking); Nicolaie, van Houwelingen, Putter 2010 (vertical modelling of competing risks).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from churn.modeling.calibration import sigmoid

INVOLUNTARY = 2
LEAST_OF_A_KIND = 50  # fewer involuntary leavers: their share among all leavers is one number
EDGE = 1e-9
ROWS_FOR_EFFECTS = 500


class Periods(NamedTuple):
    """Person-periods: which row each comes from, its number (0 = the first week), and what happened in it.

    `outcome` is 0 (still there at its end), 1 (left by will) or 2 (involuntarily); shape (person-periods,) each.
    """

    row: np.ndarray
    number: np.ndarray
    outcome: np.ndarray


def expand_periods(followed: np.ndarray, period_days: int, most: int) -> Periods:
    """Return the periods that rows were at risk in; a period that was not followed to its end counts for nobody.

    Parameters
    ----------
    followed
        Shape (rows, 3), days counted from the start of the outcome window: until when the row was followed, when its
        customer left (NaN: not before that), and the kind (0 none, 1 by will, 2 involuntary).
    period_days
        Length of a period.
    most
        Periods per row at most.

    Examples
    --------
    >>> periods = expand_periods(np.array([[20.0, 9.0, 2.0], [15.0, np.nan, 0.0]]), period_days=7, most=13)
    >>> periods.row.tolist(), periods.number.tolist(), periods.outcome.tolist()
    ([0, 0, 1, 1], [0, 1, 0, 1], [0, 2, 0, 0])
    """
    until, left, kind = followed.T
    whole = np.minimum(np.floor(until / period_days), most)
    leaves_in = np.where(np.isnan(left), np.inf, np.floor(left / period_days))
    count = np.maximum(np.minimum(whole, leaves_in + 1), 0).astype(int)
    row = np.repeat(np.arange(len(followed)), count)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    outcome = np.where(number == leaves_in[row], kind[row], 0).astype(int)
    return Periods(row, number, outcome)


class TimeToChurn(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Discrete-time hazard model with two competing ways to leave.

    Parameters
    ----------
    leaving
        Unfitted LightGBM classifier of the hazard; the number of the period is its last input.
    kind
        Unfitted LightGBM classifier that tells involuntary leavers from the others.
    horizon_days
        Horizon of `predict_proba` and `decision_function`.
    outlook_days
        Horizons of `outlook`, ascending.
    period_days
        Length of a period; within one the hazard is constant.
    max_person_periods
        Rows (never outcomes) are sampled evenly above this, which bounds memory and leaves the base rate as it is.
    monotone_constraints
        As LightGBM has them, one per input.
    """

    needs_follow_up = True
    tree_counts = ("leaving__n_estimators",)

    def __init__(
        self,
        leaving: Any,
        kind: Any,
        horizon_days: int,
        outlook_days: Sequence[int] = (7, 30, 60, 90),
        period_days: int = 7,
        max_person_periods: int = 3_000_000,
        monotone_constraints: Sequence[int] | None = None,
        random_state: int = 0,
    ) -> None:
        self.leaving = leaving
        self.kind = kind
        self.horizon_days = horizon_days
        self.outlook_days = outlook_days
        self.period_days = period_days
        self.max_person_periods = max_person_periods
        self.monotone_constraints = monotone_constraints
        self.random_state = random_state

    def fit(
        self, inputs: np.ndarray, followed: np.ndarray, sample_weight: np.ndarray | None = None, **watching: Any
    ) -> TimeToChurn:
        """Fit on encoded inputs (rows, columns) and what followed them (rows, 3), as `expand_periods` takes it.

        Parameters
        ----------
        sample_weight
            How many rows each row stands for, shape (rows,).
        watching
            For LightGBM's own `fit` of the hazard. `eval_X` and `eval_y`, later rows and what followed them, are
            expanded as the others are, and so are their weights.
        """
        inputs = np.asarray(inputs, dtype=np.float32)
        expanded, outcome, weight = self._expanded(inputs, followed, sample_weight)
        self.classes_ = np.array([0, 1])
        limits = self.monotone_constraints
        constrained = {} if limits is None else {"monotone_constraints": [*limits, 0]}
        if "eval_X" in watching:
            later, followed_later = np.asarray(watching["eval_X"], dtype=np.float32), watching["eval_y"]
            (weight_later,) = watching.get("eval_sample_weight") or [None]
            expanded_later, outcome_later, weight_later = self._expanded(later, followed_later, weight_later)
            watched = {"eval_X": expanded_later, "eval_y": outcome_later > 0}
            watching |= {**watched, "eval_sample_weight": None if weight_later is None else [weight_later]}
        left = outcome > 0
        self.leaving_ = clone(self.leaving).set_params(**constrained)
        self.leaving_.fit(expanded, left, sample_weight=weight, **watching)
        self.period_effects_ = self._measure_periods(inputs)
        self._fit_kind(expanded[left], outcome[left] == INVOLUNTARY, None if weight is None else weight[left])
        return self

    @property
    def best_iteration_(self) -> int:
        """Number of trees of the hazard after which rows that were watched no longer improved."""
        return int(self.leaving_.best_iteration_)

    def _expanded(
        self, inputs: np.ndarray, followed: np.ndarray, weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return person-periods as inputs (the number of the period last), what happened in each, and their weights."""
        periods = self._sampled(expand_periods(followed, self.period_days, self._periods_for(self._furthest())))
        weights = None if weight is None else weight[periods.row]
        return _with_period(inputs[periods.row], periods.number), periods.outcome, weights

    def contributions(self, inputs: np.ndarray, number: int) -> np.ndarray:
        """Return contributions to the log-odds of one period, shape (rows, columns + 2): inputs, period, base."""
        return np.asarray(self.leaving_.booster_.predict(_with_period(inputs, number), pred_contrib=True), dtype=float)

    def _measure_periods(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the number of each period up to the horizon contributes on average, shape (periods,)."""
        some = inputs[:: max(len(inputs) // ROWS_FOR_EFFECTS, 1)]
        numbers = range(self._periods_for(self.horizon_days))
        return np.array([self.contributions(some, number)[:, -2].mean() for number in numbers])

    def _fit_kind(self, expanded: np.ndarray, is_involuntary: np.ndarray, weight: np.ndarray | None) -> None:
        self.involuntary_share_ = float(np.average(is_involuntary, weights=weight))
        self.kind_ = None
        if min(is_involuntary.sum(), (~is_involuntary).sum()) >= LEAST_OF_A_KIND:
            self.kind_ = clone(self.kind).fit(expanded, is_involuntary, sample_weight=weight)

    def _sampled(self, periods: Periods) -> Periods:
        share = self.max_person_periods / max(len(periods.row), 1)
        if share >= 1:
            return periods
        kept = (np.random.default_rng(self.random_state).random(periods.row.max() + 1) < share)[periods.row]
        return Periods(*(values[kept] for values in periods))

    def _furthest(self) -> int:
        return max(self.horizon_days, *self.outlook_days)

    def _periods_for(self, days: int) -> int:
        return -(-days // self.period_days)

    def exposures(self, days: int) -> np.ndarray:
        """Return which share of each period lies within `days`: ones, and a fraction for the last, shape (periods,)."""
        starts = np.arange(self._periods_for(days)) * self.period_days
        return np.minimum((days - starts) / self.period_days, 1.0)

    def margins(self, inputs: np.ndarray, periods: int) -> np.ndarray:
        """Return the log-odds of leaving in each of the first periods, shape (rows, periods)."""
        return np.column_stack(
            [self.leaving_.booster_.predict(_with_period(inputs, number), raw_score=True) for number in range(periods)]
        )

    def cumulative_hazard(self, margins: np.ndarray, days: int) -> np.ndarray:
        """Return minus the log of the chance to be there after `days`, shape (rows,)."""
        shares = self.exposures(days)
        return np.asarray(np.logaddexp(0.0, margins[:, : len(shares)]) @ shares)

    def decision_function(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-odds of leaving within the horizon, shape (rows,)."""
        hazard = self.cumulative_hazard(self.margins(inputs, self._periods_for(self.horizon_days)), self.horizon_days)
        return log_odds_of(hazard)

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Return the chances to stay and to leave within the horizon, shape (rows, 2)."""
        leaves = sigmoid(self.decision_function(inputs))
        return np.column_stack([1 - leaves, leaves])

    def involuntary_shares(self, inputs: np.ndarray, periods: int) -> np.ndarray:
        """Return the chance that whoever leaves in a period does so involuntarily, shape (rows, periods)."""
        if self.kind_ is None:
            return np.full((len(inputs), periods), self.involuntary_share_)
        return np.column_stack([self.kind_.booster_.predict(_with_period(inputs, number)) for number in range(periods)])

    def outlook(self, inputs: np.ndarray, probability: np.ndarray) -> dict[str, np.ndarray]:
        """Return the chances by horizon and kind, and the expected days, of rows whose probability is calibrated.

        Calibration is carried to all horizons as a factor on each row's hazard, so that the chance at `horizon_days` is
        `probability`, and the chances rise with the horizon. Per horizon `churn_probability_<n>d` is the sum of
        `voluntary_probability_<n>d` and `involuntary_probability_<n>d`; `expected_days_<n>d` is the mean number of the
        furthest horizon's days that the customer stays (restricted mean survival time, Royston and Parmar 2013). Days
        count from the start of the outcome window.

        Parameters
        ----------
        inputs
            Encoded rows, shape (rows, columns).
        probability
            Calibrated probability at `horizon_days`, shape (rows,).
        """
        furthest = self._furthest()
        margins = self.margins(inputs, self._periods_for(furthest))
        own = np.maximum(self.cumulative_hazard(margins, self.horizon_days), EDGE)
        factor = -np.log1p(-np.clip(probability, EDGE, 1 - EDGE)) / own
        involuntary = self.involuntary_shares(inputs, margins.shape[1])
        edges = [min(number * self.period_days, furthest) for number in range(margins.shape[1] + 1)]
        stays = self._stays(margins, factor, edges)
        found: dict[str, np.ndarray] = {}
        for days in self.outlook_days:
            within = np.minimum(edges, days)
            lost = -np.diff(self._stays(margins, factor, within), axis=1)
            unpaid = (lost * involuntary).sum(axis=1)
            found[f"churn_probability_{days}d"] = lost.sum(axis=1)
            found[f"voluntary_probability_{days}d"] = lost.sum(axis=1) - unpaid
            found[f"involuntary_probability_{days}d"] = unpaid
        found[f"expected_days_{furthest}d"] = (stays[:, :-1] + stays[:, 1:]) @ np.diff(edges) / 2
        return found

    def _stays(self, margins: np.ndarray, factor: np.ndarray, days: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the calibrated chance to be there after each number of days, shape (rows, days)."""
        hazards = [self.cumulative_hazard(margins, int(day)) if day else np.zeros(len(margins)) for day in days]
        return np.asarray(np.exp(-np.column_stack(hazards) * factor[:, None]))


def log_odds_of(cumulative_hazard: np.ndarray) -> np.ndarray:
    """Return the log-odds of leaving, of a cumulative hazard; shape as given."""
    hazard = np.maximum(cumulative_hazard, EDGE)
    return np.asarray(hazard + np.log(-np.expm1(-hazard)))


def _with_period(inputs: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Return the inputs with the number of the period as the last column."""
    column = np.broadcast_to(np.asarray(number, dtype=np.float32), len(inputs))
    return np.column_stack([np.asarray(inputs, dtype=np.float32), column])

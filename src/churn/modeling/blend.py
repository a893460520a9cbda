"""One ensemble and competing causes, blended: each is best where the other is not.

Where several causes drive customers out and features speak of each, hazards that add up rank better; where most
features speak of one matter alone, one ensemble that may combine them all does. Which a company is shows in rows that
neither has seen: their log loss decides what share of the score the causes have. The mean of both is often better than
either, as they are wrong in different ways.

References
----------
Genest and Zidek 1986 (logarithmic opinion pools: means of log-odds); Wolpert 1992 (stacking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression

from churn.modeling.calibration import sigmoid

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # finer ones differ by less than the rows can tell
ERRORS_BEYOND_NOISE = 2  # standard errors of a gain


class ShareFound(NamedTuple):
    """A share of the causes, and how much lower the best one's log loss is than that of one ensemble alone."""

    share: float
    gain: float
    error: float


def best_share(one: np.ndarray, causes: np.ndarray, left: np.ndarray, weight: np.ndarray) -> ShareFound:
    """Return which of SHARES the causes should have, by log loss; none unless that is better beyond noise.

    Every mean is first put on the scale that suits it best, as calibration will do, so that what decides is the order
    and not which of them happens to be bolder.

    Parameters
    ----------
    one, causes
        Log-odds by either, of rows that neither has seen, shape (rows,).
    left
        Whether these rows left, shape (rows,).
    weight
        How many rows each row stands for, shape (rows,).

    References
    ----------
    Breiman et al. 1984, Classification and regression trees (the simpler one within so many standard errors).
    """
    losses = {share: _losses((1 - share) * one + share * causes, left, weight) for share in SHARES}
    best = min(SHARES, key=lambda share: float(np.average(losses[share], weights=weight)))
    gains = losses[0.0] - losses[best]
    gain = float(np.average(gains, weights=weight))
    error = float(np.sqrt(np.square(weight * (gains - gain)).sum()) / weight.sum())
    return ShareFound(best if gain > ERRORS_BEYOND_NOISE * error else 0.0, gain, error)


def _losses(score: np.ndarray, left: np.ndarray, weight: np.ndarray) -> np.ndarray:
    fitted = LogisticRegression(C=1e6).fit(score[:, None], left, sample_weight=weight)
    log_odds = fitted.decision_function(score[:, None])
    return np.asarray(np.logaddexp(0, np.where(left, -log_odds, log_odds)))


class Blend(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted mean of the log-odds of one ensemble and of competing causes.

    Parameters
    ----------
    one
        Unfitted LightGBM classifier; all inputs are its own.
    causes
        Unfitted `CompetingCauses`.
    share_of_causes
        What the causes count for, 0 to 1; what counts for nothing is not fitted. With rows to watch, a finding instead.
    groups
        Inputs of each cause, see `CompetingCauses`; with fewer than two, causes count for nothing.
    monotone_constraints
        As LightGBM has them, one per input.
    gain, gain_error
        How much lower the log loss of the best share was than that of one ensemble alone, on rows that neither had
        seen, and the standard error; None where nobody looked. They are what `makeup` tells, and change nothing else.
    """

    needs_kinds = True
    tree_counts = ("one__n_estimators", "causes__trees__n_estimators")

    def __init__(
        self,
        one: Any,
        causes: Any,
        share_of_causes: float = 0.5,
        groups: Mapping[str, Sequence[int]] | None = None,
        monotone_constraints: Sequence[int] | None = None,
        gain: float | None = None,
        gain_error: float | None = None,
    ) -> None:
        self.one = one
        self.causes = causes
        self.share_of_causes = share_of_causes
        self.groups = groups
        self.monotone_constraints = monotone_constraints
        self.gain = gain
        self.gain_error = gain_error

    def fit(
        self, inputs: np.ndarray, kinds: np.ndarray, sample_weight: np.ndarray | None = None, **watching: Any
    ) -> Blend:
        """Fit on encoded inputs (rows, columns) and what came of them, shape (rows,), as `CompetingCauses` takes it.

        With rows to watch (`eval_X` and so on, as `CompetingCauses` takes them) both parts are grown until these no
        longer improve, and `found_` holds the share of the causes that suits them best and its gain (`best_share`).
        """
        limits = {"monotone_constraints": self.monotone_constraints}
        self.classes_ = np.array([0, 1])
        competes = len(self.groups or {}) > 1
        self.share_ = self.share_of_causes if competes else 0.0
        self.one_: Any = None
        self.causes_: Any = None
        is_watched = "eval_X" in watching
        if is_watched or self.share_ < 1:
            whether = {"eval_y": np.asarray(watching["eval_y"]) > 0} if is_watched else {}
            self.one_ = clone(self.one).set_params(**limits)
            self.one_.fit(inputs, np.asarray(kinds) > 0, sample_weight=sample_weight, **watching | whether)
        if (is_watched and competes) or self.share_ > 0:
            self.causes_ = clone(self.causes).set_params(groups=self.groups, **limits)
            self.causes_.fit(inputs, kinds, sample_weight=sample_weight, **watching)
        if is_watched:
            self.found_ = self._best_share(**watching) if competes else {"share_of_causes": 0.0}
            self.share_ = self.found_["share_of_causes"]
        return self

    @property
    def best_iteration_(self) -> tuple[int, int]:
        """Numbers of trees after which rows that were watched no longer improved, in the order of `tree_counts`."""
        return int(self.one_.best_iteration_), 0 if self.causes_ is None else self.causes_.best_iteration_

    def _best_share(self, **watching: Any) -> dict[str, float]:
        (weight,) = watching.get("eval_sample_weight") or [None]
        one, causes = self.scores(watching["eval_X"])
        left = np.asarray(watching["eval_y"]) > 0
        found = best_share(one, causes, left, np.ones(len(left)) if weight is None else np.asarray(weight))
        of_causes = {f"causes__{name}": value for name, value in self.causes_.found_.items()}
        return {"share_of_causes": found.share, "gain": found.gain, "gain_error": found.error, **of_causes}

    def makeup(self) -> str:
        """Return what the causes of the fitted model count for and why, in one sentence."""
        if len(self.groups or {}) < 2:
            return "One ensemble alone: all features speak of one cause, so nothing competes."
        counts = f"Competing causes count for {self.share_:.0%} of the score, one ensemble for {1 - self.share_:.0%}"
        if self.gain is None:
            return f"{counts}, as set beforehand: no rows were held back to find out, or too few of them left."
        if self.gain == 0:
            return f"{counts}: any share of the causes raised the log loss of held-back rows."
        loss = f"the log loss of held-back rows by {self.gain:.5f} (standard error {self.gain_error:.5f})"
        if self.share_ > 0:
            return f"{counts}: against one ensemble alone this lowered {loss}."
        return f"{counts}: even the best share lowered {loss}, which is within noise."

    def scores(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-odds of leaving by the one ensemble and by the causes, shape (rows,) each; 0 if not fitted."""
        nothing = np.zeros(len(inputs))
        one = nothing if self.one_ is None else np.asarray(self.one_.booster_.predict(inputs, raw_score=True))
        return one, nothing if self.causes_ is None else self.causes_.decision_function(inputs)

    def decision_function(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-odds of leaving, shape (rows,)."""
        one, causes = self.scores(np.asarray(inputs))
        return (1 - self.share_) * one + self.share_ * causes

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Return the chances to stay and to leave, shape (rows, 2)."""
        leaves = sigmoid(self.decision_function(inputs))
        return np.column_stack([1 - leaves, leaves])

"""Competing causes: every cause has a hazard of its own, learned from its own features, and the hazards add up.

Whoever leaves does so for whatever comes first, so the hazards of causes add. A single ensemble of trees has to learn
that from interactions of everything with everything; here it is built in: the trees of a cause see what speaks of it
and what all causes share (contract, stage, attributes), and nothing else. Outcomes do not say why somebody left. Each
round shares every leaver out to the causes by their hazards of the moment, and each cause takes a step towards its part
(generalised expectation-maximisation by boosting).

References
----------
Prentice et al. 1978, The analysis of failure times in the presence of competing risks; Craiu and Duchesne 2004
(competing risks with unknown causes, by expectation-maximisation); Friedman 2001 (boosting).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from churn.features.catalog import Catalog
from churn.modeling.calibration import sigmoid
from churn.modeling.hazard import EDGE, log_odds_of

SHARED = ("journey_stage", "unexplained")
LOOK_EVERY = 10  # rounds between looks at the watched rows
LEAST_MARGIN, MOST_MARGIN = -20.0, 3.0  # of a cause's log-hazard
NOT_OF_A_BOOSTER = ("n_estimators", "objective", "class_weight", "importance_type")


def group_by_cause(catalog: Catalog, outputs: int) -> dict[str, list[int]]:
    """Return the inputs that each cause may use: its own and those that all share.

    Parameters
    ----------
    catalog
        The features in the order of the encoder for trees; what all share are attributes, texts, and features whose
        cause is the stage of the journey or none.
    outputs
        Number of the encoder's outputs; those beyond the features come from texts.
    """
    own = [feature for feature in catalog.features if feature.kind != "text"]
    shared = {n for n, feature in enumerate(own) if feature.cause in SHARED or feature.kind == "category"}
    shared |= set(range(len(own), outputs))
    causes = sorted({feature.cause for n, feature in enumerate(own) if n not in shared})
    by_cause = {cause: {n for n, feature in enumerate(own) if feature.cause == cause} for cause in causes}
    everyone = {SHARED[0]: shared} if shared else {}
    return {cause: sorted(inputs | shared) for cause, inputs in {**by_cause, **everyone}.items()}


class CompetingCauses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Sum of hazards, one per cause, each an ensemble of LightGBM's trees.

    Parameters
    ----------
    trees
        Unfitted LightGBM classifier: the trees of every cause, and how many rounds are grown.
    groups
        Inputs of each cause, see `group_by_cause`; None: one cause that may use all.
    monotone_constraints
        As LightGBM has them, one per input.
    """

    tree_count = "trees__n_estimators"

    def __init__(
        self,
        trees: Any,
        groups: Mapping[str, Sequence[int]] | None = None,
        monotone_constraints: Sequence[int] | None = None,
    ) -> None:
        self.trees = trees
        self.groups = groups
        self.monotone_constraints = monotone_constraints

    def fit(
        self, inputs: np.ndarray, churned: np.ndarray, sample_weight: np.ndarray | None = None, **watching: Any
    ) -> CompetingCauses:
        """Fit on encoded inputs (rows, columns) and outcomes of 0 and 1, shape (rows,).

        Parameters
        ----------
        sample_weight
            How many rows each row stands for, shape (rows,).
        watching
            As LightGBM's own `fit` takes it: `eval_X`, `eval_y` and `eval_sample_weight`, later rows whose log loss
            decides when growing stops, and `callbacks`, whose `stopping_rounds` says after how long.
        """
        inputs = np.asarray(inputs, dtype=np.float32)
        weight = np.ones(len(churned)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        groups = self.groups or {"all": range(inputs.shape[1])}
        self.classes_ = np.array([0, 1])
        self.groups_ = {cause: [int(n) for n in columns] for cause, columns in groups.items()}
        rate = float(np.average(churned, weights=weight))
        self.start_ = float(np.log(-np.log1p(-rate) / len(self.groups_)))
        growing = [self._begin(inputs[:, columns], columns) for columns in self.groups_.values()]
        shares = _Shares(np.asarray(churned), weight, np.full((len(growing), len(inputs)), self.start_))
        watch = _Watch(self, **watching) if "eval_X" in watching else None
        for number in range(1, self.trees.n_estimators + 1):
            for cause, booster in enumerate(growing):
                booster.update(fobj=shares.objective(cause))
            if watch is not None and number % LOOK_EVERY == 0 and watch.is_enough(growing, number):
                break
        self.best_iteration_ = number if watch is None else watch.best
        self.boosters_ = [_kept(booster, self.best_iteration_) for booster in growing]
        return self

    def _begin(self, inputs: np.ndarray, columns: Sequence[int]) -> Any:
        from lightgbm import Booster, Dataset

        own = {k: v for k, v in self.trees.get_params().items() if v is not None and k not in NOT_OF_A_BOOSTER}
        limits = self.monotone_constraints
        own |= {"objective": "none"} | (
            {} if limits is None else {"monotone_constraints": [limits[n] for n in columns]}
        )
        start = np.full(len(inputs), self.start_)
        return Booster(own, Dataset(inputs, label=np.zeros(len(inputs)), init_score=start, params=own))

    def margins(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-hazard of every cause, shape (rows, causes)."""
        return self.start_ + np.column_stack(
            [
                booster.predict(inputs[:, columns], raw_score=True)
                for booster, columns in zip(self.boosters_, self.groups_.values(), strict=True)
            ]
        )

    def decision_function(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-odds of leaving, shape (rows,)."""
        return log_odds_of(np.exp(self.margins(np.asarray(inputs))).sum(axis=1))

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Return the chances to stay and to leave, shape (rows, 2)."""
        leaves = sigmoid(self.decision_function(inputs))
        return np.column_stack([1 - leaves, leaves])


class _Shares:
    """The hazards while they grow: what each cause is to learn next.

    With hazards h of sum H, a row's loss is H if it stayed and -log(1 - exp(-H)) if it left. Its slope by the log of h
    is h times dloss/dH; for the curvature h stands in, as if the leaver's cause were known (a bound, as in EM).
    """

    def __init__(self, churned: np.ndarray, weight: np.ndarray, margins: np.ndarray) -> None:
        self.left = churned == 1
        self.weight = weight
        self.hazards = np.exp(margins)

    def objective(self, cause: int) -> Any:
        """Return LightGBM's custom objective of one cause."""

        def slope_and_curvature(margin: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
            self.hazards[cause] = np.exp(np.clip(margin, LEAST_MARGIN, MOST_MARGIN))
            total = np.maximum(self.hazards.sum(axis=0), EDGE)
            pull = np.where(self.left, -1 / np.expm1(total), 1.0)
            own = self.weight * self.hazards[cause]
            return own * pull, own

        return slope_and_curvature


class _Watch:
    """Later rows whose log loss says when to stop."""

    def __init__(self, model: CompetingCauses, **watching: Any) -> None:
        rows, outcome = np.asarray(watching["eval_X"], dtype=np.float32), np.asarray(watching["eval_y"])
        (weight,) = watching.get("eval_sample_weight") or [None]
        self.parts = [rows[:, columns] for columns in model.groups_.values()]
        self.margins = np.full((len(self.parts), len(rows)), model.start_)
        self.left, self.weight = outcome == 1, weight
        self.patience = min(callback.stopping_rounds for callback in watching["callbacks"])
        self.best, self.least = 0, np.inf

    def is_enough(self, growing: Sequence[Any], number: int) -> bool:
        """Return whether the log loss has not improved for as many rounds as patience allows."""
        for cause, (booster, rows) in enumerate(zip(growing, self.parts, strict=True)):
            since = {"start_iteration": number - LOOK_EVERY, "num_iteration": LOOK_EVERY}
            self.margins[cause] += booster.predict(rows, raw_score=True, **since)
        total = np.maximum(np.exp(self.margins).sum(axis=0), EDGE)
        loss = float(np.average(np.where(self.left, -np.log(-np.expm1(-total)), total), weights=self.weight))
        if loss < self.least:
            self.best, self.least = number, loss
        return bool(number - self.best >= self.patience)


def _kept(booster: Any, rounds: int) -> Any:
    """Return the booster's first rounds, without what it was grown from."""
    from lightgbm import Booster

    return Booster(model_str=booster.model_to_string(num_iteration=rounds))

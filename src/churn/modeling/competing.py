"""Competing causes: every cause has a hazard of its own, learned from its own features, and the hazards add up.

Whoever leaves does so for whatever comes first, so the hazards of causes add. A single ensemble of trees has to learn
that from interactions of everything with everything; here it is built in: the trees of a cause see what speaks of it
and what all causes share (contract, stage, attributes), and nothing else. A contract that runs on keeps whoever would
leave for whatever reason: what all share scales the hazards of all causes by will together, by trees that learn from
every leaver (proportional hazards). Outcomes seldom say why somebody left. Each round shares every leaver out to the
causes by their hazards of the moment, and each cause takes a step towards its part (generalised
expectation-maximisation by boosting). What a label does tell counts: who did not leave by will belongs to
the failed payments alone, who did to all other causes, and whoever named one belongs mostly to that.

References
----------
Cox 1972 (proportional hazards); Prentice et al. 1978, The analysis of failure times in the presence of competing
risks; Craiu and Duchesne 2004 (competing risks with unknown causes, by expectation-maximisation); Friedman 2001
(boosting).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from churn.features.catalog import Catalog
from churn.modeling.calibration import sigmoid
from churn.modeling.hazard import EDGE, log_odds_of
from churn.modeling.kinds import OF_INVOLUNTARY, SHARED, chances_by_kind

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
    """Sum of hazards, one per cause, each of LightGBM's trees; a cause whose inputs never vary has none.

    The log-hazard of a cause is what its own ensemble says, and if it is one by will and not alone, what the common one
    says of what all share.

    Parameters
    ----------
    trees
        Unfitted LightGBM classifier: the trees of every cause, and how many rounds are grown.
    groups
        Inputs of each cause, see `group_by_cause`; None: one cause that may use all.
    monotone_constraints
        As LightGBM has them, one per input.
    """

    needs_kinds = True
    tree_counts = ("trees__n_estimators",)

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
        self, inputs: np.ndarray, kinds: np.ndarray, sample_weight: np.ndarray | None = None, **watching: Any
    ) -> CompetingCauses:
        """Fit on encoded inputs (rows, columns) and what came of them (see `kinds_of`), shape (rows,).

        Parameters
        ----------
        sample_weight
            How many rows each row stands for, shape (rows,).
        watching
            As LightGBM's own `fit` takes it: `eval_X`, `eval_y` and `eval_sample_weight`, later rows whose log loss
            decides when growing stops, and `callbacks`, whose `stopping_rounds` says after how long.
        """
        from lightgbm import Booster

        inputs = np.asarray(inputs, dtype=np.float32)
        kinds = np.asarray(kinds, dtype=int)
        weight = np.ones(len(kinds)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        groups = self.groups or {"all": range(inputs.shape[1])}
        self.classes_ = np.array([0, 1])
        binned = {cause: self._bin(inputs, [int(n) for n in columns]) for cause, columns in groups.items()}
        self.groups_ = {cause: columns for cause, (_, _, columns) in binned.items() if columns}
        grown = [*self.groups_, *_common(self.groups_)]
        self.columns_ = [self.groups_[name] for name in grown]
        self.loadings_ = _loadings(list(self.groups_), len(grown))
        rate = float(np.average(kinds > 0, weights=weight))
        self.start_ = float(np.log(-np.log1p(-rate) / max(len(self.groups_), 1)))
        growing = [Booster(*binned[name][:2]) for name in grown]
        told = chances_by_kind(kinds, list(self.groups_))
        shares = _Shares(told, weight, self.loadings_, self.start_)
        watch = _Watch(self, **watching) if "eval_X" in watching else None
        for number in range(1, self.trees.n_estimators + 1):
            for ensemble, booster in enumerate(growing):
                booster.update(fobj=shares.objective(ensemble))
            if watch is not None and number % LOOK_EVERY == 0 and watch.is_enough(growing, number):
                break
        self.best_iteration_ = number if watch is None else watch.best
        self.boosters_ = [_kept(booster, self.best_iteration_) for booster in growing]
        return self

    def _bin(self, inputs: np.ndarray, columns: list[int]) -> tuple[dict[str, Any], Any, list[int]]:
        """Return a cause's parameters, its inputs as LightGBM has them, and its columns: none if nothing splits."""
        from lightgbm import Dataset

        own = {k: v for k, v in self.trees.get_params().items() if v is not None and k not in NOT_OF_A_BOOSTER}
        limits = self.monotone_constraints
        own |= {"objective": "none"} | (
            {} if limits is None else {"monotone_constraints": [limits[n] for n in columns]}
        )
        rows = Dataset(inputs[:, columns], label=np.zeros(len(inputs)), params=own).construct()
        varies = any(rows.feature_num_bin(n) > 1 for n in range(len(columns)))
        return own, rows, columns if varies else []

    def grown(self, inputs: np.ndarray) -> np.ndarray:
        """Return what every ensemble says, the causes' own and the common one, shape (rows, ensembles)."""
        said = [b.predict(inputs[:, own], raw_score=True) for b, own in zip(self.boosters_, self.columns_, strict=True)]
        return np.column_stack(said) if said else np.zeros((len(inputs), 0))

    def margins(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-hazard of every cause, shape (rows, causes); of one nobody knows where nothing varies."""
        return np.asarray(self.start_ + self.grown(inputs) @ self.loadings_.T)

    def decision_function(self, inputs: np.ndarray) -> np.ndarray:
        """Return the log-odds of leaving, shape (rows,)."""
        return log_odds_of(np.exp(self.margins(np.asarray(inputs))).sum(axis=1))

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Return the chances to stay and to leave, shape (rows, 2)."""
        leaves = sigmoid(self.decision_function(inputs))
        return np.column_stack([1 - leaves, leaves])


def _common(causes: Collection[str]) -> list[str]:
    """Return whose inputs the common ensemble sees: what all share, where it varies and causes by will are several."""
    by_will = [cause for cause in causes if cause != OF_INVOLUNTARY]
    return [SHARED[0]] if SHARED[0] in causes and len(by_will) > 1 else []


def _loadings(causes: Sequence[str], ensembles: int) -> np.ndarray:
    """Return which ensembles add to the log-hazard of which cause, 0 or 1, shape (causes, ensembles).

    Without any cause there is one hazard, and nothing adds to it.
    """
    own = np.eye(max(len(causes), 1), len(causes))
    by_will = np.array([[float(cause != OF_INVOLUNTARY)] for cause in causes])
    return np.hstack([own, by_will]) if ensembles > len(causes) else own


class _Shares:
    """The hazards while they grow: what each ensemble is to learn next.

    With hazards h of sum H, a row's loss is H if it stayed and -log((1 - exp(-H)) E / H) if it left, where E is the sum
    of the hazards times the chances that a leaver of each cause is of this kind (all 1: -log(1 - exp(-H))). For the
    curvature by the log of h stands h itself, as if the leaver's cause were known (a bound, as in EM).
    """

    def __init__(
        self, told: Sequence[tuple[np.ndarray, np.ndarray]], weight: np.ndarray, loadings: np.ndarray, start: float
    ) -> None:
        self.told = told
        self.weight = weight
        self.loadings = loadings
        self.grown = np.zeros((loadings.shape[1], len(weight)))
        self.margins = np.full((len(loadings), len(weight)), start)
        self.hazards = np.exp(self.margins)

    def objective(self, ensemble: int) -> Any:
        """Return LightGBM's custom objective of one ensemble."""
        moved = np.flatnonzero(self.loadings[:, ensemble])

        def slope_and_curvature(said: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
            self.margins[moved] += said - self.grown[ensemble]
            self.grown[ensemble] = said
            self.hazards[moved] = np.exp(np.clip(self.margins[moved], LEAST_MARGIN, MOST_MARGIN))
            pull = np.ones((len(moved), len(said)))
            for rows, chances in self.told:
                hazards = self.hazards[:, rows]
                total = np.maximum(hazards.sum(axis=0), EDGE)
                likely = np.maximum((hazards * chances[:, None]).sum(axis=0), EDGE)
                pull[:, rows] = 1 / total - 1 / np.expm1(total) - chances[moved, None] / likely
            own = self.weight * self.hazards[moved]
            return (own * pull).sum(axis=0), own.sum(axis=0)

        return slope_and_curvature


class _Watch:
    """Later rows whose log loss says when to stop."""

    def __init__(self, model: CompetingCauses, **watching: Any) -> None:
        rows, outcome = np.asarray(watching["eval_X"], dtype=np.float32), np.asarray(watching["eval_y"]) > 0
        (weight,) = watching.get("eval_sample_weight") or [None]
        self.parts = [rows[:, columns] for columns in model.columns_]
        self.grown = np.zeros((len(self.parts), len(rows)))
        self.loadings, self.start = model.loadings_, model.start_
        self.left, self.weight = outcome, weight
        self.patience = min(callback.stopping_rounds for callback in watching["callbacks"])
        self.best, self.least = 0, np.inf

    def is_enough(self, growing: Sequence[Any], number: int) -> bool:
        """Return whether the log loss has not improved for as many rounds as patience allows."""
        for ensemble, (booster, rows) in enumerate(zip(growing, self.parts, strict=True)):
            since = {"start_iteration": number - LOOK_EVERY, "num_iteration": LOOK_EVERY}
            self.grown[ensemble] += booster.predict(rows, raw_score=True, **since)
        total = np.maximum(np.exp(self.start + self.loadings @ self.grown).sum(axis=0), EDGE)
        loss = float(np.average(np.where(self.left, -np.log(-np.expm1(-total)), total), weights=self.weight))
        if loss < self.least:
            self.best, self.least = number, loss
        return bool(number - self.best >= self.patience)


def _kept(booster: Any, rounds: int) -> Any:
    """Return the booster's first rounds, without what it was grown from."""
    from lightgbm import Booster

    return Booster(model_str=booster.model_to_string(num_iteration=rounds))

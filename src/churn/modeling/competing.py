"""Competing causes: every cause has a hazard of its own, learned from its own features, and the hazards add up.

Whoever leaves does so for whatever comes first, so the hazards of causes add. A single ensemble of trees has to learn
that from interactions of everything with everything; here it is built in: the trees of a cause see what speaks of it
and what all causes share (contract, stage, attributes), and nothing else. A contract that runs on keeps whoever would
leave for whatever reason: so what all share may scale the hazards of all causes by will together, by trees that learn
from every leaver (proportional hazards), where rows held back say that it helps. Outcomes seldom say why somebody left.
Each round shares every leaver out to the causes by their hazards of the moment, and each cause takes a step towards its
part (generalised expectation-maximisation by boosting). What a label does tell counts: who did not leave by will
belongs to the failed payments alone, who did to all other causes, and whoever named one belongs mostly to that.

References
----------
Cox 1972 (proportional hazards); Prentice et al. 1978, The analysis of failure times in the presence of competing
risks; Craiu and Duchesne 2004 (competing risks with unknown causes, by expectation-maximisation); Friedman 2001
(boosting).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from churn.features.catalog import Catalog
from churn.modeling.calibration import sigmoid
from churn.modeling.growing import LOOK_EVERY, Shares, Watch
from churn.modeling.hazard import log_odds_of
from churn.modeling.kinds import OF_INVOLUNTARY, SHARED, chances_by_kind

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

    The log-hazard of a cause is what its own ensemble says, and with `scaling`, if it is one by will, what the common
    one says of what all share.

    Parameters
    ----------
    trees
        Unfitted LightGBM classifier: the trees of every cause, and how many rounds are grown.
    groups
        Inputs of each cause, see `group_by_cause`; None: one cause that may use all.
    monotone_constraints
        As LightGBM has them, one per input.
    scaling
        Whether what all share scales the causes by will together, where there are several. With rows to watch, a
        finding instead: `found_`.
    """

    needs_kinds = True
    tree_counts = ("trees__n_estimators",)

    def __init__(
        self,
        trees: Any,
        groups: Mapping[str, Sequence[int]] | None = None,
        monotone_constraints: Sequence[int] | None = None,
        scaling: bool = False,
    ) -> None:
        self.trees = trees
        self.groups = groups
        self.monotone_constraints = monotone_constraints
        self.scaling = scaling

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
        inputs = np.asarray(inputs, dtype=np.float32)
        kinds = np.asarray(kinds, dtype=int)
        weight = np.ones(len(kinds)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        groups = self.groups or {"all": range(inputs.shape[1])}
        self.classes_ = np.array([0, 1])
        binned = {cause: self._bin(inputs, [int(n) for n in columns]) for cause, columns in groups.items()}
        self.groups_ = {cause: columns for cause, (_, _, columns) in binned.items() if columns}
        rate = float(np.average(kinds > 0, weights=weight))
        self.start_ = float(np.log(-np.log1p(-rate) / max(len(self.groups_), 1)))
        is_watched, may_scale = "eval_X" in watching, _may_scale(self.groups_)
        ways = [False, True] if is_watched and may_scale else [may_scale and bool(self.scaling)]
        grown = [self._grow(binned, kinds, weight, scaling, **watching) for scaling in ways]
        best = min(range(len(ways)), key=lambda way: grown[way].loss)
        self.columns_, self.loadings_, self.boosters_, self.best_iteration_, _ = grown[best]
        if is_watched:
            self.found_ = {"scaling": ways[best]}
        return self

    def _grow(
        self,
        binned: Mapping[str, tuple[Any, ...]],
        kinds: np.ndarray,
        weight: np.ndarray,
        scaling: bool,
        **watching: Any,
    ) -> _Grown:
        from lightgbm import Booster

        names = [*self.groups_, *([SHARED[0]] if scaling else [])]
        columns, loadings = [self.groups_[name] for name in names], _loadings(list(self.groups_), scaling)
        growing = [Booster(*binned[name][:2]) for name in names]
        shares = Shares(chances_by_kind(kinds, list(self.groups_)), weight, loadings, self.start_)
        watch = Watch(columns, loadings, self.start_, **watching) if watching else None
        for number in range(1, self.trees.n_estimators + 1):
            for ensemble, booster in enumerate(growing):
                booster.update(fobj=shares.objective(ensemble))
            if watch is not None and number % LOOK_EVERY == 0 and watch.is_enough(growing, number):
                break
        rounds, loss = (number, np.inf) if watch is None else (watch.best, watch.least)
        return _Grown(columns, loadings, [_kept(booster, rounds) for booster in growing], rounds, loss)

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


class _Grown(NamedTuple):
    """Ensembles: the inputs of each, what it adds to, its trees; the number of rounds, and the loss of watched rows."""

    columns: list[list[int]]
    loadings: np.ndarray
    boosters: list[Any]
    rounds: int
    loss: float


def _may_scale(causes: Collection[str]) -> bool:
    """Return whether there is something that all share, and several causes by will for it to scale."""
    return SHARED[0] in causes and len([cause for cause in causes if cause != OF_INVOLUNTARY]) > 1


def _loadings(causes: Sequence[str], scaling: bool) -> np.ndarray:
    """Return which ensembles add to the log-hazard of which cause, 0 or 1, shape (causes, ensembles).

    Without any cause there is one hazard, and nothing adds to it.
    """
    own = np.eye(max(len(causes), 1), len(causes))
    by_will = np.array([[float(cause != OF_INVOLUNTARY)] for cause in causes])
    return np.hstack([own, by_will]) if scaling else own


def _kept(booster: Any, rounds: int) -> Any:
    """Return the booster's first rounds, without what it was grown from."""
    from lightgbm import Booster

    return Booster(model_str=booster.model_to_string(num_iteration=rounds))

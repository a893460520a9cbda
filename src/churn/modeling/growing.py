"""What competing causes are grown by: each leaver shared out to the causes, and rows that say when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from churn.modeling.hazard import EDGE

LOOK_EVERY = 10  # rounds between looks at the watched rows
LEAST_MARGIN, MOST_MARGIN = -20.0, 3.0  # of a cause's log-hazard


class Shares:
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


class Watch:
    """Later rows whose log loss says when to stop."""

    def __init__(self, columns: Sequence[Sequence[int]], loadings: np.ndarray, start: float, **watching: Any) -> None:
        rows, outcome = np.asarray(watching["eval_X"], dtype=np.float32), np.asarray(watching["eval_y"]) > 0
        (weight,) = watching.get("eval_sample_weight") or [None]
        self.parts = [rows[:, own] for own in columns]
        self.grown = np.zeros((len(self.parts), len(rows)))
        self.loadings, self.start = loadings, start
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

"""How much a metric moves from fold to fold: means, spread, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SHOWN = ("auc", "average_precision", "lift_at_10pct", "log_loss", "calibration_error")


@dataclass(frozen=True)
class Spread:
    """Metrics per fold: one row per fold and model, the model to judge first; columns `fold`, `model` and metrics."""

    table: pd.DataFrame

    @classmethod
    def of(cls, folds: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Spread:
        """Return the spread of `fold -> model -> metric -> value`."""
        records = [
            {"fold": fold, "model": model, **metrics}
            for fold, models in folds.items()
            for model, metrics in models.items()
        ]
        return cls(pd.DataFrame(records))

    @property
    def models(self) -> list[str]:
        """Model names, the one to judge first."""
        return list(dict.fromkeys(self.table["model"]))

    def values(self, model: str, metric: str) -> np.ndarray:
        """Return one metric of one model over the folds, in their order, shape (folds,)."""
        return self.table.loc[self.table["model"] == model, metric].to_numpy(dtype=float)

    def points(self) -> dict[str, float]:
        """Return the means alone: `auc`, ... of the first model, others as `<model>_auc`."""
        return {name: value for name, value in self.flat().items() if not name.endswith(("_std", "_min", "_max"))}

    def flat(self) -> dict[str, float]:
        """Return for MLflow `auc` (the mean), `auc_std`, `auc_min`, `auc_max`, ...; other models as `<model>_auc`."""
        flat: dict[str, float] = {}
        for number, model in enumerate(self.models):
            prefix = f"{model}_" if number else ""
            for metric in [name for name in self.table.columns if name not in ("fold", "model")]:
                values = self.values(model, metric)
                if number and not np.isfinite(values).all():  # a rule with one probability for all has no slope
                    continue
                flat[f"{prefix}{metric}"] = float(values.mean())
                flat[f"{prefix}{metric}_std"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
                flat[f"{prefix}{metric}_min"], flat[f"{prefix}{metric}_max"] = float(values.min()), float(values.max())
        return flat

    def lines(self) -> list[str]:
        """Return lines of text: one row per metric, one column per model, mean and spread over the folds."""
        lines = [f"{self.table['fold'].nunique()} folds; mean over folds +- standard deviation between them"]
        lines.append(f"  {'':<20}" + "".join(f"{model:<20}" for model in self.models))
        for metric in SHOWN:
            cells = [self.describe(model, metric) for model in self.models]
            lines.append((f"  {metric:<20}" + "".join(f"{cell:<20}" for cell in cells)).rstrip())
        return lines

    def describe(self, model: str, metric: str) -> str:
        """Return mean and standard deviation of a metric as text."""
        values = self.values(model, metric)
        return f"{values.mean():.4f} +- {values.std(ddof=1) if len(values) > 1 else 0.0:.4f}"

"""The registered model as MLflow loads it: a frame of features in, calibrated probabilities out.

Stored as this code file plus the bundle's files; nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from churn.integrations.bundles import read_bundle


class ChurnModel(PythonModel):  # type: ignore[misc]
    """Calibrated churn probability of feature rows, one number per row."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read and verify the bundle."""
        self._bundle = read_bundle(Path(context.artifacts["bundle"]), context.model_config["checksum"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.Series:  # noqa: ARG002
        """Return probabilities, shape (rows,)."""
        raw = self._bundle.raw_score(model_input)
        return pd.Series(self._bundle.probability(raw), name="churn_probability")


mlflow.models.set_model(ChurnModel())

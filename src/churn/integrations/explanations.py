"""Explanations on disk, beside the data set they explain."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from churn.integrations.layers import Layer
from churn.integrations.store import new_file


def write_explanations(explanations: pd.DataFrame, dataset: Layer, version: str) -> Path:
    """Write the long table of contributions of a model version and return its path."""
    path = dataset.folder / f"explanations-v{version}.parquet"
    with new_file(path) as temporary:
        explanations.to_parquet(temporary, index=False, compression="zstd")
    return path

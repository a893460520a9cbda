"""Explanations on disk, beside the data set they explain."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from churn.integrations.layers import Layer
from churn.integrations.store import output_errors


def write_explanations(explanations: pd.DataFrame, dataset: Layer, version: str) -> Path:
    """Write the long table of contributions of a model version and return its path."""
    path = dataset.folder / f"explanations-v{version}.parquet"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with output_errors(path):
        try:
            explanations.to_parquet(temporary, index=False, compression="zstd")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path

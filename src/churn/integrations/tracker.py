"""The tracker of an open run: the one place that takes what a stage has to say."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import store_errors

if TYPE_CHECKING:
    import pandas as pd

    from churn.integrations.layers import Layer

FINGERPRINT_TAG = "data_fingerprint"
VALUE_LIMIT = 500


class Tracker:
    """The open run of one stage: takes parameters, metrics, tables, figures and files."""

    def __init__(self, run_id: str, settings: ChurnSettings) -> None:
        self.run_id = run_id
        self.settings = settings

    def tag(self, **tags: object) -> None:
        """Set tags on the run; one without a value is left out."""
        self._send("set_tags", {key: str(value) for key, value in tags.items() if value != ""})

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log metrics; values that are not there (None) are left out.

        Raises
        ------
        DataRefused
            When a value is not a finite number: a run with such a figure must not look like a good one.
        """
        there = {key: float(value) for key, value in values.items() if value is not None}
        require_finite(there)
        self._send("log_metrics", there)

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters, long values cut."""
        self._send("log_params", {key: str(value)[:VALUE_LIMIT] for key, value in values.items()})

    def json(self, content: object, name: str) -> None:
        """Log plain content as a JSON artifact."""
        self._send("log_dict", content, name)

    def frame(self, frame: pd.DataFrame, name: str) -> None:
        """Log a table as a Parquet artifact."""
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(Path(folder) / name, index=False, compression="zstd")
            self.file(Path(folder) / name)

    def rows(self, frame: pd.DataFrame, name: str) -> None:
        """Log a table that MLflow shows as one, missing values as null."""
        self._send("log_table", frame.astype(object).where(frame.notna(), None), name)

    def text(self, content: str, name: str) -> None:
        """Log text as an artifact."""
        self._send("log_text", content, name)

    def figure(self, figure: Any, name: str) -> None:
        """Log a matplotlib figure under `plots/`."""
        self._send("log_figure", figure, f"plots/{name}.png", save_kwargs={"dpi": 120, "bbox_inches": "tight"})

    def file(self, path: Path) -> None:
        """Log a file as an artifact."""
        self._send("log_artifact", str(path))

    def dataset(self, layer: Layer, context: str) -> None:
        """Log the layer that the run reads or makes, and tag the run with its fingerprint."""
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.meta_dataset import MetaDataset

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a folder is a local source, whatever else it might be
            source = resolve_dataset_source(str(layer.folder))
        name, digest = self.settings.source.name, layer.fingerprint[:36]
        self._send("log_input", MetaDataset(source, name=name, digest=digest), context=context)
        self.tag(**{FINGERPRINT_TAG: layer.fingerprint})

    def _send(self, call: str, *arguments: object, **options: object) -> None:
        import mlflow

        with store_errors(self.settings.tracking):
            getattr(mlflow, call)(*arguments, **options)


def require_finite(metrics: Mapping[str, float]) -> None:
    """Refuse metrics that are not finite numbers.

    Raises
    ------
    DataRefused
        Naming them.
    """
    odd = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
    if odd:
        raise DataRefused(
            f"{len(odd)} metrics are no numbers: {', '.join(odd[:5])}",
            code="metric_not_finite",
            remedy="They are the judged model's: its probabilities do not vary, or too few churned to measure on. With "
            "few leavers take model=logistic or experiment=small_data; else take more dates",
        )

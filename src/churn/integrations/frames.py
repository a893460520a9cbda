"""Data sets as pandas frames, where scikit-learn, LightGBM and SHAP begin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churn.core.contract import KEY
from churn.features.catalog import Catalog
from churn.integrations.layers import ATTRIBUTES, Layer
from churn.integrations.streams import open_parts

if TYPE_CHECKING:
    from churn.integrations.engine import OnBatch


def read_matrix(dataset: Layer) -> tuple[pd.DataFrame, Catalog]:
    """Return the labelled rows of a data set's matrix and its catalogue.

    Grain customer x as-of date, in that order of dates; `as_of_date` is a timestamp, `churned` 0 or 1. Numbers of the
    catalogue come last, in single precision and as one block, read column by column: two million rows of 120 features
    take one gigabyte, and never two.
    """
    catalog = Catalog.from_rows(dataset.manifest["catalog"])
    return read_labelled(dataset.path("matrix"), catalog), catalog


def read_labelled(path: Path, catalog: Catalog) -> pd.DataFrame:
    """Return the labelled rows of a matrix on disk, as `read_matrix` has them."""
    parts = open_parts(path)
    numbers = [feature.name for feature in catalog.features if feature.kind == "number"]
    frame: pd.DataFrame = parts.to_table(
        columns=[name for name in parts.schema.names if name not in set(numbers)]
    ).to_pandas()
    labelled_at = np.flatnonzero(frame["churned"].notna().to_numpy())
    block = np.empty((len(numbers), len(labelled_at)), dtype=np.float32)
    files = [pq.ParquetFile(file) for file in parts.files]  # opened once: a scan per column would read their ends again
    for position, name in enumerate(numbers):
        column = pa.concat_tables(file.read(columns=[name]) for file in files).column(0)
        np.take(column.cast(pa.float32(), safe=False).to_numpy(), labelled_at, out=block[position], mode="clip")
    labelled = frame.iloc[labelled_at].reset_index(drop=True)
    labelled = labelled.assign(
        churned=labelled["churned"].astype(int), as_of_date=pd.to_datetime(labelled["as_of_date"])
    )
    counted = pd.DataFrame(block.T, columns=numbers, copy=False)
    return pd.concat([labelled, counted], axis=1)


def read_attributes(dataset: Layer, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the rows are sliced by and no model sees: one column per attribute, in the order of the rows."""
    keys = rows[list(KEY)]
    path = dataset.path(ATTRIBUTES)
    if not path.is_file():
        return pd.DataFrame(index=rows.index)
    dates = sorted(keys["as_of_date"].dt.date.unique())
    attributes = as_frame(open_parts(path).to_table(filter=pc.field("as_of_date").isin(dates)))
    beside = keys.merge(attributes, on=list(KEY), how="left", validate="many_to_one")
    return beside.drop(columns=list(keys.columns)).set_index(rows.index)


def to_frame(table: ir.Table) -> pd.DataFrame:
    """Return an expression as a frame with `as_of_date` as a timestamp."""
    return as_frame(table.to_pyarrow())


def as_frame(rows: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """Return Arrow rows as a frame with `as_of_date` as a timestamp."""
    frame: pd.DataFrame = rows.to_pandas()
    return frame.assign(as_of_date=pd.to_datetime(frame["as_of_date"]))


def on_frames(function: Callable[[pd.DataFrame], pd.DataFrame], takes: pa.Schema, gives: pa.Schema) -> OnBatch:
    """Return a function of frames as one of Arrow batches; it can be sent to other machines if the function can.

    Engines have types of their own for equal values: what comes is cast to `takes` first.
    """

    def on_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
        made = pa.RecordBatch.from_pandas(function(as_frame(batch.cast(takes))), schema=gives, preserve_index=False)
        return made.replace_schema_metadata(None)

    return on_batch

"""Data sets as pandas frames, where scikit-learn, LightGBM and SHAP begin."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn.features.catalog import Catalog
from churn.integrations.layers import ATTRIBUTES, Layer


def read_matrix(dataset: Layer) -> tuple[pd.DataFrame, Catalog]:
    """Return the labelled rows of a data set's matrix and its catalogue.

    Grain customer x as-of date, in that order of dates; `as_of_date` is a timestamp, `churned` 0 or 1. Numbers of the
    catalogue come last, in single precision and as one block, read column by column: two million rows of 120 features
    take one gigabyte, and never two.
    """
    catalog = Catalog.from_rows(dataset.manifest["catalog"])
    file = pq.ParquetFile(dataset.path("matrix"))
    numbers = [feature.name for feature in catalog.features if feature.kind == "number"]
    frame = file.read(columns=[name for name in file.schema_arrow.names if name not in set(numbers)]).to_pandas()
    is_labelled = frame["churned"].notna().to_numpy()
    block = np.empty((len(numbers), int(is_labelled.sum())), dtype=np.float32)
    for position, name in enumerate(numbers):
        block[position] = file.read(columns=[name]).column(0).cast(pa.float32(), safe=False).to_numpy()[is_labelled]
    labelled = frame[is_labelled].reset_index(drop=True)
    labelled = labelled.assign(
        churned=labelled["churned"].astype(int), as_of_date=pd.to_datetime(labelled["as_of_date"])
    )
    return pd.concat([labelled, pd.DataFrame(block.T, columns=numbers, copy=False)], axis=1), catalog


def read_attributes(dataset: Layer, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the rows are sliced by and no model sees: one column per attribute, in the order of the rows."""
    keys = rows[["customer_id", "as_of_date"]]
    path = dataset.path(ATTRIBUTES)
    if not path.is_file():
        return pd.DataFrame(index=rows.index)
    beside = keys.merge(read_frame(path), on=["customer_id", "as_of_date"], how="left", validate="many_to_one")
    return beside.drop(columns=list(keys.columns)).set_index(rows.index)


def read_frame(path: Path) -> pd.DataFrame:
    """Return a Parquet file as a frame with `as_of_date` as a timestamp."""
    frame: pd.DataFrame = pq.read_table(path).to_pandas()
    return frame.assign(as_of_date=pd.to_datetime(frame["as_of_date"]))


def to_frame(table: ir.Table) -> pd.DataFrame:
    """Return an expression as a frame with `as_of_date` as a timestamp."""
    frame: pd.DataFrame = table.to_pyarrow().to_pandas()
    return frame.assign(as_of_date=pd.to_datetime(frame["as_of_date"]))

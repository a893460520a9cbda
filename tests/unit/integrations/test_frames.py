from __future__ import annotations

from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.features.catalog import Catalog
from churn.integrations.engine import Engine
from churn.integrations.frames import as_frame, read_matrix, to_frame
from churn.integrations.layers import Layer
from tests.unit.modeling.toys import CATALOG, make_feature


@pytest.fixture
def dataset(tmp_path: Path) -> Layer:
    """A data set of three rows, one of them without an outcome yet."""
    table = pa.table(
        {
            "customer_id": ["001", "002", "003"],
            "as_of_date": pa.array([date(2024, 1, 1), date(2024, 1, 1), date(2024, 2, 1)], pa.date32()),
            "churned": pa.array([True, None, False], pa.bool_()),
            "x": [1.0, 2.0, None],
        }
    )
    pq.write_table(table, tmp_path / "matrix.parquet")
    return Layer(tmp_path, {"fingerprint": "f", "catalog": [f for f in CATALOG.to_rows() if f["name"] == "plan"]})


def test_the_matrix_holds_the_rows_whose_outcome_is_known(dataset: Layer) -> None:
    matrix, catalog = read_matrix(dataset)
    assert list(matrix["customer_id"]) == ["001", "003"]
    assert list(matrix["churned"]) == [1, 0]
    assert matrix["churned"].dtype.kind == "i"
    assert list(matrix.index) == [0, 1]
    assert catalog.names == ["plan"]


def test_numbers_are_one_block_in_single_precision_and_missing_ones_stay_missing(dataset: Layer) -> None:
    catalog = [make_feature("x").__dict__]
    matrix, _ = read_matrix(Layer(dataset.folder, {"fingerprint": "f", "catalog": catalog}))
    assert matrix["x"].dtype == np.float32
    assert matrix["x"].isna().tolist() == [False, True]


def test_the_catalogue_comes_back_as_it_was_written() -> None:
    feature = make_feature("x", "pricing", empty=0.0, topic="t", prior_of="y")
    assert Catalog.from_rows(Catalog([feature]).to_rows()).features == (feature,)


def test_dates_are_timestamps_whichever_way_they_come(dataset: Layer, engine: Engine) -> None:
    from_file = as_frame(pq.read_table(dataset.path("matrix")))
    from_expression = to_frame(engine.backend.read_parquet(dataset.path("matrix")).order_by(ibis._.customer_id))
    for frame in (from_file, from_expression):
        assert list(frame["as_of_date"]) == list(pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"]))
    pd.testing.assert_frame_equal(from_file, from_expression, check_dtype=False)


def test_ids_stay_text(dataset: Layer) -> None:
    assert list(as_frame(pq.read_table(dataset.path("matrix")))["customer_id"]) == ["001", "002", "003"]

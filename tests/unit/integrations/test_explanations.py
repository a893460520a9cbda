from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churn.core.errors import OutputFailed
from churn.integrations.explanations import write_explanations
from churn.integrations.layers import Layer

EXPLANATIONS = pd.DataFrame({"customer_id": ["001"], "feature": ["x"], "contribution": [0.25]})


def test_lie_beside_their_data_set_named_by_version(tmp_path: Path) -> None:
    path = write_explanations(EXPLANATIONS, Layer(tmp_path, {}), "3")
    assert path == tmp_path / "explanations-v3.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(path), EXPLANATIONS)


def test_replace_former_ones_and_leave_nothing_else(tmp_path: Path) -> None:
    for _ in range(2):
        write_explanations(EXPLANATIONS, Layer(tmp_path, {}), "3")
    assert [path.name for path in tmp_path.iterdir()] == ["explanations-v3.parquet"]


def test_a_folder_that_is_gone_is_an_output_failure(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed):
        write_explanations(EXPLANATIONS, Layer(tmp_path / "gone", {}), "3")

from __future__ import annotations

from pathlib import Path

import pytest

from churn.core.source import InputSettings
from churn.integrations.engines import open_engine
from churn.integrations.label_probes import probe_label
from tests.builders import ENGINE, make_source

READY = (
    "SELECT 'C' || i AS customer, CASE WHEN i % 5 = 0 THEN 'yes' ELSE 'no' END AS gone, i % 3 AS plan, i AS usage "
    "FROM range(30) t(i)"
)
HEAD = "SELECT customer AS customer_id, DATE '2024-01-01' AS as_of_date, CAST(gone = 'yes' AS INT) AS churned, usage"


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("plan * 2", set()),
        ("avg((gone = 'yes')::INT) OVER (PARTITION BY plan)", {"matrix.x"}),
        ("CASE WHEN gone = 'yes' AND usage > 10 THEN 1 ELSE 0 END", {"matrix.x"}),
        ("usage - avg(usage) OVER ()", set()),
    ],
)
def test_what_is_computed_from_the_label_is_named_and_nothing_else(
    tmp_path: Path, column: str, named: set[str]
) -> None:
    with open_engine(ENGINE) as engine:
        engine.run(f"COPY ({READY}) TO '{tmp_path}/ready.parquet' (FORMAT parquet)")
        source = make_source(
            kind="flat",
            inputs={"ready": InputSettings(path=f"{tmp_path}/ready.parquet")},
            tables={"matrix": f"{HEAD}, {column} AS x FROM ready WHERE gone IS NOT NULL"},
            attributes={"usage": "number", "x": "number"},
        )
        found = probe_label(engine, source)
    assert set(found["feature"]) == named
    assert set(found["check"]) <= {"source without the label"}

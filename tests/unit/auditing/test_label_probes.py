from __future__ import annotations

from pathlib import Path

import pytest

from churn.auditing.label_probes import probe_label
from churn.core.source import InputSettings
from churn.integrations.engines import open_engine
from tests.builders import ENGINE, make_source

READY = (
    "SELECT 'C' || i AS customer, CASE WHEN i % 5 = 0 THEN 'yes' ELSE 'no' END AS gone, i % 3 AS plan, i AS usage "
    "FROM range(30) t(i)"
)
HEAD = "SELECT customer AS customer_id, DATE '2024-01-01' AS as_of_date, CAST(gone = 'yes' AS INT) AS churned, usage"


MONTHS = (
    "SELECT 'C' || i % 30 AS customer, DATE '2024-01-01' + to_months(i // 30) AS month, i % 3 AS plan, "
    "CASE WHEN i % 7 = 0 THEN 'yes' ELSE 'no' END AS gone, DATE '2023-01-01' AS joined FROM range(180) t(i)"
)
OF_MONTHS = "SELECT customer AS customer_id, month::DATE AS as_of_date, CAST(gone = 'yes' AS INT) AS churned, plan"
RATE = "avg((gone = 'yes')::INT) OVER (PARTITION BY plan {})"


def probed(tmp_path: Path, rows: str, select: str) -> set[str]:
    with open_engine(ENGINE) as engine:
        engine.run(f"COPY ({rows}) TO '{tmp_path}/ready.parquet' (FORMAT parquet)")
        source = make_source(
            kind="flat",
            inputs={"ready": InputSettings(path=f"{tmp_path}/ready.parquet")},
            tables={"matrix": select},
            attributes={"usage": "number", "x": "number"},
        )
        found = probe_label(engine, source)
    assert set(found["check"]) <= {"source without the label"}
    return set(found["feature"])


@pytest.mark.parametrize("where", ["", "WHERE month > '2024-01-15'"])
@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("", {"matrix.x"}),
        ("ORDER BY month RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", {"matrix.x"}),
        ("ORDER BY month RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MONTH PRECEDING", set()),
    ],
)
def test_labels_of_earlier_dates_may_be_known(tmp_path: Path, where: str, rows: str, named: set[str]) -> None:
    assert probed(tmp_path, MONTHS, f"{OF_MONTHS}, {RATE.format(rows)} AS x FROM ready {where}") == named


def test_a_table_may_leave_rows_of_its_input_out(tmp_path: Path) -> None:
    some = f"{HEAD}, {RATE.format('')} AS x FROM ready WHERE usage > 3"
    assert probed(tmp_path, READY, some) == {"matrix.x"}


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
    assert probed(tmp_path, READY, f"{HEAD}, {column} AS x FROM ready WHERE gone IS NOT NULL") == named

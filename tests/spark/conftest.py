"""One company, one DuckDB and one Spark session for all tests here."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Mapping

import pytest

from churn.core.settings import ChurnSettings
from churn.integrations.engines import open_engine
from tests.builders import ENGINE
from tests.pipelines.demo import QUICK, Demo
from tests.spark.company import DIRTY, SPARK, Built, build


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ChurnSettings:
    company = Demo(tmp_path_factory.mktemp("dirty"), QUICK)
    company.ok("simulate", *DIRTY)
    return company.settings(
        "validate", ["windows.max_dates=2", "engine.rows_per_group=null", "source.max_orphan_share=0.05"]
    )


@pytest.fixture(scope="session")
def both(settings: ChurnSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Built]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark warns of pandas 3 and of its own sockets, in its own code
        with (
            open_engine(ENGINE, tmp_path_factory.mktemp("duckdb")) as duckdb,
            open_engine(SPARK, tmp_path_factory.mktemp("spark")) as spark,
        ):
            out = {"duckdb": build(duckdb, settings), "spark": build(spark, settings)}
            yield out
            out.clear()
            gc.collect()  # cached tables drop themselves while their engine is there

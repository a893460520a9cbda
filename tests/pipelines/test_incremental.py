"""Features with the rollup of events: the same bytes in every file, the same list, and an audit that looks at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ibis.expr.types as ir
import pyarrow.parquet as pq
import pytest

from churn.integrations import rollups
from tests.pipelines.demo import Demo

INCREMENTAL = "features.mode=incremental"
FEW = ("windows.max_dates=2", "windows.observation_days=60", "features.windows_days=[7,30]")


def _tables(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_a_data_set_has_the_bytes_of_a_full_build(own_demo: Demo) -> None:
    datasets = own_demo.data / "demo" / "datasets"
    own_demo.ok("features", *FEW)
    before = _tables(datasets)
    own_demo.ok("features", *FEW, INCREMENTAL)
    assert (own_demo.data / "demo" / "rollup").is_dir()
    assert _tables(datasets) == before


def test_a_list_has_the_bytes_of_a_full_build_and_who_is_forgotten_is_in_no_rollup(own_demo: Demo) -> None:
    rollup, listed = own_demo.data / "demo" / "rollup", _tables(own_demo.lists)
    own_demo.ok("score", "--as-of", "latest", INCREMENTAL)
    assert _tables(own_demo.lists) == listed
    forgotten = str(pq.read_table(next(rollup.rglob("*.parquet")))["customer_id"][0])
    own_demo.ok("forget", forgotten)
    assert not _tables(rollup)
    own_demo.ok("validate")
    own_demo.ok("score", "--as-of", "latest", INCREMENTAL)
    assert _tables(rollup)
    for path in rollup.rglob("*.parquet"):
        assert forgotten not in pq.read_table(path)["customer_id"].to_pylist()


def test_an_audit_compares_what_the_rollup_gives_with_the_facts(
    own_demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_a_day(events: ir.Table, *more: object) -> ir.Table:
        return plain(events.filter(events.occurred_at.day() != 7), *more)

    few = (*FEW, INCREMENTAL, "audit.dates=1", "audit.customers=200", "audit.source=false")
    own_demo.ok("audit", *few)
    for path in (own_demo.data / "demo" / "rollup").rglob("*.parquet"):
        path.unlink()
    plain: Callable[..., ir.Table] = rollups.sum_days
    monkeypatch.setattr(rollups, "sum_days", without_a_day)
    failed = own_demo.run("audit", *few)
    assert failed.code == 1
    assert "values differ without the future" in failed.err

"""Customers who asked to be left alone or forgotten, and what no output may ever hold."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from churn.integrations.publication import read_published
from tests.pipelines.demo import IGNORED, Demo

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def _listed(demo: Demo, table: str = "worklist") -> list[str]:
    return list(read_published(demo.lists, "latest", table)[0]["customer_id"])


def _holding(folder: Path, customer_id: str) -> list[str]:
    """Return the Parquet files in which any column holds the id."""
    files = [path for path in folder.rglob("*.parquet") if "raw" not in path.parts]
    query = "SELECT count(*) FROM (SELECT t::VARCHAR AS row FROM read_parquet($file) t) WHERE contains(row, $id)"
    return [str(p) for p in files if duckdb.execute(query, {"file": str(p), "id": customer_id}).fetchone() != (0,)]


def test_a_customer_who_is_not_to_be_contacted_is_scored_but_never_listed(own_demo: Demo) -> None:
    first, *others = _listed(own_demo)
    overrides = (
        f"source.tables.customers='SELECT *, customer_id = {first!r} AS wants_peace FROM customers_raw'".replace(
            f"{first!r}", f"\\'{first}\\'"
        ),
        "+source.attributes.wants_peace=no_contact",
    )
    own_demo.ok("validate", *overrides)
    done = own_demo.ok("score", "--as-of", "latest", *overrides)
    assert "1 are not to be contacted" in done.out
    assert _listed(own_demo)[: len(others)] == others
    assert first in _listed(own_demo, "scores")


def test_a_forgotten_customer_is_gone_from_lists_and_tables_and_stays_away(own_demo: Demo) -> None:
    forgotten, *others = _listed(own_demo)
    assert _holding(own_demo.data / "demo", forgotten)
    done = own_demo.ok("forget", forgotten)
    assert "1 customers are forgotten: taken from 1 lists" in done.out
    assert _holding(own_demo.data / "demo", forgotten) == []
    assert _listed(own_demo) == others
    own_demo.ok("validate")  # the delivery still holds them
    own_demo.ok("score", "--as-of", "latest")
    assert _holding(own_demo.data / "demo", forgotten) == []
    assert len(_listed(own_demo)) == len(others) + 1


def test_an_id_that_nobody_has_is_refused_and_nothing_is_removed(own_demo: Demo) -> None:
    before = _listed(own_demo)
    done = own_demo.run("forget", before[0], "nobody-1")
    assert done.code == 1
    assert "nobody is forgotten" in done.err and "for example nobody-1" in done.err
    assert _listed(own_demo) == before
    own_demo.ok("score", "--as-of", "latest")  # the staged tables are there


def test_forgetting_needs_somebody(own_demo: Demo) -> None:
    done = own_demo.run("forget")
    assert done.code == 2
    assert "name at least one CUSTOMER_ID" in done.err

"""The simulated company: the same bytes for the same seed however it is worked on, and whole or absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from churn.core.errors import ChurnError, ConfigRefused
from churn.simulation import company as module
from churn.simulation.company import simulate_company
from tests.unit.simulation.companies import Company, settings_of

DIRTY = (
    "simulation.dirt.late_share=0.1", "simulation.dirt.duplicate_share=0.05", "simulation.dirt.orphan_share=0.01",
    "simulation.dirt.missing_share=0.1", "simulation.dirt.drift_month=9",
    "simulation.dirt.schema_change={table: tickets, kind: added, new_name: product, from_date: 2023-10-01}",
)  # fmt: skip
FEW = ("simulation.months=12", "simulation.customers=700", "simulation.block_customers=100", *DIRTY)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Company:
    settings = settings_of("consumer", *FEW, "simulation.chunk_customers=200", "simulation.threads=2")
    return Company.simulated(settings, tmp_path_factory.mktemp("company"))


@pytest.mark.parametrize(("chunk", "threads"), [(100, 1), (300, 3), (10_000, 8)])
def test_chunks_and_threads_change_no_byte(dirty: Company, tmp_path: Path, chunk: int, threads: int) -> None:
    words = (f"simulation.chunk_customers={chunk}", f"simulation.threads={threads}")
    other = Company.simulated(settings_of("consumer", *FEW, *words), tmp_path)
    assert len(other.digests()) > 70  # seven parts of nine tables and of the truth
    assert other.digests() == dirty.digests()


def test_another_seed_is_another_company(dirty: Company, tmp_path: Path) -> None:
    other = Company.simulated(settings_of("consumer", *FEW, "simulation.seed=8"), tmp_path)
    former, digests = dirty.digests(), other.digests()
    assert all(digests[path] != former[path] for path in former if "part" in path and path in digests)


def test_dirt_changes_the_tables_and_never_the_truth(dirty: Company, tmp_path: Path) -> None:
    words = [word for word in FEW if word not in DIRTY]
    clean = Company.simulated(settings_of("consumer", *words), tmp_path)
    former, digests = dirty.digests(), clean.digests()
    for path in digests:
        is_same = digests[path] == former[path]
        assert is_same or not path.startswith("truth") or path.endswith("manifest.json")


def test_nothing_happens_to_a_customer_after_the_last_subscription_ends(company: Company) -> None:
    subscriptions, events = company.tables["subscriptions"], company.tables["events"]
    running = subscriptions[subscriptions["ended_at"].isna()]["customer_id"]
    ended = subscriptions[~subscriptions["customer_id"].isin(running)].groupby("customer_id")["ended_at"].max()
    last = events.groupby("customer_id")["occurred_at"].max()
    both = pd.concat([ended.rename("ended"), last.rename("last")], axis=1).dropna()
    assert len(both) > 100
    assert (both["last"] <= both["ended"]).all()


def test_the_truth_may_not_lie_among_the_tables(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="apart"):
        simulate_company(settings_of("small"), tmp_path / "raw", tmp_path / "raw" / "truth")
    assert not list(tmp_path.iterdir())


def test_one_that_fails_on_its_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "interventions_table", fail)
    with pytest.raises((KeyboardInterrupt, ChurnError)):
        simulate_company(settings_of("small"), tmp_path / "raw", tmp_path / "truth")
    assert not list(tmp_path.rglob("*.parquet"))


def test_the_manifest_is_there_only_with_the_whole(company_of: Callable[[str], Company]) -> None:
    home = company_of("small").home
    assert (home / "raw" / "manifest.json").is_file() and (home / "truth" / "manifest.json").is_file()
    assert not [path for path in home.iterdir() if path.name.startswith(".")]

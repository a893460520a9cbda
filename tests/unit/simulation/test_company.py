"""The simulated company: whole or absent, the same bytes for the same seed, and probabilities that come true."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import ChurnError, ConfigRefused
from churn.simulation import company
from churn.simulation.company import simulate_company
from churn.simulation.settings import SimulationSettings
from pipelines.composition import compose
from pipelines.simulate import SimulateSettings


def settings_of(*words: str) -> SimulationSettings:
    composed = compose("simulate", SimulateSettings, ["simulation=small", "simulation.customers=1200", *words])
    return composed.simulation


def digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.parquet"))
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    work = tmp_path_factory.mktemp("company")
    simulate_company(settings_of(), work / "raw", work / "truth")
    return work / "raw", work / "truth"


def test_chunks_and_threads_change_no_byte(simulated: tuple[Path, Path], tmp_path: Path) -> None:
    raw, truth = simulated
    other = settings_of("simulation.chunk_customers=1000", "simulation.threads=1")
    simulate_company(other, tmp_path / "raw", tmp_path / "truth")
    assert digests(tmp_path / "raw") == digests(raw)
    assert digests(tmp_path / "truth") == digests(truth)


def test_another_seed_is_another_company(simulated: tuple[Path, Path], tmp_path: Path) -> None:
    simulate_company(settings_of("simulation.seed=8"), tmp_path / "raw", tmp_path / "truth")
    assert digests(tmp_path / "raw") != digests(simulated[0])


def test_as_many_leave_as_the_true_probabilities_say(simulated: tuple[Path, Path]) -> None:
    probabilities = pd.read_parquet(simulated[1] / "probabilities")
    ended = pd.read_parquet(simulated[1] / "departures").set_index("customer_id")["ended_at"].dt.tz_localize(None)
    dates = sorted(probabilities["as_of_date"].unique())[:-2]
    rows = probabilities[probabilities["as_of_date"].isin(dates)]
    start = pd.to_datetime(rows["as_of_date"])
    pairs = rows[["customer_id"]].assign(start=start).merge(ended.reset_index(), on="customer_id")
    left = ((pairs["ended_at"] >= pairs["start"]) & (pairs["ended_at"] < pairs["start"] + pd.Timedelta(days=30))).sum()
    said = rows["p_leave_30d"].to_numpy(dtype=float)
    spread = np.sqrt((said * (1 - said)).sum())
    assert abs(left - said.sum()) < 4 * spread


def test_contributions_of_causes_add_up_to_the_whole(simulated: tuple[Path, Path]) -> None:
    probabilities = pd.read_parquet(simulated[1] / "probabilities")
    shares = probabilities.filter(like="contribution_").sum(axis=1)
    assert np.allclose(shares, shares.round(), atol=1e-3)


def test_nothing_happens_to_a_customer_after_the_last_subscription_ends(simulated: tuple[Path, Path]) -> None:
    raw, _ = simulated
    subscriptions, events = pd.read_parquet(raw / "subscriptions"), pd.read_parquet(raw / "events")
    running = subscriptions[subscriptions["ended_at"].isna()]["customer_id"]
    ended = subscriptions[~subscriptions["customer_id"].isin(running)].groupby("customer_id")["ended_at"].max()
    last = events.groupby("customer_id")["occurred_at"].max()
    both = pd.concat([ended.rename("ended"), last.rename("last")], axis=1).dropna()
    assert len(both) > 100
    assert (both["last"] <= both["ended"]).all()


def test_leaving_is_voluntary_or_involuntary(simulated: tuple[Path, Path]) -> None:
    kinds = set(pd.read_parquet(simulated[1] / "departures")["kind"])
    assert kinds == {"voluntary", "involuntary"}


@pytest.mark.parametrize("word", ["simulation.customers=-1", "simulation.months=0", "simulation.seed=x"])
def test_nonsense_is_refused_before_anything_is_written(word: str) -> None:
    with pytest.raises(ConfigRefused):
        settings_of(word)


def test_an_interrupted_simulation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(company, "interventions_table", fail)
    with pytest.raises((KeyboardInterrupt, ChurnError)):
        simulate_company(settings_of(), tmp_path / "raw", tmp_path / "truth")
    assert not list(tmp_path.rglob("*.parquet"))

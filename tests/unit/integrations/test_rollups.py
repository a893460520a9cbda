from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.core.errors import ConfigRefused
from churn.features.engagement import plan_engagement
from churn.features.matrix import build_features
from churn.features.rollup import SUMS
from churn.integrations.engine import Engine
from churn.integrations.layers import KEEP_VERSIONS, KNOWN_DAYS, Layer, open_tables, with_known_day
from churn.integrations.rollups import BUILDING, Rollup, open_rollup
from churn.integrations.store import day_fingerprints, write_json
from tests.builders import Company, make_inputs, make_settings, staged_table

REACH = 20
TYPES, VALUES = ("in", "out"), ("in",)
FIRST = datetime(2024, 1, 1, 12)


def event(
    customer: str, day: int, kind: str = "in", late_days: float = 0.0, value: float | None = 0.1
) -> dict[str, Any]:
    at = FIRST + timedelta(days=day)
    return {
        "customer_id": customer,
        "occurred_at": at,
        "event_type": kind,
        "value": value,
        "known_at": at + timedelta(days=late_days),
    }


HISTORY = [event(customer, day, kind) for customer in "AB" for day in range(40) for kind in TYPES if day % 3]


class Night:
    """A staged layer of some events, and the features of a date by either way, as the bytes of their file."""

    def __init__(self, engine: Engine, root: Path, events: Iterable[Mapping[str, Any]]) -> None:
        self.engine, self.root = engine, root
        folder = root / "staged" / str(len(list(root.glob("staged/*"))))
        folder.mkdir(parents=True)
        table = staged_table("events", list(events)).order_by("customer_id", "occurred_at", "event_type", "value")
        engine.write(table, folder / "events.parquet")
        days = day_fingerprints(engine, folder / "events.parquet", with_known_day(table.schema()))
        self.layer = Layer(folder, {"fingerprint": folder.name, "tables": {"events": ""}, KNOWN_DAYS: days})

    def rollup(self, *kept: Night) -> Rollup:
        prints = [night.layer.manifest[KNOWN_DAYS] for night in (self, *kept)]
        return Rollup(self.engine, self.layer, self.root / "rollup", prints)

    def build(self, *days: int, rollup: Rollup | None = None, types: tuple[str, ...] = TYPES) -> bytes:
        dates = [str(date(2024, 1, 1) + timedelta(days=day)) for day in days]
        inputs = make_inputs(
            open_tables(self.engine, self.layer), ["engagement"], *dates, customers=("A", "B", "C"),
            windows_days=(3, 7), event_types=types, value_types=VALUES, observation_days=REACH,
        )  # fmt: skip
        if rollup is not None:
            sums = rollup.sums(plan_engagement(inputs), types, VALUES)
            inputs = inputs if sums is None else replace(inputs, staged={**inputs.staged, SUMS: sums})
        path = self.root / "features.parquet"
        self.engine.write(build_features(inputs).table.order_by("as_of_date", "customer_id"), path)
        return path.read_bytes()

    def same(self, *days: int, kept: Iterable[Night] = ()) -> bool:
        return self.build(*days, rollup=self.rollup(*kept)) == self.build(*days)

    def files(self) -> dict[str, float]:
        return {path.name: path.stat().st_mtime_ns for path in (self.root / "rollup").glob("*/*d_*.parquet")}

    def days_of(self, names: Iterable[str]) -> set[str]:
        return {"_".join(name.split("_")[:2]) for name in names}


@pytest.fixture
def night(engine: Engine, tmp_path: Path) -> Callable[..., Night]:
    return lambda *added, events=HISTORY: Night(engine, tmp_path, [*events, *added])


def test_one_date_and_many_are_what_the_events_give(night):
    assert night().same(35)
    assert night().same(22, 25, 38)


def test_a_night_writes_its_own_day_and_blocks_and_touches_nothing_else(night):
    first = night()
    first.same(35)
    before = first.files()
    second = night(event("A", 35), event("C", 35))
    assert second.same(36, kept=[first])
    after = second.files()
    assert {name: after[name] for name in before} == before
    new = second.days_of(after.keys() - before.keys())
    assert {name for name in new if name.endswith("_1d")} == {"2024-02-05_1d"}


def test_a_late_fact_is_summed_with_the_day_it_became_known_and_leaves_its_own_alone(night):
    first = night()
    first.same(35)
    before = first.files()
    second = night(event("A", 28, late_days=7.2))
    assert second.same(36, kept=[first])
    assert second.same(30, 34, 36, kept=[first])
    after = second.files()
    assert {name: after[name] for name in before} == before


def test_a_fact_that_was_changed_or_is_gone_is_summed_again_with_its_day_alone(night):
    first = night()
    first.same(35)
    before = first.files()
    for events in ([event("A", 25, value=9.0), *HISTORY], [e for e in HISTORY if e != event("B", 25)]):
        second = night(events=events)
        assert second.same(35)
        gone = second.days_of(before.keys() - second.files().keys())
        assert "2024-01-26_1d" in gone
        assert all(name == "2024-01-26_1d" or not name.endswith("_1d") for name in gone)


def test_files_of_a_layer_that_is_kept_stay_and_others_go(night):
    first = night()
    first.same(35)
    before = first.files()
    changed = [e for e in HISTORY if e != event("B", 25)]
    second = night(events=changed)
    second.same(35, kept=[first])
    assert before.keys() <= second.files().keys()
    second.same(35)
    assert before.keys() - second.files().keys()


def test_without_a_customer_there_is_nothing_of_them_left(night):
    first = night(event("C", 30))
    first.same(35)
    assert any(b"C" in path.read_bytes() for path in first.root.glob("rollup/*/2024-01-31_1d_*"))
    second = night()
    assert second.same(35)
    customers = {
        c for path in second.root.glob("rollup/*/*.parquet") for c in pq.read_table(path)["customer_id"].to_pylist()
    }
    assert customers == {"A", "B"}


@pytest.mark.parametrize("harm", [lambda b: b[: len(b) // 2], lambda b: b[:60] + b"\0\1\2" + b[63:], lambda _b: b""])
def test_a_damaged_file_is_summed_again(night, harm):
    present = night()
    present.same(35)
    for path in present.root.glob("rollup/*/*.parquet"):
        path.write_bytes(harm(path.read_bytes()))
    assert present.same(35)
    names = [name.rpartition("_")[0] for name in present.files()]
    assert len(names) == len(set(names))


def test_other_event_types_have_files_of_their_own_and_old_ones_go(night):
    present = night()
    for number in range(KEEP_VERSIONS + 1):
        types = (*TYPES, f"type {number}")
        assert present.build(35, rollup=present.rollup(), types=types) == present.build(35, types=types)
    assert len([p for p in (present.root / "rollup").iterdir() if p.is_dir() and p.name != BUILDING]) == KEEP_VERSIONS


def test_only_the_customers_asked_about_are_returned(night, engine):
    present = night()
    few = replace(present.rollup(), customers=staged_table("customers", [{"customer_id": "A", "signed_up_at": FIRST}]))
    inputs = make_inputs({}, ["engagement"], "2024-02-05", windows_days=(3, 7), observation_days=REACH)
    rows = few.sums(plan_engagement(inputs), TYPES, VALUES).to_pyarrow().to_pylist()
    assert {row["customer_id"] for row in rows} == {"A"}


def test_where_nothing_happened_there_are_no_sums(night):
    assert night().build(300, rollup=night().rollup()) == night().build(300)


KILL = """
import os, signal, sys
from datetime import date
from pathlib import Path
from churn.core.settings import EngineSettings
from churn.features.engagement import plan_engagement
from churn.integrations.engines import open_engine
from churn.integrations.layers import Layer
from churn.integrations.rollups import Rollup
from churn.integrations.store import read_json
from tests.builders import make_inputs

folder, steps = Path(sys.argv[1]), [int(sys.argv[2])]
def killing(plain):
    def call(*arguments, **more):
        if steps[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        steps[0] -= 1
        return plain(*arguments, **more)
    return call
os.fsync, Path.replace = killing(os.fsync), killing(Path.replace)
manifest = read_json(folder / "manifest.json")
inputs = make_inputs({}, ["engagement"], "2024-02-05", windows_days=(3, 7), observation_days=20)
with open_engine(EngineSettings(threads=1)) as engine:
    rollup = Rollup(engine, Layer(folder, manifest), folder.parent.parent / "rollup", [manifest["known_days"]])
    rollup.sums(plan_engagement(inputs), ("in", "out"), ("in",))
"""


@pytest.mark.parametrize("step", [0, 7, 24])
def test_killed_while_it_writes_the_next_run_goes_on_and_gives_the_same(night, step):
    present = night()
    write_json(present.layer.folder / "manifest.json", present.layer.manifest)
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(present.layer.folder), str(step)], env=dict(os.environ), check=False
    )
    assert done.returncode == -signal.SIGKILL
    left = present.files()
    assert present.same(35)
    after = present.files()
    assert {name: after[name] for name in left} == left
    assert not list((present.root / "rollup" / BUILDING).glob("*"))


late = st.builds(
    event,
    st.sampled_from("ABC"),
    st.integers(15, 39),
    st.sampled_from([*TYPES, "other"]),
    st.sampled_from([0.0, 0.0, 0.4, 0.5, 0.6, 1.0, 3.5, 18.0]),
    st.sampled_from([None, 0.1, 0.3, -7.7, 1e6]),
)


@given(nights=st.lists(st.lists(late, max_size=6), min_size=2, max_size=3))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_night_after_night_with_whatever_comes_late_nothing_differs(engine, tmp_path_factory, nights):
    root, events, kept = tmp_path_factory.mktemp("nights"), [], []
    for number, delivered in enumerate(nights):
        events = [*events, *delivered]
        if not events:
            continue
        present = Night(engine, root, events)
        assert present.same(34 + number, kept=kept)
        kept = [present]


class TestOpening:
    def test_full_needs_no_rollup(self, company: Company, engine: Engine):
        layer, _ = company.stage()
        assert open_rollup(engine, layer, company.settings) is None

    def test_the_days_come_with_the_staged_tables(self, company: Company, engine: Engine):
        layer, _ = company.stage()
        assert list(layer.manifest[KNOWN_DAYS]) == ["2024-01-05", "2024-02-05", "2024-05-31"]

    def test_spark_has_none(self, company: Company, engine: Engine):
        layer, _ = company.stage()
        features = {"families": ["engagement"], "windows_days": [7], "mode": "incremental"}
        changed = make_settings(company.root, company.source(), features=features, engine={"kind": "spark"})
        with pytest.raises(ConfigRefused, match="engine=spark"):
            open_rollup(engine, layer, changed)

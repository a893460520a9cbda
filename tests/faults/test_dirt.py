"""A company that delivers dirty tables: what can be lived with is reported, what cannot is refused by name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.pipelines.demo import SMALL, Demo, Outcome


def simulated(home: Path, *dirt: str) -> Demo:
    demo = Demo(home)
    demo.ok("simulate", *SMALL, *(f"simulation.dirt.{word}" for word in dirt))
    return demo


def dirt_of(demo: Demo) -> dict[str, int]:
    return json.loads((demo.data / "demo_truth" / "manifest.json").read_text())["dirt"]


def staged_line(done: Outcome, table: str) -> str:
    return next(line for line in (done.out + done.err).splitlines() if line.startswith(f"{table} "))


def test_dirt_one_can_live_with_is_counted_and_named_and_features_are_built(tmp_path: Path) -> None:
    demo = simulated(
        tmp_path, "late_share=0.1", "duplicate_share=0.02", "orphan_share=0.005", "missing_share=0.05",
        "drift_month=12", "outage_date=2023-08-09",
        "schema_change={table: events, kind: added, new_name: device, from_date: 2023-10-01}",
    )  # fmt: skip
    dirt = dirt_of(demo)
    said = demo.ok("validate")
    text = said.out + said.err
    events = staged_line(said, "events")
    assert "orphan:customer_id" in events
    orphans, repeated = (
        int(re.search(pattern, events)[1].replace(",", ""))
        for pattern in (r"orphan:customer_id ([\d,]+)", r"repeated rows left out ([\d,]+)")
    )
    assert orphans + repeated == pytest.approx(
        dirt["orphans:events"] + dirt["duplicates:events"], abs=0.02 * dirt["duplicates:events"]
    )
    assert f"orphan:customer_id {dirt['orphans:tickets']:,}" in staged_line(said, "tickets")
    assert "events: columns nobody listed are dropped: device" in text
    assert "no event at all on 1 days (2023-08-09): closed, or a failed delivery?" in text
    demo.ok("features")


def test_every_kind_of_dirt_is_said_by_the_stage_that_makes_it(tmp_path: Path) -> None:
    done = Demo(tmp_path).ok("simulate", *SMALL, "simulation.dirt.late_share=0.1")
    dirt = dirt_of(Demo(tmp_path))
    assert set(dirt) == {f"late:{name}" for name in ("events", "tickets", "payments", "messages", "responses")}
    assert f"dirt: late in events {dirt['late:events']:,}" in done.out + done.err


@pytest.mark.parametrize(
    ("dirt", "words"),
    [
        (
            "schema_change={table: events, kind: renamed, column: event_type, new_name: kind, from_date: 2023-10-01}",
            ("events_raw.event_type", "part-00000_changed.parquet has kind", "coalesce(event_type, kind)"),
        ),
        (
            "schema_change={table: events, kind: renamed, column: value, new_name: amount, from_date: 2023-10-01}",
            ("events_raw.value", "part-00000_changed.parquet has amount"),
        ),
        (
            "schema_change={table: payments, kind: retyped, column: amount, from_date: 2023-10-01}",
            ("payments.amount", "not a number", "replace(column, ',', '')"),
        ),
        ("orphan_share=0.05", ("customer_id", "customers table does not have", "max_orphan_share")),
    ],
)
def test_dirt_that_would_be_silently_wrong_is_refused(tmp_path: Path, dirt: str, words: tuple[str, ...]) -> None:
    refused = simulated(tmp_path, dirt).run("validate")
    assert refused.code == 1
    for word in words:
        assert word in refused.err
    assert not (tmp_path / "data" / "demo" / "staged" / "events.parquet").exists()


def test_repeated_tickets_are_refused_with_their_ids(tmp_path: Path) -> None:
    refused = simulated(tmp_path, "duplicate_share=0.05", "duplicate_tables=[tickets]").run("validate")
    assert refused.code == 1
    assert "tickets.ticket_id: the same ticket_id more than once" in refused.err
    assert "for example T" in refused.err

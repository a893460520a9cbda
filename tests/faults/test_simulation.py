"""Simulations that are killed, stopped, doubled or asked for nonsense: a company is there whole or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from churn.simulation.storage import check_replaceable
from tests.pipelines.demo import SMALL, Demo, start_churn

LONG = (
    "simulation=small", "simulation.customers=20000", "simulation.block_customers=400",
    "simulation.chunk_customers=800",
)  # fmt: skip


def parts(demo: Demo) -> list[Path]:
    """Part files of the running simulation, wherever they are being written."""
    return [path for path in demo.data.rglob("part-*.parquet") if ".partial" in str(path)]


def started(demo: Demo) -> subprocess.Popen[str]:
    """Start a simulation that takes long and wait until it has written several parts of several tables."""
    process = start_churn("simulate", *demo.folders, *LONG)
    deadline = time.monotonic() + 120
    while len(parts(demo)) < 20:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def ended(process: subprocess.Popen[str], by: signal.Signals) -> int:
    process.send_signal(by)
    process.communicate(timeout=120)
    return process.returncode


def contents(demo: Demo) -> dict[str, bytes]:
    return {str(path.relative_to(demo.data)): path.read_bytes() for path in demo.data.rglob("*") if path.is_file()}


def test_a_killed_simulation_leaves_nothing_that_a_stage_would_read(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    assert ended(started(demo), signal.SIGKILL) == -signal.SIGKILL
    assert parts(demo)  # it really was in the middle
    assert not (demo.data / "demo" / "raw").exists() and not (demo.data / "demo_truth").exists()
    refused = demo.run("validate")
    assert refused.code == 1 and "no file matches" in refused.err


def test_after_a_kill_the_former_company_is_whole_and_the_next_run_sweeps(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    demo.ok("simulate", *SMALL)
    before = contents(demo)
    ended(started(demo), signal.SIGKILL)
    assert {path: data for path, data in contents(demo).items() if ".partial" not in path} == before
    demo.ok("simulate", *SMALL)
    assert contents(demo) == before


def test_a_stopped_simulation_tidies_up_and_says_so(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    assert ended(started(demo), signal.SIGTERM) == 143
    assert contents(demo) == {}


def test_a_second_simulation_into_the_same_folder_is_sent_away_and_the_first_is_unharmed(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    first = started(demo)
    try:
        second = demo.run("simulate", *SMALL)
        assert second.code == 75
        assert first.poll() is None
    finally:
        ended(first, signal.SIGKILL)


def test_another_companys_folder_is_not_replaced(tmp_path: Path) -> None:
    own = tmp_path / "data" / "demo" / "raw" / "customers"
    own.mkdir(parents=True)
    (own / "export.parquet").write_bytes(b"precious")
    refused = Demo(tmp_path).run("simulate", *SMALL)
    assert refused.code == 4 and "no simulated company" in refused.err
    assert (own / "export.parquet").read_bytes() == b"precious"
    (own.parent / "manifest.json").write_text("{ not ours")
    assert Demo(tmp_path).run("simulate", *SMALL).code == 4
    check_replaceable(tmp_path / "nothing there")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulation.customers=-1",), "simulation.customers"),
        (("simulation.customers=0",), "simulation.customers"),
        (("simulation.months=0",), "simulation.months"),
        (("simulation.months=-3", "simulation.customers=many"), "2 problems"),
        (("simulation.seed=-7",), "simulation.seed"),
        (("simulation=telekom",), "telecom"),
        (("simulation.profile=bank",), "simulation.profile"),
        (("simulation.plans.0.share=0.9",), "shares add up"),
        (("simulation.causes.pricing.slope=-1",), "simulation.causes.pricing.slope"),
        (("simulation.truth.horizons_days=[7,60]",), "must hold 30"),
        (("simulation.truth.first_day=9996",), "after the"),
        (("simulation.campaigns.actions=[tailored_chek_in]",), "tailored_check_in"),
        (("simulation.start_date=3024-01-01",), "1970 to 2100"),
        (("+simulation.custmers=5",), "customers"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    demo = Demo(tmp_path, extra=())
    refused = demo.run("simulate", *words)
    assert refused.code == 2
    assert said in refused.err
    assert not demo.data.exists()


def test_a_truth_that_lies_beside_another_companys_tables_is_refused(tmp_path: Path, demo: Demo) -> None:
    own = demo.copy(tmp_path)
    manifest = own.data / "demo" / "raw" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["settings"]["seed"] += 1
    manifest.write_text(json.dumps(content))
    refused = own.run("oracle", "--as-of", "latest")
    assert refused.code == 1
    assert "another company" in refused.err and "churn simulate" in refused.err

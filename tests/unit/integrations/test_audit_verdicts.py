from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from churn.integrations.audit_verdicts import find_audit, record_audit
from churn.integrations.tracking import stage_run
from tests.builders import make_settings
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_the_newest_verdict_on_a_data_set_counts_and_no_other_stages_tag_does(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    assert find_audit(settings, "one") is None
    with stage_run("train", settings) as tracker:
        tracker.tag(data_fingerprint="one")
    assert find_audit(settings, "one") is None
    for fingerprint, verdict in (("one", "failed"), ("two", "failed"), ("one", "passed")):
        with stage_run("audit", settings) as tracker:
            record_audit(tracker, fingerprint, verdict)  # type: ignore[arg-type]
    with stage_run("audit", settings) as tracker:  # one that broke off before its verdict says nothing
        tracker.tag(data_fingerprint="one")
    assert find_audit(settings, "one") == "passed"
    assert find_audit(settings, "two") == "failed"
    assert find_audit(settings, "three") is None


def test_the_newest_counts_also_where_the_clock_was_set_back_since(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    for verdict in ("passed", "failed"):
        with stage_run("audit", settings) as tracker:
            record_audit(tracker, "one", verdict)  # type: ignore[arg-type]
        if verdict == "passed":  # on a day that was still to come
            with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
                store.execute("UPDATE runs SET start_time = 4102444800000")
    assert find_audit(settings, "one") == "failed"

"""Real data sets, end to end where that takes seconds; each test says what is missing where the data are not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from churn.core.settings import ChurnSettings
from pipelines.composition import compose
from tests.pipelines.demo import Demo, run_churn

REAL = compose("train", ChurnSettings, []).paths.real


def _needs(name: str) -> pytest.MarkDecorator:
    folder = REAL / name
    return pytest.mark.skipif(not folder.is_dir(), reason=f"the data set {name} is not at {folder} (paths.real)")


@pytest.fixture
def place(tmp_path: Path) -> Demo:
    """Empty folders; the real data are read where they lie."""
    return Demo(tmp_path, extra=("engine.threads=2", "evaluation.bootstrap_samples=30", "model.estimator.one.n_jobs=2"))


def _auc(demo: Demo) -> float:
    (path,) = demo.results("train")
    return float(json.loads(path.read_text())["metrics"]["auc"])


@pytest.mark.real
@_needs("ravenstack")
class TestRavenstack:
    """A negative control: usage was drawn without regard to churn, so whatever beats chance has found a leak."""

    def test_there_is_nothing_to_learn_and_nothing_is_promoted(self, place: Demo) -> None:
        for stage in ("validate", "train"):
            done = place.ok(stage, "experiment=ravenstack")
        assert _auc(place) < 0.6
        assert "registered, not promoted" in done.out
        assert "gate: no signal beyond chance" in done.out
        refused = place.run("score", "experiment=ravenstack", "--as-of", "latest")
        assert refused.code == 3
        assert "has no version 'champion'. Versions there are: 1 (gate failed)" in refused.err


@pytest.mark.real
@_needs("ibm_telco")
class TestTelco:
    """The flat entrance: a ready table of one date, folds by customer."""

    def test_a_ready_table_takes_the_same_path_to_a_list(self, place: Demo) -> None:
        for stage in ("validate", "train", "explain"):
            place.ok(stage, "experiment=telco")
        assert _auc(place) == pytest.approx(0.84, abs=0.015)
        done = place.ok("score", "experiment=telco", "--as-of", "latest", "scoring.version=latest")
        assert re.search(r"7,043 customers scored as of 2020-01-01", done.out)
        listed = run_churn("list", "experiment=telco", "--format", "json", "--top", "5", *place.folders)
        rows = json.loads(listed.out)
        assert len(rows) == 5
        assert all(1 <= len(row["reasons"]) <= 3 for row in rows)
        assert not {"gender", "senior"} & set(rows[0])

    def test_the_column_that_says_what_is_paid_gives_money_everywhere(self, place: Demo) -> None:
        for stage in ("validate", "train"):
            done = place.ok(stage, "experiment=telco")
        assert "money: contacting" in done.out
        worth = ("scoring.version=latest", "policy.rank_by=expected_profit", "policy.capacity=1000")
        place.ok("score", "experiment=telco", "--as-of", "latest", *worth)
        listed = run_churn("list", "experiment=telco", "--min-mrr", "70", "--format", "json", *place.folders)
        rows = json.loads(listed.out)
        assert rows and all(row["mrr"] >= 70 and row["expected_profit"] > 0 for row in rows)
        assert all(row["mrr_at_risk"] == pytest.approx(row["churn_probability"] * row["mrr"], abs=0.02) for row in rows)


@pytest.mark.real
@_needs("oulad_2013")
class TestOulad:
    """Courses of a university: clicks, deadlines and leaving, on six Fridays of spring, for a sample of students."""

    def test_the_audit_finds_nothing_that_looks_ahead(self, place: Demo) -> None:
        experiment = ("experiment=oulad_2013", "features=all")
        place.ok("validate", *experiment)
        dates = "windows.as_of=[{first: 2013-02-22, last: 2013-03-29}]"
        done = place.ok("audit", *experiment, dates, "audit.customers=400", "audit.dates=1")
        found = re.search(r"passed: ([\d,]+) values on 1 as-of dates are the same without the future", done.out)
        assert found is not None and int(found[1].replace(",", "")) > 20_000

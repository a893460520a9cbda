"""Scoring again, by another version, and on other dates: what changes and what may not."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from churn.integrations.publication import read_published
from tests.pipelines.demo import Demo, run_churn


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_the_same_date_again_gives_the_same_bytes_and_no_second_copy(own_demo: Demo) -> None:
    before, dates = _bytes(own_demo.lists), json.loads((own_demo.lists / "manifest.json").read_text())["dates"]
    for _ in range(2):
        own_demo.ok("score", "--as-of", "latest")
    assert _bytes(own_demo.lists) == before
    again = json.loads((own_demo.lists / "manifest.json").read_text())["dates"]
    (former,), (latter,) = dates.values(), again.values()
    assert {k: v for k, v in former.items() if k != "run_id"} == {k: v for k, v in latter.items() if k != "run_id"}


def test_other_dates_are_added_and_latest_is_the_newest(own_demo: Demo) -> None:
    own_demo.ok("score", "--as-of", "2024-05-06")
    dates = json.loads((own_demo.lists / "manifest.json").read_text())["dates"]
    assert sorted(dates) == ["2024-05-06", max(dates)]
    assert read_published(own_demo.lists, "latest", "worklist")[0]["as_of_date"].iloc[0] == max(dates)


def test_a_date_the_model_learned_from_is_said_to_be_one(own_demo: Demo) -> None:
    done = own_demo.ok("score", "--as-of", "2023-06-05")
    assert "2023-06-05 is not later than" in done.out
    assert "the last date the model learned from" in done.out


def test_the_next_list_comes_from_the_version_that_was_promoted_and_back(own_demo: Demo) -> None:
    own_demo.ok("train", "model=logistic")
    before = read_published(own_demo.lists, "latest", "scores")[0]
    for version, name in (("2", "logistic"), ("1", "blend")):
        promoted = run_churn("promote", version, "--force", "--why", "to compare", *own_demo.words())
        assert promoted.code == 0, promoted.err
        assert f"({name})" in own_demo.ok("score", "--as-of", "latest").out
        assert set(read_published(own_demo.lists, "latest", "scores")[0]["model_version"]) == {version}
    pd.testing.assert_frame_equal(read_published(own_demo.lists, "latest", "scores")[0], before)


def test_a_version_can_be_asked_for_by_number(own_demo: Demo) -> None:
    assert "with version 1 (blend)" in own_demo.ok("score", "--as-of", "latest", "scoring.version=1").out


def test_scores_do_not_depend_on_the_present_problem_settings(own_demo: Demo) -> None:
    """Cohort, windows and features are the model's own, whatever the configuration has become."""
    before = _bytes(own_demo.lists)
    own_demo.ok(
        "score", "--as-of", "latest", "windows=weekly", "features.windows_days=[14]", "cohort.min_tenure_days=99"
    )
    assert _bytes(own_demo.lists) == before


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_the_order_of_raw_rows_changes_no_score(order: str, own_demo: Demo) -> None:
    before = read_published(own_demo.lists, "latest", "scores")[0]
    for path in (own_demo.data / "demo" / "raw").glob("*/*.parquet"):
        rows = pd.read_parquet(path)
        (rows[::-1] if order == "reversed" else rows.sample(frac=1, random_state=0)).to_parquet(path, index=False)
    own_demo.ok("validate")
    own_demo.ok("score", "--as-of", "latest")
    after = read_published(own_demo.lists, "latest", "scores")[0]
    pd.testing.assert_frame_equal(after.drop(columns="risk_rank"), before.drop(columns="risk_rank"), rtol=1e-9)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.integrations.results import StageResult, write_results


def test_what_is_written_is_read_back_with_the_stage(tmp_path: Path) -> None:
    result = StageResult(
        summary="3 顧客", run_id="abc", as_of_dates=["2024-06-30"], rows_in={"customers": 3}, metrics={"auc": 0.5}
    )
    path = write_results(tmp_path, "score", result)
    assert path == tmp_path / "run_results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["stage"] == "score"
    assert content["rows_in"] == {"customers": 3}
    assert content["summary"] == "3 顧客"
    assert set(content) == {
        "stage", "summary", "run_id", "as_of_dates", "rows_in", "rows_out", "durations", "artifacts", "metrics",
        "notes", "unsent",
    }  # fmt: skip


def test_it_is_readable_text(tmp_path: Path) -> None:
    assert "顧客" in write_results(tmp_path, "score", StageResult(summary="顧客")).read_text(encoding="utf-8")


def test_seconds_of_a_step_add_up_also_when_it_fails() -> None:
    result = StageResult()
    with result.timed("fit"):
        pass
    with pytest.raises(ZeroDivisionError), result.timed("fit"):
        raise ZeroDivisionError
    assert list(result.durations) == ["fit"]
    assert result.durations["fit"] >= 0


def test_two_results_share_nothing() -> None:
    StageResult().notes.append("x")
    assert StageResult().notes == []

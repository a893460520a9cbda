from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.evaluation.figures import new_figure
from churn.integrations.layers import Layer
from churn.integrations.mlflow_store import connect
from churn.integrations.tracking import stage_run
from tests.pipelines.demo import IGNORED
from tests.unit.integrations.runs import artifact_text, run_of

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_takes_what_a_stage_gives(settings: ChurnSettings, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("content")
    figure = new_figure(2, 1)
    with stage_run("train", settings) as tracker:
        tracker.tag(rows=3, is_good=True)
        tracker.metrics({"auc": 0.5, "count": 3, "absent": None})  # type: ignore[dict-item]
        tracker.params({"long": "x" * 9000})
        tracker.json([{"文字": 1}], "table.json")
        tracker.text("文字", "note.md")
        tracker.figure(figure, "picture")
        tracker.file(tmp_path / "file.txt")
        tracker.dataset(Layer(tmp_path, {"fingerprint": "f" * 64}), "training")
    run = run_of(settings, tracker.run_id)
    assert run.data.tags["rows"] == "3"
    assert run.data.metrics == {"auc": 0.5, "count": 3.0}
    assert run.data.params["long"] == "x" * 500
    assert json.loads(artifact_text(tracker.run_id, "table.json")) == [{"文字": 1}]
    assert artifact_text(tracker.run_id, "note.md") == "文字"
    assert artifact_text(tracker.run_id, "file.txt") == "content"
    pictures = connect(settings)[0].list_artifacts(tracker.run_id, "plots")
    assert [picture.path for picture in pictures] == ["plots/picture.png"]
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == (settings.source.name, "f" * 36)
    assert run.data.tags["data_fingerprint"] == "f" * 64
    assert str(tmp_path) in given.dataset.source


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_fails_the_run(settings: ChurnSettings, value: float) -> None:
    with pytest.raises(DataRefused, match="metrics are no numbers: auc is") as refused, \
            stage_run("train", settings) as tracker:  # fmt: skip
        tracker.metrics({"auc": value, "log_loss": 0.3})
    run = run_of(settings, tracker.run_id)
    assert refused.value.code == "metric_not_finite"
    assert run.info.status == "FAILED"
    assert (run.data.tags["failure.code"], run.data.metrics) == ("metric_not_finite", {})

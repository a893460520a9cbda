"""Comparing and promoting, from the command line, on trained runs in a real store."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn.integrations.audit_verdicts import record_audit
from churn.integrations.mlflow_store import connect
from churn.integrations.tracking import stage_run
from tests.pipelines.demo import IGNORED, QUICK, Demo, Outcome, run_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
NAME = "churn-demo"
EASY = ("gate.metric=auc", "gate.max_slice_auc_drop=0.5", "gate.max_slice_miscalibration=50")


@pytest.fixture(scope="module")
def trained(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The company with a weak champion (version 1 overruled by a model of few trees) and a better challenger."""
    own = demo.copy(tmp_path_factory.mktemp("promotion") / "demo")
    own.ok(
        "train",
        "model.estimator.one.n_estimators=1",
        "model.estimator.share_of_causes=0",
        "model.stopping_rounds=null",
        "model.monotone=false",
    )
    own.ok("train", "model=logistic")
    return own


@pytest.fixture
def own(trained: Demo, tmp_path: Path) -> Demo:
    return trained.copy(tmp_path / "demo")


@pytest.fixture
def client(own: Demo) -> MlflowClient:
    return connect(own.settings())[0]


def _promote(demo: Demo, *words: str) -> Outcome:
    return run_churn("promote", *words, *demo.folders, *QUICK, *EASY)


def _champion(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias(NAME, "champion").version)


def _card(client: MlflowClient, version: str) -> str:
    """Return what the card says of the version's standing; the registry and the run must say the same."""
    found = client.get_model_version(NAME, version)
    text = str(mlflow.artifacts.load_text(f"runs:/{found.run_id}/model_card.md"))
    standing = text.partition("## Standing\n")[2].partition("\n## ")[0]
    assert standing and standing in found.description
    return standing


def _vouch(demo: Demo, client: MlflowClient, version: str) -> str:
    """Let the audit pass and the code be committed; return the training run's id."""
    run_id = str(client.get_model_version(NAME, version).run_id)
    settings = demo.settings()
    with stage_run("audit", settings) as tracker:
        record_audit(tracker, client.get_run(run_id).data.tags["data_fingerprint"], "passed")
    client.set_tag(run_id, "git.is_clean", "true")
    return run_id


def _strengthen(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Let a run have predicted well: the posterior of a signal that leavers have more of."""
    path = Path(client.download_artifacts(run_id, "predictions.parquet", str(folder)))
    kept = pd.read_parquet(path)
    (name, *_) = [column for column in kept.columns if column.endswith("_probability")]
    signal = np.random.default_rng(0).normal(2.5 * kept["churned"])
    rate = kept["churned"].mean()
    kept[name] = 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + 2.5 * signal - 2.5**2 / 2)))
    kept.to_parquet(path, index=False)
    client.log_artifact(run_id, str(path))


class TestComparing:
    def test_ranks_the_runs_of_one_test_set_and_writes_a_page(self, trained: Demo) -> None:
        done = run_churn("compare", *trained.words())
        assert done.code == 0, done.err
        lines = done.out.splitlines()
        assert lines[0].startswith("test: ")
        assert {line.split()[1] for line in lines[2:5]} == {"v1", "v2", "v3"}
        page = Path(lines[-1].removeprefix("page: "))
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert "model.estimator.one.n_estimators" in page.read_text(encoding="utf-8")

    def test_runs_are_named_by_version_alias_or_id(self, trained: Demo) -> None:
        run_id = str(connect(trained.settings())[0].get_model_version(NAME, "3").run_id)
        done = run_churn("compare", "champion", "2", run_id[:8], "--metric", "log_loss", *trained.words())
        assert done.code == 0, done.err
        assert {line.split()[1] for line in done.out.splitlines()[2:5]} == {"v1", "v2", "v3"}

    def test_other_test_dates_are_refused(self, own: Demo) -> None:
        own.ok("train", "model=logistic", "split.test_dates=2")
        done = run_churn("compare", "3", "4", *own.words())
        assert done.code == 1
        assert "not tested on the same customers, dates and outcomes (v3 logistic: " in done.err
        newest = run_churn("compare", *own.words())
        assert [line.split()[1] for line in newest.out.splitlines()[2:-1]] == ["v4"]

    def test_an_unknown_run_names_those_there_are(self, trained: Demo) -> None:
        done = run_churn("compare", "77", *trained.words())
        assert done.code == 3
        assert "no version or finished training run '77'" in done.err and "v3 logistic (" in done.err

    def test_before_any_training_says_what_to_run(self, tmp_path: Path) -> None:
        done = run_churn("compare", *Demo(tmp_path).folders)
        assert done.code == 3
        assert "Nothing is registered yet: run 'churn train'" in done.err


class TestPromoting:
    def test_a_version_that_fails_stays_out_and_every_reason_is_said_and_kept(
        self, own: Demo, client: MlflowClient
    ) -> None:
        done = _promote(own, "3")
        assert done.code == 1
        assert "version 3 is not promoted" in done.err
        assert "the leak audit of its data set was never made" in done.err
        assert _champion(client) == "1"
        version = client.get_model_version(NAME, "3")
        assert version.tags["promotion"] == "failed" and "leak audit" in version.tags["promotion.reasons"]
        text = mlflow.artifacts.load_text(f"runs:/{version.run_id}/decisions/01.md")
        assert text.startswith("# Version 3: refused") and "- **failed**: the leak audit" in text
        assert "Not in use; promotion refused: " in _card(client, "3")
        assert "\nChampion" in _card(client, "1")

    def test_one_that_passes_every_check_takes_the_place_and_gives_it_back(
        self, own: Demo, client: MlflowClient, tmp_path: Path
    ) -> None:
        forced = _promote(own, "2", "--force", "--why", "a weak one to beat")
        assert forced.code == 0 and "by force" in forced.out
        assert client.get_model_version(NAME, "2").tags["promoted.forced"] == "true"
        run_id = _vouch(own, client, "1")
        _strengthen(client, run_id, tmp_path)
        done = _promote(own, run_id[:10])
        assert done.code == 0, done.err
        assert "AUC beats champion 2 beyond its interval" in done.out
        assert _champion(client) == "1"
        assert "Champion, promoted by the gate" in _card(client, "1")
        assert "No longer in use; version 1 took its place" in _card(client, "2")
        assert client.get_model_version(NAME, "1").tags["promoted.forced"] == "false"
        back = _promote(own, "--rollback", "--why", "odd list")
        assert back.code == 0 and "version 2 is champion again, in place of 1" in back.out
        assert _champion(client) == "2"
        assert own.ok("score", "--as-of", "latest").out.count("version 2") == 1
        cards = {number: _card(client, number) for number in "12"}
        assert "No longer in use; rolled back to version 2: odd list (2" in cards["1"]
        assert "Champion again, in place of version 1: odd list (2" in cards["2"]

    def test_a_champion_of_other_test_dates_is_scored_on_the_new_models_rows(
        self, own: Demo, client: MlflowClient
    ) -> None:
        own.ok("train", "model=logistic", "split.test_dates=2")
        run = client.get_run(str(client.get_model_version(NAME, "4").run_id))
        assert run.data.tags["champion_version"] == "1"
        assert 0.4 < run.data.metrics["champion_auc"] < 1
        done = _promote(own, "4")
        assert "champion 1 beyond its interval" in done.err + done.out

    def test_a_champion_of_the_same_rows_has_the_figures_of_its_own_run(self, own: Demo, client: MlflowClient) -> None:
        first, third = (client.get_run(str(client.get_model_version(NAME, v).run_id)).data.metrics for v in "13")
        assert third["champion_auc"] == pytest.approx(first["auc"], abs=1e-12)

    def test_what_is_kept_names_no_customer(self, own: Demo, client: MlflowClient, tmp_path: Path) -> None:
        run_id = str(client.get_model_version(NAME, "1").run_id)
        kept = pd.read_parquet(client.download_artifacts(run_id, "predictions.parquet", str(tmp_path)))
        (folder,) = (own.data / "demo" / "datasets").glob("[!.]*")
        ids = set(pd.read_parquet(folder / "matrix.parquet", columns=["customer_id"])["customer_id"])
        assert not ids & set(kept["customer"])
        assert "customer_id" not in kept

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from churn.core.errors import DependencyDown
from churn.core.settings import ChurnSettings
from churn.evaluation.gate import Check, Verdict
from churn.integrations import registry
from churn.integrations.aliases import apply_gate
from churn.integrations.mlflow_store import connect
from churn.integrations.registry import load_model, model_name, register_bundle
from churn.integrations.tracking import stage_run
from churn.modeling.bundle import Bundle
from tests.pipelines.demo import IGNORED
from tests.unit.modeling.toys import fitted, rows_of

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
Register = Callable[..., str]
PASSED = Verdict("better", (Check("auc", True, "better"),))
FAILED = Verdict("worse", (Check("auc", False, "worse"),))


@pytest.fixture
def register(settings: ChurnSettings) -> Register:
    def do(bundle: Bundle | None = None) -> str:
        with stage_run("train", settings) as tracker:
            return register_bundle(bundle or fitted("trees"), settings, tracker.run_id, rows_of())

    return do


class TestRegistering:
    def test_versions_count_up_and_know_their_run_and_checksum(
        self, settings: ChurnSettings, register: Register
    ) -> None:
        assert [register(), register(fitted("linear"))] == ["1", "2"]
        client, _ = connect(settings)
        first, second = (client.get_model_version(model_name(settings), number) for number in ("1", "2"))
        assert first.run_id and first.run_id != second.run_id
        assert (first.tags["model"], second.tags["model"]) == ("lightgbm", "logistic")
        assert len(first.tags["bundle.sha256"]) == 64

    @pytest.mark.parametrize("encoding", ["trees", "linear"])
    def test_what_is_loaded_scores_as_what_was_registered(
        self, encoding: Any, settings: ChurnSettings, register: Register
    ) -> None:
        register(fitted(encoding))
        loaded = load_model(settings, "latest")
        assert (loaded.version, loaded.name) == ("1", model_name(settings))
        assert (loaded.bundle.raw_score(rows_of()) == fitted(encoding).raw_score(rows_of())).all()

    @pytest.mark.parametrize("encoding", ["trees", "linear"])
    def test_mlflow_loads_it_and_gives_calibrated_probabilities(
        self, encoding: Any, settings: ChurnSettings, register: Register
    ) -> None:
        bundle = fitted(encoding)
        register(bundle)
        model = mlflow.pyfunc.load_model(f"models:/{model_name(settings)}/1")
        given = bundle.select(rows_of())
        predicted = np.asarray(model.predict(given), dtype=float)
        assert predicted == pytest.approx(bundle.probability(bundle.raw_score(given)), abs=0)

    def test_the_signature_names_every_feature_and_refuses_a_missing_one(
        self, settings: ChurnSettings, register: Register
    ) -> None:
        register()
        model = mlflow.pyfunc.load_model(f"models:/{model_name(settings)}/1")
        assert model.metadata.signature.inputs.input_names() == fitted("trees").catalog.names
        with pytest.raises(mlflow.MlflowException, match="tickets_open"):
            model.predict(fitted("trees").select(rows_of()).drop(columns="tickets_open"))

    def test_no_customer_goes_into_the_store(self, settings: ChurnSettings, register: Register) -> None:
        register()
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_name(settings)}/1"))
        texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert texts
        assert not [text for text in texts if b"c000" in text or b"customer_id" in text]

    def test_requirements_are_pinned(self, settings: ChurnSettings, register: Register) -> None:
        register()
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_name(settings)}/1"))
        requirements = (folder / "requirements.txt").read_text().split()
        assert {line.partition("==")[0] for line in requirements} >= {"scikit-learn", "lightgbm", "skops", "mlflow"}
        assert all("==" in line for line in requirements)

    def test_two_trainings_that_register_the_first_version_at_once_both_do(
        self, settings: ChurnSettings, register: Register, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = mlflow.MlflowClient.create_registered_model

        def outrun(client: mlflow.MlflowClient, name: str, **more: Any) -> Any:
            plain(client, name)  # the other training has just made it
            return plain(client, name, **more)

        monkeypatch.setattr(mlflow.MlflowClient, "create_registered_model", outrun)
        assert register() == "1"


class TestFinding:
    def test_before_any_training_says_what_to_run(self, settings: ChurnSettings) -> None:
        with pytest.raises(DependencyDown, match="Nothing is registered yet: run 'churn train'"):
            load_model(settings, "champion")

    def test_without_a_champion_lists_versions_and_how_to_promote(
        self, settings: ChurnSettings, register: Register
    ) -> None:
        apply_gate(settings, register(), FAILED)
        with pytest.raises(DependencyDown) as missing:
            load_model(settings, "champion")
        assert "has no version 'champion'" in str(missing.value)
        assert "1 (gate failed)" in str(missing.value)
        assert "churn promote VERSION" in str(missing.value)

    def test_an_alias_of_a_deleted_version_is_no_champion(self, settings: ChurnSettings, register: Register) -> None:
        apply_gate(settings, register(), PASSED)
        register()
        connect(settings)[0].delete_model_version(model_name(settings), "1")
        with pytest.raises(DependencyDown, match=r"Versions there are: 2 \(gate unknown\)"):
            load_model(settings, "champion")

    def test_by_number_alias_or_latest(self, settings: ChurnSettings, register: Register) -> None:
        apply_gate(settings, register(), PASSED)
        register()
        assert [load_model(settings, wanted).version for wanted in ("1", "champion", "latest", "2")] == [
            "1",
            "1",
            "2",
            "2",
        ]

    def test_latest_counts_numbers_not_letters(self, settings: ChurnSettings, register: Register) -> None:
        register()
        client, _ = connect(settings)
        first = client.get_model_version(model_name(settings), "1")
        for _ in range(9):
            client.create_model_version(model_name(settings), first.source, tags=first.tags)
        assert load_model(settings, "latest").version == "10"


class TestDamage:
    @pytest.fixture
    def bundle(self, settings: ChurnSettings, register: Register) -> Path:
        register()
        client, _ = connect(settings)
        source = client.get_model_version(model_name(settings), "1").source
        location = client.get_logged_model(source.removeprefix("models:/")).artifact_location
        folder = Path(location.removeprefix("file://")) / "artifacts" / "bundle"
        assert folder.is_dir()
        return folder

    @pytest.mark.parametrize("name", ["model.skops", "bundle.json"])
    def test_a_file_that_was_cut_short_is_refused_with_the_version(
        self, name: str, bundle: Path, settings: ChurnSettings
    ) -> None:
        (bundle / name).write_bytes((bundle / name).read_bytes()[:-10])
        with pytest.raises(DependencyDown, match=rf"version 1: {name} is not the file that was registered"):
            load_model(settings, "1")

    def test_a_checksum_that_was_changed_along_with_the_file_is_refused(
        self, bundle: Path, settings: ChurnSettings
    ) -> None:
        content = json.loads((bundle / "bundle.json").read_text())
        (bundle / "bundle.json").write_text(json.dumps({**content, "base_rate": 0.9}))
        with pytest.raises(DependencyDown, match="not the file that was registered"):
            load_model(settings, "1")

    def test_mlflow_refuses_it_as_well(self, bundle: Path, settings: ChurnSettings) -> None:
        (bundle / "model.skops").write_bytes(b"LightGBM would crash on this")
        with pytest.raises(DependencyDown, match="not the file that was registered"):
            mlflow.pyfunc.load_model(f"models:/{model_name(settings)}/1")

    def test_a_folder_that_is_gone_is_refused_with_the_versions(self, bundle: Path, settings: ChurnSettings) -> None:
        shutil.rmtree(bundle.parents[1])
        with pytest.raises(DependencyDown, match="version 1"):
            load_model(settings, "1")


@pytest.mark.parametrize("call", ["create_registered_model", "create_model_version", "set_model_version_tag"])
def test_a_store_that_goes_away_is_a_dependency_down(
    call: str, settings: ChurnSettings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise mlflow.MlflowException("connection refused")

    monkeypatch.setattr(mlflow.MlflowClient, call, down)
    with pytest.raises(DependencyDown, match="connection refused"):
        apply_gate(settings, register(), PASSED)


def test_a_request_to_stop_is_not_taken_for_damage(
    settings: ChurnSettings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "read_bundle", stopped)
    with pytest.raises(KeyboardInterrupt):
        load_model(settings, "1")


def test_mlflows_own_warnings_are_not_shown(
    settings: ChurnSettings, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        register()
        load_model(settings, "1")
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []

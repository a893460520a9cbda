from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from mlflow import MlflowClient

from churn.core.errors import DataRefused, DependencyDown, RunLocked
from churn.core.settings import ChurnSettings
from churn.evaluation.gate import Check, Verdict
from churn.integrations import aliases
from churn.integrations.aliases import apply_gate, champion_version, move_champion, record_verdict, roll_back
from churn.integrations.locks import hold_lock
from churn.integrations.mlflow_store import connect
from churn.integrations.registry import model_name
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
PASSED = Verdict("better", (Check("auc", True, "AUC beats"),))
FAILED = Verdict("no signal beyond recency", (Check("auc", False, "AUC does not beat"),))


@pytest.fixture
def client(settings: ChurnSettings) -> MlflowClient:
    client, _ = connect(settings)
    client.create_registered_model(model_name(settings))
    return client


@pytest.fixture
def register(client: MlflowClient, settings: ChurnSettings) -> Callable[[], str]:
    """Versions without files: an alias does not look into them."""
    return lambda: str(client.create_model_version(model_name(settings), "nowhere").version)


class TestGate:
    def test_the_first_that_passes_is_champion_a_later_one_challenger(
        self, settings: ChurnSettings, register: Callable[[], str]
    ) -> None:
        assert apply_gate(settings, register(), PASSED) == "champion"
        assert apply_gate(settings, register(), PASSED) == "challenger"
        assert champion_version(settings) == "1"

    def test_one_that_does_not_pass_gets_no_alias_and_the_reason_is_written(
        self, settings: ChurnSettings, register: Callable[[], str], client: MlflowClient
    ) -> None:
        assert apply_gate(settings, register(), FAILED) == "registered, not promoted"
        version = client.get_model_version(model_name(settings), "1")
        assert version.tags["gate"] == "failed"
        assert version.tags["gate.reasons"] == "no signal beyond recency; AUC does not beat"
        assert not version.aliases
        assert champion_version(settings) is None

    def test_a_store_that_does_not_answer_is_not_taken_for_one_without_a_champion(
        self, settings: ChurnSettings, register: Callable[[], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process locks the database for good between two requests."""
        apply_gate(settings, register(), PASSED)
        impatient = settings.tracking.model_copy(update={"uri": settings.tracking.uri.replace("=60", "=0.2")})
        settings, later = settings.model_copy(update={"tracking": impatient}), register()
        plain, locked = MlflowClient.get_model_version_by_alias, sqlite3.connect(settings.paths.models / "mlflow.db")

        def find(client: MlflowClient, name: str, alias: str) -> object:
            locked.execute("BEGIN EXCLUSIVE")
            try:
                return plain(client, name, alias)
            finally:
                locked.rollback()

        with closing(locked), monkeypatch.context() as context:
            context.setattr(MlflowClient, "get_model_version_by_alias", find)
            with pytest.raises(DependencyDown, match="another process is writing to it: try again later"):
                apply_gate(settings, later, PASSED)
            with pytest.raises(DependencyDown, match="locked"):
                champion_version(settings)
        assert champion_version(settings) == "1"


class TestMoving:
    def test_keeps_why_and_who_was_champion_before(
        self, settings: ChurnSettings, register: Callable[[], str], client: MlflowClient
    ) -> None:
        apply_gate(settings, register(), PASSED)
        apply_gate(settings, register(), PASSED)
        assert move_champion(settings, "2", "it reaches more leavers", forced=True) == "1"
        tags = client.get_model_version(model_name(settings), "2").tags
        assert tags["promoted.why"] == "it reaches more leavers"
        assert (tags["promoted.from"], tags["promoted.forced"]) == ("1", "true")
        assert client.get_model_version(model_name(settings), "2").aliases == ["champion"]

    @pytest.mark.parametrize("wanted", ["7", "champion-to-be", ""])
    def test_to_a_version_that_is_not_there_names_those_that_are(
        self, wanted: str, settings: ChurnSettings, register: Callable[[], str]
    ) -> None:
        register()
        with pytest.raises(DependencyDown, match=r"has no version .* Versions there are: 1 \(gate unknown\)"):
            move_champion(settings, wanted, "why not", forced=False)

    def test_interrupted_before_the_alias_moved_leaves_the_former_champion(
        self, settings: ChurnSettings, register: Callable[[], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply_gate(settings, register(), PASSED)
        register()

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(MlflowClient, "set_registered_model_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            move_champion(settings, "2", "better", forced=False)
        monkeypatch.undo()
        assert champion_version(settings) == "1"
        move_champion(settings, "2", "better", forced=False)
        assert roll_back(settings, "odd") == ("2", "1")

    def test_two_at_once_is_one_after_the_other_or_none(
        self, settings: ChurnSettings, register: Callable[[], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        register()
        monkeypatch.setattr(aliases, "WAIT_SECONDS", 0)
        with hold_lock(settings.paths.models / ".promotion.lock"), pytest.raises(RunLocked):
            move_champion(settings, "1", "me first", forced=False)
        assert champion_version(settings) is None


class TestRollingBack:
    def test_goes_back_step_by_step_to_the_first(
        self, settings: ChurnSettings, register: Callable[[], str], client: MlflowClient
    ) -> None:
        apply_gate(settings, register(), PASSED)
        for _ in range(2):
            move_champion(settings, register(), "newer", forced=False)
        assert roll_back(settings, "the list was odd") == ("3", "2")
        assert client.get_model_version(model_name(settings), "3").tags["rolled_back.why"] == "the list was odd"
        assert roll_back(settings, "that too") == ("2", "1")
        assert champion_version(settings) == "1"
        with pytest.raises(DataRefused, match="version 1 is the first champion"):
            roll_back(settings, "and on")

    def test_without_a_champion_there_is_nothing_to_leave(
        self, settings: ChurnSettings, register: Callable[[], str]
    ) -> None:
        register()
        with pytest.raises(DependencyDown, match="has no version 'champion'"):
            roll_back(settings, "why not")

    def test_to_a_version_that_was_deleted_leaves_the_champion(
        self, settings: ChurnSettings, register: Callable[[], str], client: MlflowClient
    ) -> None:
        apply_gate(settings, register(), PASSED)
        move_champion(settings, register(), "newer", forced=False)
        client.delete_model_version(model_name(settings), "1")
        with pytest.raises(DependencyDown, match="has no version '1'"):
            roll_back(settings, "odd")
        assert champion_version(settings) == "2"


def test_every_decision_is_kept_in_its_own_file(settings: ChurnSettings, register: Callable[[], str]) -> None:
    client, experiment = connect(settings)
    run, version = client.create_run(experiment).info.run_id, register()
    record_verdict(settings, version, run, FAILED, "# refused\n")
    record_verdict(settings, version, run, PASSED, "# promoted\n")
    assert [item.path for item in client.list_artifacts(run, "decisions")] == ["decisions/01.md", "decisions/02.md"]
    assert client.get_model_version(model_name(settings), version).tags["promotion"] == "passed"

"""The champion alias: who has it, why, and the way back.

Everything is written down before the alias moves, and moving it is one write of the store: a reader sees the former
champion or the new one, and a kill in between leaves the former.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.evaluation.gate import Verdict
from churn.integrations.locks import hold_lock
from churn.integrations.mlflow_store import connect, store_errors
from churn.integrations.registry import CHALLENGER, CHAMPION, GATE_TAG, aliased, model_name, require_version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

FORMER_TAG, WHY_TAG, FORCED_TAG, REASONS_TAG = "promoted.from", "promoted.why", "promoted.forced", "gate.reasons"
TEXT_LIMIT = 4000
WAIT_SECONDS = 30


def champion_version(settings: ChurnSettings) -> str | None:
    """Return the version in use, or None where there is none yet."""
    client, _ = connect(settings)
    with store_errors(settings.tracking):
        return _number(aliased(client, model_name(settings), CHAMPION))


def apply_gate(settings: ChurnSettings, version: str, verdict: Verdict) -> str:
    """Record the gate's verdict on a fresh version and give it an alias; return what became of it.

    The first version that passes becomes champion; a later one that passes becomes challenger, to be promoted by hand;
    one that does not pass gets no alias.
    """
    client, _ = connect(settings)
    name = model_name(settings)
    with store_errors(settings.tracking), hold_lock(_lock(settings), wait_seconds=WAIT_SECONDS):
        client.set_model_version_tag(name, version, GATE_TAG, "passed" if verdict.has_passed else "failed")
        client.set_model_version_tag(name, version, REASONS_TAG, "; ".join(verdict.reasons)[:TEXT_LIMIT])
        if not verdict.has_passed:
            return "registered, not promoted"
        alias = CHALLENGER if aliased(client, name, CHAMPION) else CHAMPION
        client.set_registered_model_alias(name, alias, version)
        return alias


def move_champion(settings: ChurnSettings, version: str, why: str, forced: bool) -> str | None:
    """Make a version the champion, keep the reason and the former champion with it; return the former.

    Raises
    ------
    DependencyDown
        When there is no such version.
    RunLocked
        When another promotion is under way.
    """
    client, _ = connect(settings)
    name = model_name(settings)
    with store_errors(settings.tracking), hold_lock(_lock(settings), wait_seconds=WAIT_SECONDS):
        found, former = require_version(client, name, version), aliased(client, name, CHAMPION)
        number = str(found.version)
        client.set_model_version_tag(name, number, WHY_TAG, why[:TEXT_LIMIT])
        client.set_model_version_tag(name, number, FORCED_TAG, str(forced).lower())
        if former is not None and str(former.version) != number:
            client.set_model_version_tag(name, number, FORMER_TAG, str(former.version))
        client.set_registered_model_alias(name, CHAMPION, number)
        if number == _number(aliased(client, name, CHALLENGER)):
            client.delete_registered_model_alias(name, CHALLENGER)
        return _number(former)


def roll_back(settings: ChurnSettings, why: str) -> tuple[str, str]:
    """Give the champion alias back to the version that had it before; return the version left and the one restored.

    Raises
    ------
    DataRefused
        When the champion took nobody's place.
    DependencyDown
        When there is no champion, or the former one is deleted.
    """
    client, _ = connect(settings)
    name = model_name(settings)
    with store_errors(settings.tracking), hold_lock(_lock(settings), wait_seconds=WAIT_SECONDS):
        champion = require_version(client, name, CHAMPION)
        former = champion.tags.get(FORMER_TAG)
        if former is None:
            raise DataRefused(
                f"version {champion.version} is the first champion of {name}: there is none to go back to",
                code="no_former_champion", remedy="Promote another version: churn promote VERSION",
            )  # fmt: skip
        restored = str(require_version(client, name, former).version)
        client.set_model_version_tag(name, str(champion.version), "rolled_back.to", restored)
        client.set_model_version_tag(name, str(champion.version), "rolled_back.why", why[:TEXT_LIMIT])
        client.set_registered_model_alias(name, CHAMPION, restored)
    return str(champion.version), restored


def record_verdict(settings: ChurnSettings, version: str, run_id: str, verdict: Verdict, decision: str) -> None:
    """Keep a promotion's verdict as tags of the version and its decision as a Markdown artifact of the training run."""
    client, _ = connect(settings)
    name = model_name(settings)
    with store_errors(settings.tracking):
        client.set_model_version_tag(name, version, "promotion", "passed" if verdict.has_passed else "failed")
        client.set_model_version_tag(name, version, "promotion.reasons", "; ".join(verdict.reasons)[:TEXT_LIMIT])
        written = len(client.list_artifacts(run_id, "decisions"))
        client.log_text(run_id, decision, f"decisions/{written + 1:02}.md")


def _number(version: ModelVersion | None) -> str | None:
    return None if version is None else str(version.version)


def _lock(settings: ChurnSettings) -> Path:
    return settings.paths.models / ".promotion.lock"

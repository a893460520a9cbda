"""Where a run comes from: stage, source, code and the whole configuration, without secrets."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import hide_passwords
from churn.integrations.stale_runs import PROCESS_TAG, process_name

UNLISTED = ("paths", "tracking", "engine", "source")
CLEAN_TAG = "git.is_clean"


def origin_tags(stage: str, settings: ChurnSettings, builds_on: str | None) -> dict[str, str]:
    """Return the tags of a stage's run: stage, source, process, git commit, and the run it builds on."""
    tags = {"stage": stage, "source": settings.source.name, PROCESS_TAG: process_name(), **_git_tags()}
    return {**tags, "builds_on": builds_on} if builds_on else tags


def is_clean(tags: Mapping[str, str]) -> bool | None:
    """Return whether a run's code was all committed, None where its tags do not say."""
    return {"true": True, "false": False}.get(tags.get(CLEAN_TAG, ""))


def run_name(stage: str, settings: ChurnSettings) -> str:
    """Return what a run is called in lists."""
    model = f"-{settings.model.name}" if stage in ("train", "backtest", "tune") else ""
    return f"{stage}-{settings.source.name}{model}"


def describe_settings(settings: ChurnSettings) -> dict[str, Any]:
    """Return the settings as plain content without secrets."""
    content: dict[str, Any] = settings.model_dump(mode="json")
    content["tracking"]["uri"] = hide_passwords(settings.tracking.uri)
    return content


def to_params(content: Mapping[str, Any]) -> dict[str, object]:
    """Return described settings as parameters, one per dotted key; addresses and folders stay in `config.json`."""
    return _flatten({key: value for key, value in content.items() if key not in UNLISTED})


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _git_tags() -> dict[str, str]:
    """Return the commit of this code, nothing where it is no part of a repository, as when it is installed."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        commit = _git("rev-parse", "HEAD")
        is_committed = not _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"mlflow.source.git.commit": commit, CLEAN_TAG: str(is_committed).lower()}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

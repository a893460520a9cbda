from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from churn.core.settings import ChurnSettings
from churn.integrations.provenance import describe_settings, origin_tags
from tests.pipelines.demo import IGNORED

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]


def test_a_password_in_the_address_is_not_kept_with_the_configuration(settings: ChurnSettings) -> None:
    secret = settings.tracking.model_copy(update={"uri": "postgresql://churn:canary-4711@host/mlflow"})
    content = describe_settings(settings.model_copy(update={"tracking": secret}))
    assert content["tracking"]["uri"] == "postgresql://churn:***@host/mlflow"
    assert "canary-4711" not in json.dumps(content)


def test_the_commit_is_that_of_the_code_wherever_its_data_lie(settings: ChurnSettings, tmp_path: Path) -> None:
    def git(folder: Path, *words: str) -> str:
        command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "--message", "somebody else's")
    elsewhere = settings.model_copy(update={"paths": settings.paths.model_copy(update={"root": tmp_path})})
    tags = origin_tags("train", elsewhere, None)
    assert tags.get("mlflow.source.git.commit") != git(tmp_path, "rev-parse", "HEAD")
    assert tags == origin_tags("train", settings, None)

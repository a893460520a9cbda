"""Settings of companies of the tests' own, in one real SQLite store."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.core.settings import ChurnSettings
from tests.unit.integrations.runs import settings_at


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture
def settings(home: Path, request: pytest.FixtureRequest) -> ChurnSettings:
    """Settings of a company of the test's own, so an experiment of its own, in the session's store."""
    name = "".join(c for c in request.node.name.casefold() if c.isalnum())[:60]
    return settings_at(home, f"source.name={name}")

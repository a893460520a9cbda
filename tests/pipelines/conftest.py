"""The simulated company as fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.demo import Demo, built_demo, shared_folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The session's company: staged, trained, promoted, explained and scored; to be read only."""
    return built_demo(shared_folder(tmp_path_factory.getbasetemp()))


@pytest.fixture
def own_demo(demo: Demo, tmp_path: Path) -> Demo:
    """A copy of the company to change."""
    return demo.copy(tmp_path / "demo")

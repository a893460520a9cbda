"""The simulated company as fixtures, shared with the tests of the stages, and a list that must come to no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines.conftest import demo, own_demo
from tests.pipelines.demo import Demo

__all__ = ["demo", "own_demo"]


def _list(demo: Demo) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in demo.lists.glob("[!.]*")}


@pytest.fixture
def unharmed(own_demo: Demo) -> Iterator[None]:
    """After the test, the list is byte for byte the one from before."""
    before = _list(own_demo)
    yield
    assert _list(own_demo) == before

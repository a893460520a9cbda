"""One engine and compiled expressions per module: examples only fill tables and run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from tests.builders import ENGINE


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine that one module's examples share."""
    with open_engine(ENGINE) as opened:
        yield opened

"""What every test may ask for: an engine, settings, small tables, a company in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings

from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from tests.builders import ENGINE, Company, copy_company

hypothesis_settings.register_profile(
    "stable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    phases=(Phase.explicit, Phase.generate),  # a failure is said at once; --hypothesis-profile=shrink makes it small
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.register_profile("shrink", hypothesis_settings.get_profile("stable"), phases=tuple(Phase))
hypothesis_settings.load_profile("stable")


def pytest_configure(config: pytest.Config) -> None:
    """Let pass the one warning that is not ours: Ibis 12 fetches from DuckDB 2 by a deprecated name."""
    config.addinivalue_line("filterwarnings", r"ignore:fetch_arrow_table\(\) is deprecated:DeprecationWarning")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An open engine of one test."""
    with open_engine(ENGINE) as opened:
        yield opened


@pytest.fixture(scope="session")
def staged_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company in CSV files with one good staged layer; copied by `company`."""
    company = Company(tmp_path_factory.mktemp("company")).write_good()
    company.stage()
    return company.root


@pytest.fixture
def company(staged_company: Path, tmp_path: Path) -> Company:
    """A company of one's own to break."""
    return copy_company(staged_company, tmp_path / "company")

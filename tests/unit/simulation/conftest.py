"""One small company of each kind, simulated when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.simulation.companies import PROFILES, Company, settings_of


@pytest.fixture(scope="session")
def company_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Company]:
    made: dict[str, Company] = {}

    def company(profile: str) -> Company:
        if profile not in made:
            made[profile] = Company.simulated(settings_of(profile), tmp_path_factory.mktemp(profile))
        return made[profile]

    return company


@pytest.fixture(params=PROFILES)
def company(request: pytest.FixtureRequest, company_of: Callable[[str], Company]) -> Company:
    return company_of(request.param)

"""Small companies simulated once per test session, one of each kind, and how to read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from churn.core.contract import CONTRACT
from churn.simulation.company import simulate_company
from churn.simulation.settings import SimulateSettings, SimulationSettings
from pipelines.composition import compose

PROFILES = ("saas", "small", "telecom", "consumer")
SIZE = ("simulation.customers=1500", "simulation.block_customers=500", "simulation.chunk_customers=1000")


def settings_of(profile: str, *words: str) -> SimulationSettings:
    """Return the settings of a small company of that kind."""
    return stage_settings(profile, *words).simulation


def stage_settings(profile: str, *words: str) -> SimulateSettings:
    """Return the settings of the stage that writes a small company of that kind."""
    return compose("simulate", SimulateSettings, [f"simulation={profile}", *SIZE, *words])


NOT_SIMULATED = ("obligations",)  # simulated customers have nothing to do by a time
SIMULATED = tuple(name for name in CONTRACT if name not in NOT_SIMULATED)


@dataclass(frozen=True)
class Company:
    """A simulated company on disk."""

    settings: SimulationSettings
    home: Path

    @classmethod
    def simulated(cls, settings: SimulationSettings, home: Path) -> Company:
        simulate_company(settings, home / "raw", home / "truth")
        return cls(settings, home)

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.home / "raw" / name)

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.home / "truth" / name)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        return {name: self.table(name) for name in SIMULATED}

    def digests(self) -> dict[str, str]:
        files = sorted(path for path in self.home.rglob("*") if path.is_file())
        return {str(f.relative_to(self.home)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def utc_days(times: pd.Series) -> pd.Series:
    """Return instants without their time zone, so that they compare with dates."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None)

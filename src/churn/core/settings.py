"""Strict, frozen settings: the only form in which configuration travels inside the package.

Unknown keys, wrong types, values out of range and left-over `???` are all found before any data is read, and said at
once. Groups of `conf/` map one to one onto the classes here; stages put them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from churn.core.contract import CAUSES, CONTRACT
from churn.core.errors import ConfigRefused
from churn.core.suggestions import did_you_mean

MISSING = "???"
Days = Annotated[int, Field(ge=0, le=3660)]
PositiveDays = Annotated[int, Field(ge=1, le=3660)]
Share = Annotated[float, Field(ge=0, le=1)]
Role = Literal["category", "number", "segment", "protected", "pii", "group", "free"]
Language = Literal["en", "ja"]
Version = Annotated[str, BeforeValidator(str)]


class StrictSettings(BaseModel):
    """Base of all settings: frozen, no coercion, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())


class WordedSettings(StrictSettings):
    """Something of the company's own with a name in words, and the cause it speaks for."""

    en: str | None = None
    ja: str | None = None
    cause: str | None = None

    @model_validator(mode="after")
    def _known_cause(self) -> WordedSettings:
        if self.cause is not None and self.cause not in CAUSES:
            raise ValueError(f"unknown cause '{self.cause}'{did_you_mean(self.cause, CAUSES)}")
        return self


class EventTypeSettings(WordedSettings):
    """A kind of event: its name in words, its cause, and whether more of it can only raise or only lower the risk.

    Without a stated effect, use (`low_engagement`) lowers the risk and anything else may do either.
    """

    effect: Literal["raises", "lowers", "either"] | None = None

    @property
    def direction(self) -> Literal[-1, 0, 1]:
        """Return 1, -1 or 0 for raises, lowers, either."""
        is_use = self.cause in (None, "low_engagement")
        effect = self.effect or ("lowers" if is_use else "either")
        return 1 if effect == "raises" else -1 if effect == "lowers" else 0


class AttributeSettings(WordedSettings):
    """An attribute of customers (or a column of a flat table): its role, its name in words, its cause."""

    role: Role


class InputSettings(StrictSettings):
    """One raw input: files (`path` or glob) or a database table (`connection_env`, `table`)."""

    path: str | None = None
    format: Literal["csv", "parquet"] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    strip_nul: bool = False
    connection_env: str | None = None
    table: str | None = None

    @model_validator(mode="after")
    def _known_encoding(self) -> InputSettings:
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(
                f"unknown encoding '{self.encoding}' (for example utf-8, utf-16, cp932, latin-1)"
            ) from None
        return self

    @model_validator(mode="after")
    def _one_entrance(self) -> InputSettings:
        if (self.path is None) == (self.connection_env is None):
            raise ValueError("give either 'path' (files) or 'connection_env' with 'table' (a database)")
        if self.connection_env is not None and self.table is None:
            raise ValueError("'connection_env' needs 'table'")
        return self


class SourceSettings(StrictSettings):
    """A company: where its tables are and how they map onto the contract, one SQL SELECT per canonical table."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["tables", "flat"] = "tables"
    inputs: dict[str, InputSettings]
    tables: dict[str, str]
    time_zone: str | None = None
    clock_changes: Literal["shift", "refuse"] = "shift"
    attributes: dict[str, Role | AttributeSettings] = {}
    event_types: dict[str, EventTypeSettings] = {}
    lag_hours: dict[str, Annotated[int, Field(ge=0, le=24 * 366)]] = {}
    sentinel_dates: list[date] = []
    earliest_date: date = date(1990, 1, 1)
    latest_date: date = date(2100, 1, 1)
    covered_until: date | None = None
    min_rows: Annotated[int, Field(ge=1)] = 1
    max_orphan_share: Share = 0.01
    max_null_share: Share = 0.001
    max_reversed_share: Share = 0.01
    recency_column: str | None = None

    @model_validator(mode="after")
    def _known_zone(self) -> SourceSettings:
        zones = {zone.casefold() for zone in available_timezones()}  # none where the system has no zone files
        if self.time_zone is not None and zones and self.time_zone.casefold() not in zones:
            near = did_you_mean(self.time_zone, available_timezones())
            raise ValueError(f"unknown time zone '{self.time_zone}'{near}")
        return self

    @model_validator(mode="after")
    def _known_tables(self) -> SourceSettings:
        known = ["matrix"] if self.kind == "flat" else list(CONTRACT)
        for name in [*self.tables, *self.lag_hours]:
            if name not in known:
                raise ValueError(f"unknown table '{name}'{did_you_mean(name, known)}")
        if self.kind == "flat" and "matrix" not in self.tables:
            raise ValueError("a flat source maps one table, 'matrix'")
        if self.kind == "tables" and "customers" not in self.tables:
            raise ValueError("'customers' is required")
        if self.kind == "tables" and not {"subscriptions", "events"} & set(self.tables):
            raise ValueError("one of 'subscriptions' and 'events' is required")
        return self

    def attribute(self, name: str) -> AttributeSettings:
        """Return the attribute's settings, with a bare role spelt out."""
        value = self.attributes[name]
        return value if isinstance(value, AttributeSettings) else AttributeSettings(role=value)

    def attributes_of(self, *roles: str) -> tuple[str, ...]:
        """Return the attribute names that have one of the roles, in the order of the file."""
        return tuple(name for name in self.attributes if self.attribute(name).role in roles)


class CohortSettings(StrictSettings):
    """Who is asked about on a date: active then, old enough, not yet decided."""

    active: Literal["subscription", "events"]
    min_tenure_days: Days = 0
    active_days: PositiveDays = 90
    qualifying_events: list[str] = []


class LabelSettings(StrictSettings):
    """What counts as leaving."""

    kind: Literal["contractual", "inactivity"]
    grace_days: Days = 0
    qualifying_events: list[str] = []


class DateRange(StrictSettings):
    """As-of dates `first, first + cadence_days, ...` up to `last` inclusive."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> DateRange:
        if self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class WindowSettings(StrictSettings):
    """Which dates are asked about, what may be known, and where the outcome is read (all in days)."""

    lead_days: Days
    horizon_days: PositiveDays
    embargo_days: Days
    cadence_days: PositiveDays
    observation_days: PositiveDays
    history_days: Days = 90
    max_dates: Annotated[int, Field(ge=1)] = 24
    as_of: list[DateRange] = []

    @model_validator(mode="after")
    def _embargo_covers_label(self) -> WindowSettings:
        if self.embargo_days < self.lead_days + self.horizon_days:
            raise ValueError(
                f"embargo_days ({self.embargo_days}) must be at least lead_days + horizon_days "
                f"({self.lead_days + self.horizon_days}), else training labels reach into the test dates"
            )
        return self


class FeatureSettings(StrictSettings):
    """Which families of features are built, over which look-back windows."""

    families: list[Literal["engagement", "peers", "support", "subscription", "payments", "profile"]]
    windows_days: Annotated[list[PositiveDays], Field(min_length=1)]
    event_types: list[str] = []
    value_types: list[str] | None = None
    max_event_types: Annotated[int, Field(ge=1, le=100)] = 12


class SplitSettings(StrictSettings):
    """Which part of the matrix fits, calibrates and tests."""

    kind: Literal["temporal", "by_customer"]
    test_dates: Annotated[int, Field(ge=1)] = 3
    calibration_dates: Annotated[int, Field(ge=1)] = 2
    test_from: date | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    calibration_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    seed: int = 0


class ModelSettings(StrictSettings):
    """The estimator, as a swappable object, and how its inputs are encoded."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    encoding: Literal["trees", "linear"]
    stopping_rounds: Annotated[int, Field(ge=1)] | None = None
    monotone: bool = False
    estimator: dict[str, Any]

    @model_validator(mode="after")
    def _has_target(self) -> ModelSettings:
        if "_target_" not in self.estimator:
            raise ValueError("'estimator' needs a '_target_'")
        return self


class CalibrationSettings(StrictSettings):
    """How raw scores become probabilities."""

    method: Literal["none", "sigmoid", "isotonic"]


class EvaluationSettings(StrictSettings):
    """How results are measured and when a model is good enough to be used."""

    bootstrap_samples: Annotated[int, Field(ge=20, le=10_000)] = 200
    interval: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: int = 0
    min_positives: Annotated[int, Field(ge=1)] = 50
    max_single_feature_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.95


class PolicySettings(StrictSettings):
    """What the retention team can do, what it costs to be wrong, and how the list is ordered."""

    capacity: Annotated[int, Field(ge=1)]
    rank_by: Literal["churn_probability", "mrr_at_risk"] = "churn_probability"
    high_band: Annotated[float, Field(gt=1)] = 3.0
    medium_band: Annotated[float, Field(gt=0)] = 1.5
    control_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    reasons: Annotated[int, Field(ge=1, le=5)] = 3
    currency: str = "EUR"
    max_unseen_share: Share = 0.2


class ExplanationSettings(StrictSettings):
    """Which version is explained and on how many rows."""

    version: Version = "latest"
    max_rows: Annotated[int, Field(ge=10)] = 2000
    max_shown: Annotated[int, Field(ge=3, le=50)] = 15


class ScoringSettings(StrictSettings):
    """Which date is scored, with which model (an alias, `latest`, or a number)."""

    as_of: date | Literal["latest"] | None = None
    version: Version = "champion"


class PathSettings(StrictSettings):
    """Folders, all below the project unless overridden."""

    root: Path
    data: Path
    runs: Path
    models: Path
    real: Path

    def layer(self, source: str, layer: str) -> Path:
        """Return the folder of one layer (`staged`, `datasets`, `lists`) of a source."""
        return self.data / source / layer


class EngineSettings(StrictSettings):
    """The embedded engine's limits."""

    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?[KMG]i?B$")] = "4GB"
    threads: Annotated[int, Field(ge=1, le=256)] | None = None


class TrackingSettings(StrictSettings):
    """Where MLflow keeps runs and models."""

    uri: str
    artifacts: Path
    experiment: str


class Problem(StrictSettings):
    """What is asked: who, which outcome, which dates, which inputs. A model keeps the problem it was trained on."""

    cohort: CohortSettings
    label: LabelSettings
    windows: WindowSettings
    features: FeatureSettings


class ChurnSettings(Problem):
    """Everything a stage may need; every stage takes the same groups and so the same overrides."""

    source: SourceSettings
    split: SplitSettings
    model: ModelSettings
    baseline: ModelSettings
    calibration: CalibrationSettings
    evaluation: EvaluationSettings
    policy: PolicySettings
    explanation: ExplanationSettings
    scoring: ScoringSettings
    paths: PathSettings
    tracking: TrackingSettings
    engine: EngineSettings


S = TypeVar("S", bound=BaseModel)


def build_settings(kind: type[S], values: Mapping[str, Any], problems: tuple[str, ...] = ()) -> S:
    """Return the settings, or refuse with every problem at once.

    Parameters
    ----------
    kind
        The settings class to build.
    values
        Plain values as composed: mappings, lists, text, numbers; `???` where a value must be given.
    problems
        What was already found wrong, to be said together.

    Raises
    ------
    ConfigRefused
        With one line per unknown key, wrong type, value out of range or missing value.
    """
    found = list(problems)
    missing = _missing_keys(values)
    found += [f"{key}: a value must be given ({key}=...)" for key in missing]
    try:
        settings = kind.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        found += _texts(kind, error, missing)
    if found:
        raise ConfigRefused(list(dict.fromkeys(found)))
    return settings


def _missing_keys(values: Any, prefix: str = "") -> list[str]:
    if isinstance(values, Mapping):
        return [key for name, value in values.items() for key in _missing_keys(value, f"{prefix}{name}.")]
    if isinstance(values, list):
        return [key for at, value in enumerate(values) for key in _missing_keys(value, f"{prefix}{at}.")]
    return [prefix.rstrip(".")] if values == MISSING else []


def _texts(kind: type[BaseModel], error: ValidationError, missing: list[str]) -> list[str]:
    texts = []
    for item in error.errors(include_url=False):
        place = [str(part) for part in item["loc"]]
        key = ".".join(place)
        if any(key.startswith(name) for name in missing):
            continue
        if item["type"] == "extra_forbidden":
            texts.append(f"{key}: unknown key{did_you_mean(place[-1], _fields_at(kind, place[:-1]))}")
        elif item["type"] == "missing":
            texts.append(f"{key}: required, but not set")
        else:
            shown = item.get("input")
            given = f" (found {shown!r})" if isinstance(shown, str | int | float | bool) else ""
            message = item["msg"].removeprefix("Value error, ")
            texts.append(f"{key or 'settings'}: {message[0].lower()}{message[1:]}{given}")
    return texts


def _fields_at(kind: type[BaseModel], place: list[str]) -> list[str]:
    current: Any = kind
    for part in place:
        if not (isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields):
            break
        current = current.model_fields[part].annotation
        current = next((a for a in get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)), current)
    is_model = isinstance(current, type) and issubclass(current, BaseModel)
    return list(current.model_fields) if is_model else []

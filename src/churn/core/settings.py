"""Settings of every stage: the only form in which configuration travels inside the package.

Groups of `conf/` map one to one onto the classes here and in `problem` and `source`; stages put them together.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from churn.core.problem import Problem
from churn.core.source import SourceSettings
from churn.core.strict import PositiveDays, Seed, Share, StatedPath, StatedText, StrictSettings, Version

Language = Literal["en", "ja"]
Encoding = Literal["trees", "linear"]


class SplitSettings(StrictSettings):
    """Which part of the matrix fits, calibrates and tests."""

    kind: Literal["temporal", "by_customer"]
    test_dates: Annotated[int, Field(ge=1)] = 3
    calibration_dates: Annotated[int, Field(ge=1)] = 2
    test_from: date | None = None
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    calibration_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    seed: Seed = 0
    backtest_folds: Annotated[int, Field(ge=2, le=20)] = 4
    backtest_dates: Annotated[int, Field(ge=1)] = 1


class SampleSettings(StrictSettings):
    """How many rows are learned from: all, or at most `max_rows`, drawn by `seed`."""

    max_rows: Annotated[int, Field(ge=100)] | None = None
    seed: Seed = 0


class ModelSettings(StrictSettings):
    """The estimator, as a swappable object, and how its inputs are encoded."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    encoding: Encoding
    stopping_rounds: Annotated[int, Field(ge=1)] | None = None
    monotone: bool = False
    least_columns: Annotated[int, Field(ge=1)] | None = None
    inputs: Literal["all", "recency"] = "all"
    estimator: dict[str, Any]

    @model_validator(mode="after")
    def _has_target(self) -> ModelSettings:
        if "_target_" not in self.estimator:
            raise ValueError("'estimator' needs a '_target_'")
        return self


class CalibrationSettings(StrictSettings):
    """How raw scores become probabilities."""

    method: Literal["none", "sigmoid", "isotonic", "centred"]


class SliceSettings(StrictSettings):
    """Which parts of the customers are measured apart: categories and protected attributes always, numbers in bins."""

    min_rows: Annotated[int, Field(ge=1)] = 200
    min_positives: Annotated[int, Field(ge=1)] = 20
    numbers: list[str] = []
    bins: Annotated[int, Field(ge=2, le=20)] = 4
    max_values: Annotated[int, Field(ge=2, le=100)] = 12
    bootstrap_samples: Annotated[int, Field(ge=20, le=10_000)] = 100


class EvaluationSettings(StrictSettings):
    """How results are measured and when a model is good enough to be used."""

    bootstrap_samples: Annotated[int, Field(ge=20, le=10_000)] = 200
    interval: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Seed = 0
    min_positives: Annotated[int, Field(ge=1)] = 50
    few_positives: Annotated[int, Field(ge=0)] = 100
    max_single_feature_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.95
    max_certainty: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    max_model_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.97
    slices: SliceSettings = SliceSettings()


class GateSettings(StrictSettings):
    """When a model may be used at all, and when it takes the champion's place."""

    signal: list[Literal["auc", "average_precision"]] = ["auc", "average_precision"]
    metric: Literal[
        "auc", "average_precision", "precision_at_capacity", "capture_rate_at_capacity", "lift_at_capacity", "empc"
    ] = "capture_rate_at_capacity"
    min_calibration_slope: float = 0.5
    max_calibration_slope: float = 2.0
    max_slice_auc_drop: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    max_slice_miscalibration: Annotated[float, Field(gt=1)] = 2.0
    require_audit: bool = True
    require_clean_git: bool = True


class MoneySettings(StrictSettings):
    """What a contact costs and what keeping a customer earns; all money in the policy's currency.

    `value` is the one customer value of EMPC; lists use each customer's own, `mrr x margin x lifetime_months`.
    """

    contact_cost: Annotated[float, Field(ge=0)] = 1.0
    incentive: Annotated[float, Field(ge=0)] = 10.0
    acceptance_alpha: Annotated[float, Field(gt=0)] = 6.0
    acceptance_beta: Annotated[float, Field(gt=0)] = 14.0
    value: Annotated[float, Field(gt=0)] = 200.0
    margin: Annotated[float, Field(gt=0, le=1)] = 0.7
    lifetime_months: Annotated[float, Field(gt=0)] = 12.0

    @property
    def acceptance(self) -> float:
        """Mean share of leavers who take the offer and stay."""
        return self.acceptance_alpha / (self.acceptance_alpha + self.acceptance_beta)


class PolicySettings(StrictSettings):
    """What the retention team can do, what it costs to be wrong, and how the list is ordered."""

    capacity: Annotated[int, Field(ge=1)]
    rank_by: Literal["churn_probability", "mrr_at_risk", "expected_profit"] = "churn_probability"
    high_band: Annotated[float, Field(gt=1)] = 3.0
    medium_band: Annotated[float, Field(gt=0)] = 1.5
    control_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    reasons: Annotated[int, Field(ge=1, le=5)] = 3
    currency: str = "EUR"
    max_unseen_share: Share = 0.2
    money: MoneySettings = MoneySettings()


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

    root: StatedPath
    data: StatedPath
    runs: StatedPath
    models: StatedPath
    real: StatedPath


class AuditSettings(StrictSettings):
    """How much is built again to prove that nothing looks ahead, and what raises the alarm."""

    dates: Annotated[int, Field(ge=1, le=100)] = 2
    customers: Annotated[int, Field(ge=10)] = 5000
    seed: Seed = 0
    max_shown: Annotated[int, Field(ge=1)] = 10
    source: bool = True
    max_future_share: Annotated[float, Field(gt=0, le=1)] = 0.7
    max_attribute_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.85
    shift_days: PositiveDays = 7
    max_shift_loss: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    model: ModelSettings


class ReportSettings(StrictSettings):
    """What the feature report calls moved or mostly missing, how much it reads and how much it shows."""

    max_drift: Annotated[float, Field(gt=0)] = 0.25
    max_missing: Annotated[float, Field(gt=0, lt=1)] = 0.5
    max_rows: Annotated[int, Field(ge=10)] = 2000
    max_shown: Annotated[int, Field(ge=3, le=50)] = 20
    time_families: bool = True


class EngineSettings(StrictSettings):
    """Which engine runs expressions, and its limits: DuckDB's memory and threads, or Spark's address and options."""

    kind: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?[KMG]i?B$")] = "4GB"
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    rows_per_group: Annotated[int, Field(ge=1)] | None = 200_000
    rows_per_batch: Annotated[int, Field(ge=1)] = 20_000
    master: str = "local[2]"
    options: dict[str, str] = {}


class TrackingSettings(StrictSettings):
    """Where MLflow keeps runs and models."""

    uri: StatedText
    artifacts: StatedPath
    experiment: StatedText


class ChurnSettings(Problem):
    """Everything a stage may need; every stage takes the same groups and so the same overrides."""

    source: SourceSettings
    split: SplitSettings
    sample: SampleSettings
    model: ModelSettings
    baseline: ModelSettings
    calibration: CalibrationSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    policy: PolicySettings
    explanation: ExplanationSettings
    scoring: ScoringSettings
    audit: AuditSettings
    report: ReportSettings = ReportSettings()
    paths: PathSettings
    tracking: TrackingSettings
    engine: EngineSettings

    @property
    def max_certainty(self) -> float:
        """Share of a group that may leave at most; 1 where silence is the outcome, which long silence tells surely."""
        return 1.0 if self.label.kind == "inactivity" else self.evaluation.max_certainty

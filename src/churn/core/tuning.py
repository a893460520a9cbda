"""Settings of a search for better model parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn.core.settings import ChurnSettings
from churn.core.strict import Seed, StrictSettings

SMALLER_IS_BETTER = ("log_loss", "brier", "calibration_error")


class ParameterSettings(StrictSettings):
    """Where one parameter is looked for: a range of numbers, or a list of choices."""

    kind: Literal["int", "float", "choice"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: list[float | int | str | bool | None] = []

    @model_validator(mode="after")
    def _complete(self) -> ParameterSettings:
        if self.kind == "choice" and len(self.choices) < 2:
            raise ValueError("a choice needs at least two 'choices'")
        if self.kind != "choice" and (self.low is None or self.high is None or not self.low < self.high):
            raise ValueError("a range needs 'low' below 'high'")
        if self.log and (self.low or 0) <= 0:
            raise ValueError("a logarithmic range needs 'low' above zero")
        return self

    def holds(self, value: object) -> bool:
        """Return whether a value lies in the range or among the choices."""
        if self.kind == "choice":
            return value in self.choices
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and float(self.low or 0) <= float(value) <= float(self.high or 0)  # type: ignore[arg-type]


class TuningSettings(StrictSettings):
    """What is searched, by which metric, and how long."""

    metric: Literal["log_loss", "brier", "calibration_error", "auc", "average_precision", "lift_at_10pct"]
    trials: Annotated[int, Field(ge=2, le=10_000)]
    random_trials: Annotated[int, Field(ge=1)]
    prune_after_trials: Annotated[int, Field(ge=1)]
    seed: Seed
    space: Annotated[dict[str, ParameterSettings], Field(min_length=1)]

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Return which way the metric gets better."""
        return "minimize" if self.metric in SMALLER_IS_BETTER else "maximize"


class TuneSettings(ChurnSettings):
    """The settings of every stage, and the search."""

    tuning: TuningSettings

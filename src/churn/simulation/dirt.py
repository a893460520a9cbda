"""What may be wrong with the tables a company delivers: one switch for each kind, all of them off by default."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn.core.contract import CONTRACT
from churn.core.strict import Share, StrictSettings
from churn.core.suggestions import did_you_mean

FactTable = Literal["events", "tickets", "payments", "messages", "responses"]


class SchemaChangeSettings(StrictSettings):
    """A schema change: one table's files written from a date on differ from those before.

    `renamed`: the column has `new_name`. `added`: there is one column more, `new_name`. `retyped`: a column of numbers
    holds text with thousands separators, as a spreadsheet writes them.
    """

    table: FactTable
    kind: Literal["renamed", "added", "retyped"]
    from_date: date
    column: str | None = None
    new_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None

    @model_validator(mode="after")
    def _complete(self) -> SchemaChangeSettings:
        kinds = {column.name: column.kind for column in CONTRACT[self.table].columns}
        problems = []
        if self.kind != "added" and self.column not in kinds:
            near = did_you_mean(self.column or "", list(kinds))
            problems.append(f"column: {self.table} has no '{self.column}'{near}")
        elif self.kind == "retyped" and kinds[str(self.column)] != "number":
            problems.append(f"column: '{self.column}' is no column of numbers")
        if self.kind != "retyped" and (self.new_name is None or self.new_name in kinds):
            problems.append(f"new_name: a name that {self.table} does not have must be given")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class DirtSettings(StrictSettings):
    """What is wrong with the delivered tables; nothing by default.

    Shares are of rows. `late_days` is the mean delay of late facts. `missing_share` empties columns that may be empty.
    From the `drift_month` (1 is the first) on, event values are multiplied by `drift_factor` and one in three of the
    most common events is lost. Events of `outage_date` (a UTC day) never arrive.
    """

    late_share: Share = 0.0
    late_days: Annotated[float, Field(gt=0, le=90)] = 5.0
    duplicate_share: Share = 0.0
    duplicate_tables: Annotated[list[FactTable], Field(min_length=1)] = ["events"]
    orphan_share: Share = 0.0
    missing_share: Share = 0.0
    schema_change: SchemaChangeSettings | None = None
    drift_month: Annotated[int, Field(ge=1, le=600)] | None = None
    drift_factor: Annotated[float, Field(gt=0, le=1000)] = 1.6
    outage_date: date | None = None

    def problems_within(self, start: date, end: date, months: int) -> list[str]:
        """Return one line per date or month that lies outside the history, `[start, end)`."""
        dates = {"outage_date": self.outage_date}
        dates["schema_change.from_date"] = self.schema_change.from_date if self.schema_change else None
        problems = [
            f"dirt.{name} ({day}) is outside the history, {start} to {end}"
            for name, day in dates.items()
            if day is not None and not start <= day < end
        ]
        if self.drift_month is not None and self.drift_month > months:
            problems.append(f"dirt.drift_month ({self.drift_month}) is after the last month ({months})")
        return problems

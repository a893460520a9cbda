"""What an audit found, in words, as tables, and as a refusal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from churn.auditing.alarms import Alarms
from churn.auditing.cut_comparison import CHECK as SELECTS
from churn.auditing.differences import COLUMNS, summarise_differences
from churn.auditing.label_probes import CHECK as LABEL
from churn.auditing.rebuilds import OTHER_FUTURE, WITHOUT_FUTURE
from churn.core.errors import ChurnError, DataRefused
from churn.core.settings import AuditSettings
from churn.integrations.audit_verdicts import AuditVerdict
from churn.integrations.store import new_file
from churn.modeling.foresight import Suspect
from churn.modeling.shift import ShiftTest

ROWS_PER_FEATURE = 100
CODE = "Let the code of such a feature read facts as of the date alone (features/family.py: facts_as_of)"
# What to do about a difference, by the check that shows it.
ADVICE = {
    WITHOUT_FUTURE: CODE,
    OTHER_FUTURE: CODE,
    SELECTS: "Let such a SELECT take from what lies before its own row's time alone, map the time at which it became "
    "known (known_at, csat_at, valid_from), or leave the column out; a time agreed on before belongs into the "
    "`plans` of its input",
    LABEL: "Leave columns that are made of the label out of the SELECT",
}
SUSPECTED = (
    "Leave a column out that was written because they left, or is as of the export; one that was known on the date is "
    "honest: then raise the limit (evaluation.max_*, audit.max_*) and say why"
)
FILE = "differences.csv"


@dataclass(frozen=True)
class Findings:
    """Values that differ between builds, features that know too much, and the shift test.

    `compared` values were built again, on `dates`; of a ready table none can be.
    """

    differences: pd.DataFrame
    suspects: tuple[Suspect, ...]
    shift: ShiftTest | None
    notes: tuple[str, ...]
    limits: AuditSettings
    compared: int = 0
    dates: tuple[date, ...] = ()

    @classmethod
    def of(
        cls,
        differences: Sequence[pd.DataFrame],
        alarms: Alarms,
        notes: Iterable[str],
        limits: AuditSettings,
        compared: int = 0,
        dates: tuple[date, ...] = (),
    ) -> Findings:
        """Return what several comparisons and the alarms found, as one."""
        filled = [part for part in differences if len(part)]
        table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)
        return cls(table, alarms.suspects, alarms.shift, (*notes, *alarms.notes), limits, compared, dates)

    @property
    def verdict(self) -> AuditVerdict:
        """Whether the data set may be trusted with a promotion."""
        return "failed" if len(self.differences) or self.suspects or self.is_collapse else "passed"

    @property
    def is_collapse(self) -> bool:
        """Whether the rank rests on the last days before leaving."""
        return self.shift is not None and self.shift.lost > self.limits.max_shift_loss

    def proven(self) -> str:
        """Return what holds where nothing was found."""
        if not self.dates:
            return "no column of the ready table is taken from later dates or from the label, or knows too much"
        shift = f"; {describe_shift(self.shift)}" if self.shift else ""
        compared = f"{self.compared:,} values on {len(self.dates)} as-of dates"
        return f"{compared} are the same without the future and with another{shift}"

    def problems(self) -> list[str]:
        """Return one line per feature that looks ahead or knows too much, the widest first."""
        lines = []
        for row in summarise_differences(self.differences).itertuples():
            day = f"{row.as_of_date:%Y-%m-%d}"
            whose = "row" if str(row.feature).startswith("incidents.") else "customer"
            lines.append(
                f"{row.feature}: {row.values:,} values differ {row.check}; for example {whose} {row.customer_id} "
                f"as of {day}: {row.value} in the normal build, {row.other_value} {row.check}"
            )
        lines += [str(suspect) for suspect in self.suspects]
        if self.shift is not None and self.is_collapse:
            most = ", ".join(f"{name} (-{lost:.3f})" for name, lost in list(self.shift.lost_by_feature.items())[:5])
            lines.append(f"shift test: {describe_shift(self.shift)}; most is lost by {most}")
        return lines

    def advice(self) -> list[str]:
        """Return what to do about each kind of finding."""
        advice = [ADVICE[check] for check in self.differences["check"].unique()]
        return list(dict.fromkeys([*advice, *([SUSPECTED] if self.suspects or self.is_collapse else [])]))

    def metrics(self) -> dict[str, float]:
        """Return the counts for the run."""
        values = {"differences": float(len(self.differences)), "suspects": float(len(self.suspects))}
        if self.shift is not None:
            values |= {"auc": self.shift.auc, "auc_shifted": self.shift.shifted_auc, "shift_lost": self.shift.lost}
        return values

    def to_plain(self) -> dict[str, Any]:
        """Return the findings for a shared store: customers by a hash of their id."""
        summary = summarise_differences(self.differences)
        hashed = [hashlib.sha256(str(name).encode()).hexdigest()[:12] for name in summary["customer_id"]]
        rows = summary.assign(customer_id=hashed, as_of_date=summary["as_of_date"].astype(str)).to_dict("records")
        lost = dict(list(self.shift.lost_by_feature.items())[:20]) if self.shift else {}
        return {
            "verdict": self.verdict, "differences": rows, "suspects": [vars(s) for s in self.suspects],
            "auc_lost_by_feature": lost, "notes": list(self.notes),
        }  # fmt: skip

    def write(self, folder: Path) -> Path:
        """Write the differences, up to a hundred rows of each check and feature, and return the file."""
        path = folder / FILE
        with new_file(path) as file:
            folder.mkdir(parents=True, exist_ok=True)
            self.differences.groupby(["check", "feature"], sort=False).head(ROWS_PER_FEATURE).to_csv(file, index=False)
        return path

    def refusal(self, path: Path) -> ChurnError:
        """Return the error that ends a failed audit."""
        problems = self.problems()
        shown = "\n  - ".join(problems[: self.limits.max_shown])
        rest = dict.fromkeys(re.split(r": | knows ", line)[0] for line in problems[self.limits.max_shown :])
        more = f"\n  - ... and {len(problems) - self.limits.max_shown} more: {', '.join(rest)}" if rest else ""
        is_proven = len(self.differences) > 0
        error = DataRefused(
            f"{len(problems)} finding{'' if len(problems) == 1 else 's'}:\n  - {shown}{more}\n"
            + ("a feature or a SELECT looks ahead" if is_proven else "a feature is suspected to know the outcome"),
            code="look_ahead" if is_proven else "suspected_leak",
            remedy=". ".join([*self.advice(), f"Values are listed in {path}; docs/leaks.md says which leak shows how"]),
        )
        error.examples = tuple(name for name in summarise_differences(self.differences)["customer_id"].unique() if name)
        return error


def describe_shift(shift: ShiftTest) -> str:
    """Say the shift test in words."""
    return f"AUC {shift.auc:.3f}, and {shift.shifted_auc:.3f} with the outcome moved {shift.days} days later"

"""The alarms of an audit: the same rows with labels of other windows, and which features know too much of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from churn.auditing.around import FUTURE, PAST, count_around
from churn.auditing.rebuilds import Rebuilds
from churn.core.contract import KEY
from churn.core.errors import DataRefused
from churn.core.problem import WindowSettings
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.features.profile import attribute_columns
from churn.integrations.frames import to_frame
from churn.modeling.certainty import NOTED_ODDS_RATIO
from churn.modeling.experiment import build_folds
from churn.modeling.fit import Candidate
from churn.modeling.foresight import (
    EVENTUALLY,
    OUTCOME,
    Suspect,
    find_certain_suspects,
    find_future_suspects,
    find_outcome_suspects,
)
from churn.modeling.shift import ShiftTest, run_shift_test
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import grid_table
from churn.snapshots.labels import build_labels


@dataclass(frozen=True)
class Alarms:
    """Features that know too much, and the shift test where there was enough to run it on."""

    suspects: tuple[Suspect, ...]
    shift: ShiftTest | None = None
    notes: tuple[str, ...] = ()


def once_each(suspects: Iterable[Suspect]) -> tuple[Suspect, ...]:
    """Return the first suspicion of every feature."""
    return tuple({suspect.feature: suspect for suspect in reversed(list(suspects))}.values())


def raise_alarms(
    tables: Mapping[str, ir.Table], rebuilds: Rebuilds, settings: ChurnSettings, candidate: Candidate
) -> Alarms:
    """Return what the normal build's features know of the outcome that they should not.

    Parameters
    ----------
    candidate
        The estimator of the shift test.
    """
    labels = _Labels(tables, rebuilds, settings)
    normal, rows, first = rebuilds.normal, labels.rows(settings.windows), rebuilds.dates[0]
    eventual = labels.eventual(first)
    suspects = find_knowing(rows, eventual, normal.catalog, settings)
    suspects += _overwritten(tables, rebuilds, settings, first, eventual)
    shift, note = _shift(labels, rows, normal.catalog, settings, candidate)
    notes = (*([note] if note else []), *note_nearly_certain(eventual, normal.catalog, suspects, settings))
    return Alarms(once_each(suspects), shift, notes)


def find_knowing(
    rows: pd.DataFrame, eventual: pd.DataFrame, catalog: Catalog, settings: ChurnSettings
) -> list[Suspect]:
    """Return the features that know who leaves in the outcome window, or at any time later: of all, or of some.

    Where leaving is silence, whoever was silent before honestly knows of silence up to the end of the data.

    Parameters
    ----------
    rows
        Rows of all dates, labelled by the outcome window.
    eventual
        Rows of one date, labelled by whether the customer leaves at any time later.
    """
    limit, surest = settings.evaluation.max_single_feature_auc, settings.max_certainty
    asked = [(rows, OUTCOME)] + ([(eventual, EVENTUALLY)] if settings.label.kind != "inactivity" else [])
    return [
        suspect
        for labelled, knows in asked
        for suspect in (
            *find_outcome_suspects(labelled, catalog, knows, limit),
            *find_certain_suspects(labelled, catalog, knows, surest),
        )
    ]


def note_nearly_certain(
    eventual: pd.DataFrame, catalog: Catalog, suspects: Iterable[Suspect], settings: ChurnSettings
) -> list[str]:
    """Return a note for every other feature with a value whose customers nearly all leave where many leave anyway.

    Both may be so: a mark written because they left, and honest short terms. So nobody is accused.
    """
    if settings.label.kind == "inactivity":
        return []
    accused = {suspect.feature for suspect in suspects}
    surest, least = settings.max_certainty, NOTED_ODDS_RATIO
    near = find_certain_suspects(eventual, catalog, EVENTUALLY, surest, least)
    return [
        f"worth a look: {suspect}; many of the others leave too, so it may be honest (short terms), or written because "
        "they left" for suspect in near if suspect.feature not in accused
    ]  # fmt: skip


class _Labels:
    """The rows of the normal build with the outcomes of whatever windows are asked for."""

    def __init__(self, tables: Mapping[str, ir.Table], rebuilds: Rebuilds, settings: ChurnSettings) -> None:
        self.tables, self.normal, self.grid, self.settings = tables, rebuilds.normal, rebuilds.grid, settings
        self.end = measure_coverage(tables, settings.source, settings.label.qualifying_events).end

    def outcomes(self, windows: WindowSettings) -> pd.Series:
        """Return `churned` (missing where not settled) by customer and date."""
        label = self.settings.label
        grid = grid_table(self.grid, windows, label)
        labels = build_labels(self.tables, self.normal.snapshots, grid, label, self.end)
        return to_frame(labels).set_index(list(KEY))["churned"]

    def rows(self, windows: WindowSettings) -> pd.DataFrame:
        """Return the labelled rows."""
        frame = self.normal.features.join(self.outcomes(windows), on=list(KEY))
        labelled = frame[frame["churned"].notna()].reset_index(drop=True)
        return labelled.assign(churned=labelled["churned"].astype(int))

    def eventual(self, day: date) -> pd.DataFrame:
        """Return the rows of one date, labelled by whether the customer leaves before the data ends."""
        left = (self.end - day).days - self.settings.windows.lead_days - self.settings.label.grace_days
        rows = self.rows(self.settings.windows.model_copy(update={"horizon_days": max(left, 1)}))
        return rows[rows["as_of_date"] == pd.Timestamp(day)].reset_index(drop=True)


def _overwritten(
    tables: Mapping[str, ir.Table], rebuilds: Rebuilds, settings: ChurnSettings, day: date, eventual: pd.DataFrame
) -> list[Suspect]:
    """Return the attributes without versions that move with facts after the date, or tell who will ever leave."""
    if "valid_from" in tables["customers"].columns:
        return []
    columns = attribute_columns(settings.source.attributes_of("category", "number")).values()
    normal = rebuilds.normal
    numbers = [feature.name for feature in normal.catalog.features if feature.kind == "number"]
    around = count_around(tables, tables["customers"], day).to_pyarrow().to_pandas()
    rows = normal.features[normal.features["as_of_date"] == pd.Timestamp(day)].merge(around, on="customer_id")
    past, future = ([c for c in around.columns if c.startswith(prefix)] for prefix in (PAST, FUTURE))
    known = [name for name in numbers if name not in columns]
    attributes = [name for name in numbers if name in columns]
    moving = find_future_suspects(rows, attributes, [*known, *past], future, settings.audit.max_future_share)
    profile = Catalog(feature for feature in normal.catalog.features if feature.name in columns)
    return [*moving, *find_outcome_suspects(eventual, profile, EVENTUALLY, settings.audit.max_attribute_auc)]


def _shift(
    labels: _Labels, rows: pd.DataFrame, catalog: Catalog, settings: ChurnSettings, candidate: Candidate
) -> tuple[ShiftTest | None, str | None]:
    days, windows = settings.audit.shift_days, settings.windows
    farther = windows.model_copy(
        update={"lead_days": windows.lead_days + days, "embargo_days": windows.embargo_days + days}
    )
    both = rows.join(labels.outcomes(farther).rename("shifted"), on=list(KEY))
    settled = both[both["shifted"].notna() | (both["churned"] == 1)].reset_index(drop=True)
    shifted = settled.pop("shifted")
    try:
        fold = build_folds(settled, settings.model_copy(update={"windows": farther}))[0]
    except DataRefused as error:
        return None, f"no shift test: {error.message.splitlines()[0]}"
    test = run_shift_test(settled, shifted, fold, candidate, catalog, days)
    return test, None if test else "no shift test: too few customers leave"

"""The audit of a ready table: its SELECT without the future and without the label, and what its columns know."""

from __future__ import annotations

import pandas as pd

from churn.auditing.alarms import Alarms, find_knowing, note_nearly_certain, once_each
from churn.auditing.findings import Findings
from churn.auditing.label_probes import probe_label
from churn.auditing.source_cuts import cut_source
from churn.core.settings import ChurnSettings
from churn.features.flat import describe_flat, flat_labels
from churn.features.matrix import join_matrix
from churn.integrations.engine import Engine
from churn.integrations.frames import to_frame
from churn.integrations.layers import Layer, open_tables

TAKEN = (
    "a ready table cannot be built again from its facts: its columns are taken on trust, as far as no alarm is raised"
)
ONE_DATE = "a table of one single date cannot be cut in time"


def audit_ready_table(engine: Engine, staged: Layer, settings: ChurnSettings) -> Findings:
    """Return what a ready table's SELECT takes from later dates or from the label, and the columns that know too much.

    Leaving at any time later is asked of the first date's customers, and what rows lack of all dates but the last:
    what was taken from the next row is missing there for everybody.
    """
    flat = open_tables(engine, staged)["matrix"]
    flat = flat.mutate(as_of_date=flat.as_of_date.date())
    catalog = describe_flat(settings.source, flat)
    rows = to_frame(join_matrix(flat.select("customer_id", "as_of_date", *catalog.names), flat_labels(flat)))
    dates = sorted(rows["as_of_date"].unique())
    found, notes = list[pd.DataFrame](), [TAKEN]
    if settings.audit.source:
        found.append(probe_label(engine, settings.source))
        if len(dates) > 1:
            cut = cut_source(engine, settings.source, sorted({dates[len(dates) // 2].date(), dates[-1].date()}))
            found.append(cut.differences)
            notes += cut.notes
        else:
            notes.append(ONE_DATE)
    labelled = rows[rows["churned"].notna()]
    labelled = labelled.assign(churned=labelled["churned"].astype(int))
    later = labelled[labelled["as_of_date"] < dates[-1]]
    eventual = _eventual(labelled)
    suspects = find_knowing(labelled, eventual, catalog, settings)
    suspects += find_knowing(later, later.head(0), catalog, settings)
    notes += note_nearly_certain(eventual, catalog, suspects, settings)
    return Findings.of(found, Alarms(once_each(suspects)), notes, settings.audit)


def _eventual(labelled: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first date, labelled by whether the customer leaves on any date of the table."""
    ever = labelled.groupby("customer_id")["churned"].transform("max")
    first: pd.DataFrame = labelled.assign(churned=ever)[labelled["as_of_date"] == labelled["as_of_date"].min()]
    return first.reset_index(drop=True)

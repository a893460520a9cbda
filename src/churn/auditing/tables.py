"""The audit of a company's tables: features built again, SELECTs run on cut inputs, and the alarms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from churn.auditing.alarms import raise_alarms
from churn.auditing.findings import Findings
from churn.auditing.rebuilds import rebuild, sample_customers
from churn.auditing.source_cuts import cut_source
from churn.core.settings import ChurnSettings
from churn.integrations.engine import Engine
from churn.integrations.layers import Layer, open_tables
from churn.integrations.rollups import open_rollup
from churn.modeling.fit import Candidate


def audit_tables(
    engine: Engine,
    staged: Layer,
    settings: ChurnSettings,
    candidate: Candidate,
    timed: Callable[[str], AbstractContextManager[None]],
) -> Findings:
    """Return what the features of sampled dates and customers, and the source's SELECTs, take from the future.

    Parameters
    ----------
    candidate
        The estimator of the shift test.
    timed
        Takes the name of each step, and its time.
    """
    with timed("rebuild"):
        tables = sample_customers(open_tables(engine, staged), settings.audit)
        rollup = open_rollup(engine, staged, settings)
        rebuilds = rebuild(tables, settings, rollup and replace(rollup, customers=tables["customers"]))
    differences, notes = [rebuilds.differences], list[str]()
    if settings.audit.source:
        with timed("source"):
            cut = cut_source(engine, settings.source, rebuilds.dates)
            differences.append(cut.differences)
            notes += cut.notes
    with timed("alarms"):
        alarms = raise_alarms(tables, rebuilds, settings, candidate)
    return Findings.of(differences, alarms, notes, settings.audit, rebuilds.compared, rebuilds.dates)

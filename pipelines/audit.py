"""Prove that nothing looks ahead: build features again without the future and with another one; sound the alarms."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
from hydra.core.hydra_config import HydraConfig

from churn.auditing.alarms import Alarms, raise_alarms
from churn.auditing.differences import COLUMNS
from churn.auditing.findings import Findings, describe_shift
from churn.auditing.flat_audits import audit_flat
from churn.auditing.rebuilds import rebuild, sample_customers
from churn.auditing.source_cuts import cut_source
from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.integrations.audit_verdicts import record_audit
from churn.integrations.engine import Engine
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import Layer, dataset_key, open_tables, read_staged
from churn.integrations.results import StageResult
from churn.integrations.rollups import open_rollup
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from churn.modeling.fit import Candidate
from pipelines.estimators import build_candidate
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Audit the data set of these settings; a failed audit is an error after its verdict has been recorded."""
    if settings.engine.kind != "duckdb":
        raise ConfigRefused(["engine: the audit runs on the embedded engine; run it with engine=duckdb"])
    result, candidate = StageResult(), build_candidate(settings.audit.model)
    staged = read_staged(settings)
    key = dataset_key(settings, staged)
    with (
        layer_engine(settings, "audits") as engine,
        stage_run("audit", settings, builds_on=staged.manifest["run_id"]) as tracker,
        interruptible(engine),
    ):
        tracker.dataset(settings.source.name, staged.folder, staged.fingerprint, "audit")
        if settings.source.kind == "flat":
            differences, alarms = audit_flat(engine, staged, settings)
            findings = _findings(differences, alarms, [], settings)
        else:
            findings = _audit(engine, staged, settings, candidate, result)
        path = findings.write(_run_folder(settings))
        tracker.table(findings.to_plain(), "audit.json")
        tracker.metrics(findings.metrics())
        record_audit(tracker, key, findings.verdict)
        for note in findings.notes:
            log.info("audit: %s", note)
        if findings.verdict == "failed":
            raise findings.refusal(path)
    result.run_id, result.metrics, result.notes = tracker.run_id, findings.metrics(), list(findings.notes)
    result.artifacts = {"differences": str(path)}
    result.summary = f"passed: {_proven(result)}{f'; {describe_shift(findings.shift)}' if findings.shift else ''}"
    return result


def _proven(result: StageResult) -> str:
    """Say what was compared: nothing can be built again of a ready table."""
    if not result.as_of_dates:
        return "no column of the ready table is taken from later dates or from the label, or knows too much"
    compared, dates = result.rows_out["values"], len(result.as_of_dates)
    return f"{compared:,} values on {dates} as-of dates are the same without the future and with another"


def _audit(
    engine: Engine, staged: Layer, settings: ChurnSettings, candidate: Candidate, result: StageResult
) -> Findings:
    with result.timed("rebuild"):
        tables = sample_customers(open_tables(engine, staged), settings.audit)
        rollup = open_rollup(engine, staged, settings)
        rebuilds = rebuild(tables, settings, rollup and replace(rollup, customers=tables["customers"]))
    differences, notes = [rebuilds.differences], list[str]()
    if settings.audit.source:
        with result.timed("source"):
            cut = cut_source(engine, settings.source, rebuilds.dates)
            differences.append(cut.differences)
            notes += cut.notes
    with result.timed("alarms"):
        alarms = raise_alarms(tables, rebuilds, settings, candidate)
    result.rows_out = {"values": rebuilds.compared}
    result.as_of_dates = [str(day) for day in rebuilds.dates]
    return _findings(differences, alarms, notes, settings)


def _findings(differences: list[pd.DataFrame], alarms: Alarms, notes: list[str], settings: ChurnSettings) -> Findings:
    filled = [part for part in differences if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)
    return Findings(table, alarms.suspects, alarms.shift, (*notes, *alarms.notes), settings.audit)


def _run_folder(settings: ChurnSettings) -> Path:
    """Return the folder of this run, or one of the stage's own where no command line opened it."""
    if HydraConfig.initialized():
        return Path(HydraConfig.get().runtime.output_dir)
    return settings.paths.runs / "audit"


if __name__ == "__main__":
    raise SystemExit(main_of("audit")(None))

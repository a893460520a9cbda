"""Prove that nothing looks ahead: build features again without the future and with another one; sound the alarms."""

from __future__ import annotations

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from churn.auditing.ready_table import audit_ready_table
from churn.auditing.tables import audit_tables
from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.integrations.audit_verdicts import record_audit
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import dataset_key, read_staged
from churn.integrations.results import StageResult
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
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
        tracker.dataset(staged, "audit")
        if settings.source.kind == "flat":
            findings = audit_ready_table(engine, staged, settings)
        else:
            findings = audit_tables(engine, staged, settings, candidate, result.timed)
        path = findings.write(_run_folder(settings))
        tracker.json(findings.to_plain(), "audit.json")
        tracker.metrics(findings.metrics())
        record_audit(tracker, key, findings.verdict)
        for note in findings.notes:
            log.info("audit: %s", note)
        if findings.verdict == "failed":
            raise findings.refusal(path)
    result.run_id, result.metrics, result.notes = tracker.run_id, findings.metrics(), list(findings.notes)
    result.rows_out, result.as_of_dates = {"values": findings.compared}, [str(day) for day in findings.dates]
    result.artifacts = {"differences": str(path)}
    result.summary = f"passed: {findings.proven()}"
    return result


def _run_folder(settings: ChurnSettings) -> Path:
    """Return the folder of this run, or one of the stage's own where no command line opened it."""
    if HydraConfig.initialized():
        return Path(HydraConfig.get().runtime.output_dir)
    return settings.paths.runs / "audit"


if __name__ == "__main__":
    raise SystemExit(main_of("audit")(None))

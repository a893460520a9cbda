"""Stage a source: read, type, check, reject, report."""

from __future__ import annotations

import logging
from functools import partial

from churn.core.settings import ChurnSettings
from churn.integrations.forgetting import read_forgotten, without_forgotten
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import open_tables, recent_rows, write_staged
from churn.integrations.results import StageResult
from churn.integrations.sources import explain_engine_error, open_source
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from churn.snapshots.coverage import measure_coverage
from churn.staging.oddities import note_oddities, note_silent_days
from churn.staging.stage import StagedTable, is_rejection, stage_tables
from churn.staging.volume import check_volume
from pipelines.stages import main_of

log = logging.getLogger(__name__)
OTHERWISE = {"duplicate": "repeated rows left out", "clock_moved": "times moved by a change of the clocks"}


def run(settings: ChurnSettings) -> StageResult:
    """Write the staged tables of the source, or refuse it before anything is written."""
    result = StageResult()
    source = settings.source
    with (
        layer_engine(settings, "staged") as engine,
        stage_run("validate", settings) as tracker,
        interruptible(engine),
    ):
        with result.timed("read_and_check"):
            raw = without_forgotten(open_source(engine, source), read_forgotten(settings))
            staged = stage_tables(raw, source, partial(explain_engine_error, inputs=source.inputs))
            result.rows_in = {name: table.rows_in for name, table in staged.items()}
            check_volume(result.rows_in, recent_rows(settings), source.min_share_of_recent)
        with result.timed("write"):
            layer = write_staged(engine, staged, settings, {"run_id": tracker.run_id, "rows_in": result.rows_in})
        result.rows_out = dict(layer.manifest["rows"])
        for name, table in staged.items():
            rows = f"{result.rows_out[name]:,}"
            log.info("%-14s %12s rows in, %12s staged%s", name, f"{table.rows_in:,}", rows, _counted(table))
        tables = open_tables(engine, layer)
        if source.kind == "tables":
            coverage = measure_coverage(tables, source)
            result.notes += [f"the data covers {coverage.start} to {coverage.end}", *coverage.notes]
            result.notes += note_silent_days(tables, coverage.start, coverage.end)
        result.notes += note_oddities(tables, source)
        report = {
            "counts": {n: dict(t.counts) for n, t in staged.items()},
            "in": result.rows_in,
            "out": result.rows_out,
        }
        tracker.json(report, "validation.json")
        tracker.dataset(layer, "staged")
        tracker.metrics({f"rows_staged_{name}": rows for name, rows in result.rows_out.items()})
    result.run_id, result.artifacts = tracker.run_id, {"staged": str(layer.folder)}
    staged_rows = f"{sum(result.rows_out.values()):,} rows staged in {len(staged)} tables"
    result.summary = "; ".join([staged_rows, *result.notes])
    return result


def _counted(table: StagedTable) -> str:
    """Return in words what was rejected, what repeated, and what was read otherwise than it stood there."""
    rejected = [f"{key} {count:,}" for key, count in table.counts.items() if is_rejection(key)]
    others = [f"{OTHERWISE.get(k.partition(':')[0], k)} {n:,}" for k, n in table.counts.items() if not is_rejection(k)]
    return "; ".join(["", f"rejected: {', '.join(rejected) or 'none'}", *others])


if __name__ == "__main__":
    raise SystemExit(main_of("validate")(None))

"""A published date of the simulated company beside its truth: distance from the best possible, and right causes."""

from __future__ import annotations

import logging
from datetime import date

from churn.core.settings import ChurnSettings
from churn.evaluation.oracle import compare_with_truth, plot_truth
from churn.integrations.layers import source_folder
from churn.integrations.publication import read_published
from churn.integrations.results import StageResult
from churn.integrations.tracking import stage_run
from churn.simulation.answers import read_truth, truth_folder
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Compare the published scores of a date with the truth of that date."""
    result = StageResult()
    scores, entry = read_published(source_folder(settings, "lists"), str(settings.scoring.as_of), "scores")
    as_of = date.fromisoformat(scores["as_of_date"].iloc[0])
    with stage_run("oracle", settings, builds_on=entry["run_id"]) as tracker:
        raw, horizon_days = source_folder(settings, "raw"), settings.windows.horizon_days
        truth = read_truth(truth_folder(settings), raw, as_of, horizon_days)
        rows = scores.merge(truth, on="customer_id", how="inner")
        report = compare_with_truth(rows)
        tracker.metrics(report.metrics)
        tracker.json(report.causes.to_dict("records"), "oracle_causes.json")
        tracker.json(report.confusion.to_dict("index"), "oracle_confusion.json")
        tracker.json(report.missed.to_dict("records"), "oracle_missed.json")
        for name, figure in plot_truth(report).items():
            tracker.figure(figure, name)
    for title, table in (
        ("Causes in the top risk decile", report.causes.to_string(index=False, float_format="%.3f")),
        ("True cause (rows) against the cause named", report.confusion.to_string()),
        ("What the features miss: share of the error that goes with each driver of the truth",
         report.missed.to_string(index=False, float_format="%.3f")),
    ):  # fmt: skip
        log.info("%s:\n%s\n", title, table)
    m = report.metrics
    result.run_id, result.metrics, result.as_of_dates = tracker.run_id, dict(m), [str(as_of)]
    result.rows_in, result.rows_out = {"scores": len(scores), "truth": len(truth)}, {"compared": len(rows)}
    result.summary = (
        f"{len(rows):,} customers of {as_of}: AUC {m['auc']:.3f}, oracle {m['oracle_auc']:.3f}; captured share "
        f"{m['expected_captured_auc_share']:.3f} (as it happened {m['captured_auc_share']:.3f}); log loss "
        f"{m['log_loss']:.4f}, oracle {m['oracle_log_loss']:.4f}; calibration error against the truth "
        f"{m['calibration_error_against_truth']:.4f}; top-decile cause agreement {m['cause_agreement']:.2f} "
        f"(by chance {m['cause_base_rate']:.2f})"
    )
    return result


if __name__ == "__main__":
    raise SystemExit(main_of("oracle")(None))

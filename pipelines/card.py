"""The card of a freshly registered version, out of what its training run knows."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from churn.core.errors import DependencyDown
from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.core.strict import build_settings
from churn.evaluation.card import (
    calibration_in_words,
    cohort_in_words,
    features_in_words,
    fill_card,
    label_in_words,
    leaks_in_words,
    metrics_table,
    money_in_words,
    slices_in_words,
    with_standing,
)
from churn.evaluation.gate import Verdict
from churn.integrations.audit_verdicts import find_audit
from churn.integrations.layers import Layer
from churn.integrations.registry import describe_version, model_name
from churn.integrations.training_runs import find_training_runs, read_artifact_text, write_artifact_text
from churn.modeling.experiment import Experiment
from pipelines.composition import ROOT
from pipelines.measuring import Measurement

log = logging.getLogger(__name__)
CARD = "model_card.md"
TEMPLATE = ROOT / "models" / "model_card_template.md"


def write_card(
    experiment: Experiment, measured: Measurement, verdict: Verdict, dataset: Layer, settings: ChurnSettings,
    version: str, run_id: str,
) -> str:  # fmt: skip
    """Return the card as Markdown."""
    bundle, report = experiment.bundle, measured.report
    problem = build_settings(Problem, bundle.problem)
    tested, dates = experiment.test_dates, dataset.manifest["as_of_dates"]
    facts = {
        "name": model_name(settings),
        "version": version,
        "model": bundle.model_name,
        "source": settings.source.name,
        "run_id": run_id,
        "makeup": f" {makeup}" if (makeup := bundle.makeup()) else "",
        "standing": "Registered; no decision yet.",
        "fingerprint": dataset.fingerprint,
        "dates": f"{dates[0]} to {dates[-1]} ({len(dates)})",
        "last_fit_date": bundle.last_fit_date,
        "test": f"{report.rows:,} rows of {tested[0]} to {tested[-1]}, {report.positives:,} of which churned",
        "cohort": cohort_in_words(problem.cohort),
        "label": _label(problem, settings),
        "features": features_in_words(bundle.catalog),
        "interval": f"{settings.evaluation.interval:.0%}",
        "metrics": metrics_table(report),
        "calibration": calibration_in_words(report),
        "gate": "; ".join(verdict.reasons),
        "money": money_in_words(measured.money, settings.policy.currency, settings.policy.capacity),
        "slices": slices_in_words(measured.slices, settings.evaluation),
        "limits": _limits(experiment, dataset, settings),
        "leaks": leaks_in_words(
            experiment.single_feature_aucs, settings.evaluation.max_single_feature_auc,
            find_audit(settings, dataset.fingerprint),
            is_ready_table=settings.source.kind == "flat", is_split_by_time=settings.split.kind == "temporal",
        ),
    }  # fmt: skip
    return fill_card(TEMPLATE.read_text(encoding="utf-8"), facts)


def restate(settings: ChurnSettings, version: str, standing: str) -> None:
    """Write on the card of a version, in its run and in the registry, where it stands from today on."""
    try:
        (run,) = find_training_runs(settings, [version])
        card = with_todays_standing(read_artifact_text(settings, run.run_id, CARD), standing)
        write_artifact_text(settings, run.run_id, CARD, card)
        describe_version(settings, version, card)
    except DependencyDown as error:  # what was decided stands; a run may have been deleted with its card
        log.warning("the card of version %s could not be rewritten: %s", version, error)


def with_todays_standing(card: str, standing: str) -> str:
    """Return a card with other words on whether its version is in use, and the day."""
    return with_standing(card, f"{standing} ({datetime.now(UTC):%Y-%m-%d})")


def _label(problem: Problem, settings: ChurnSettings) -> str:
    if settings.source.kind == "flat":
        return "the column `churned` of the company's own table"
    return label_in_words(problem.label, problem.windows)


def _limits(experiment: Experiment, dataset: Layer, settings: ChurnSettings) -> str:
    lines = [
        "- A reason says what goes with the risk; it does not prove a cause, nor that an offer would help.",
        f"- Trained on {settings.source.name} alone; not for other companies, nor for customers outside the cohort.",
        f"- What changed after {experiment.bundle.last_fit_date} (prices, products, markets) it has not seen.",
    ]
    off = dataset.manifest["switched_off"]
    lines += [f"- Without features of {', '.join(off)}: their tables are not there."] if off else []
    if settings.split.kind == "by_customer":
        lines.append("- Tested on other customers of the same date: how it ages is not known.")
    return "\n".join(lines)

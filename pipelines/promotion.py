"""Put a registered version to use, or not: the evidence of its training run, the gate, the decision in writing."""

from __future__ import annotations

import pandas as pd

from churn.core.errors import PromotionRefused
from churn.core.settings import ChurnSettings
from churn.evaluation.gate import CHAMPION, Decision, Evidence, judge_promotion
from churn.evaluation.predictions import (
    fingerprint_of,
    in_order_of,
    judged_probability,
    measured_rows,
    prices_of,
    probabilities_of,
)
from churn.evaluation.report import build_report
from churn.integrations.aliases import champion_version, move_champion, record_verdict, roll_back
from churn.integrations.audit_verdicts import find_audit
from churn.integrations.provenance import is_clean
from churn.integrations.tracker import FINGERPRINT_TAG
from churn.integrations.training_runs import (
    CHAMPION_TAG,
    TrainingRun,
    find_training_runs,
    predictions_of_version,
    read_artifact_json,
    read_predictions,
)
from pipelines.card import restate


def promote(settings: ChurnSettings, wanted: str, *, force: bool = False, why: str = "") -> Decision:
    """Make a version the champion if the written gate lets it, or by force, and keep the decision either way.

    Parameters
    ----------
    wanted
        A version number, an alias, or a training run's id.

    Raises
    ------
    PromotionRefused
        When a check fails and nobody forces it; the champion stays.
    """
    (run,) = find_training_runs(settings, [wanted])
    former = champion_version(settings)
    verdict = judge_promotion(gather_evidence(settings, run, former), settings.gate)
    decision = Decision(run.version, verdict, force and not verdict.has_passed, why, former)
    record_verdict(settings, run.version, run.run_id, verdict, decision.to_markdown())
    if not verdict.has_passed and not force:
        if run.version != former:
            restate(settings, run.version, f"Not in use; promotion refused: {'; '.join(verdict.failures)}")
        raise PromotionRefused(run.version, verdict.headline, verdict.failures)
    move_champion(settings, run.version, why or "; ".join(verdict.reasons), decision.forced)
    how = f"by force: {why}" if decision.forced else f"by the gate: {verdict.headline}"
    restate(settings, run.version, f"Champion, promoted {how}. Former champion: version {former or 'none'}")
    if former not in (None, run.version):
        restate(settings, str(former), f"No longer in use; version {run.version} took its place")
    return decision


def give_back(settings: ChurnSettings, why: str) -> tuple[str, str]:
    """Make the former champion the champion again; return the version left and the one restored."""
    left, restored = roll_back(settings, why)
    restate(settings, left, f"No longer in use; rolled back to version {restored}: {why}")
    restate(settings, restored, f"Champion again, in place of version {left}: {why}")
    return left, restored


def gather_evidence(settings: ChurnSettings, run: TrainingRun, champion: str | None) -> Evidence:
    """Return what a training run left for the gate to judge, measured beside the champion in use."""
    predictions = read_predictions(settings, run.run_id)
    probabilities = probabilities_of(predictions)
    rival = None if champion == run.version else champion
    if rival is None or run.tags.get(CHAMPION_TAG) != rival:
        probabilities.pop(CHAMPION, None)
    if rival is not None and CHAMPION not in probabilities:
        theirs = predictions_of_version(settings, rival)
        if theirs is not None and fingerprint_of(theirs) == fingerprint_of(predictions):
            probabilities[CHAMPION] = judged_probability(in_order_of(theirs, predictions))
    report = build_report(
        measured_rows(predictions), probabilities, settings.evaluation, settings.policy.capacity,
        prices_of(predictions), settings.policy.money,
    )  # fmt: skip
    slices = read_artifact_json(settings, run.run_id, "slices.json")
    return Evidence(
        report,
        pd.DataFrame(slices["data"], columns=slices["columns"]),
        rival,
        find_audit(settings, run.tags.get(FINGERPRINT_TAG, "")),
        is_clean(run.tags),
    )

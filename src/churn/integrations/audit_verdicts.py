"""Verdicts of audits in MLflow: what `churn audit` leaves, and what a promotion asks for."""

from __future__ import annotations

from typing import Literal

from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect, store_errors
from churn.integrations.tracker import FINGERPRINT_TAG, Tracker

AuditVerdict = Literal["passed", "failed"]
VERDICT_TAG = "audit.verdict"


def record_audit(tracker: Tracker, fingerprint: str, verdict: AuditVerdict) -> None:
    """Tag the open run with what the audit of a data set found.

    Parameters
    ----------
    fingerprint
        Id of the data set: of its staged tables, its settings and the code that built it, as the runs of `features`
        and `train` carry it in their tag `data_fingerprint`.
    """
    tracker.tag(**{FINGERPRINT_TAG: fingerprint, VERDICT_TAG: verdict})


def find_audit(settings: ChurnSettings, fingerprint: str) -> AuditVerdict | None:
    """Return the verdict of the newest audit of a data set, or None where there has been none.

    Parameters
    ----------
    fingerprint
        The data set's id: the tag `data_fingerprint` of the run that trained a model.
    """
    client, experiment_id = connect(settings)
    with store_errors(settings.tracking):
        found = client.search_runs(
            [experiment_id],
            f"tags.stage = 'audit' and tags.{FINGERPRINT_TAG} = '{fingerprint}' and tags.`{VERDICT_TAG}` LIKE '%'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
    verdicts: dict[str, AuditVerdict] = {"passed": "passed", "failed": "failed"}
    return verdicts.get(found[0].data.tags[VERDICT_TAG]) if found else None

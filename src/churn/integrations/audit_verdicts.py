"""Verdicts of audits in MLflow: what `churn audit` leaves, and what a promotion asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import connect, store_errors
from churn.integrations.tracker import FINGERPRINT_TAG, Tracker

if TYPE_CHECKING:
    from mlflow.entities import Run

AuditVerdict = Literal["passed", "failed"]
VERDICT_TAG = "audit.verdict"
NUMBER_TAG = "audit.number"  # of the audits of one data set the newest has the highest, whatever the clock says


def record_audit(tracker: Tracker, fingerprint: str, verdict: AuditVerdict) -> None:
    """Tag the open run with what the audit of a data set found.

    Parameters
    ----------
    fingerprint
        Id of the data set: of its staged tables, its settings and the code that built it, as the runs of `features`
        and `train` carry it in their tag `data_fingerprint`.
    """
    number = 1 + max((_number(run) for run in _audits(tracker.settings, fingerprint)), default=0)
    tracker.tag(**{FINGERPRINT_TAG: fingerprint, VERDICT_TAG: verdict, NUMBER_TAG: number})


def find_audit(settings: ChurnSettings, fingerprint: str) -> AuditVerdict | None:
    """Return the verdict of the newest audit of a data set, or None where there has been none.

    Parameters
    ----------
    fingerprint
        The data set's id: the tag `data_fingerprint` of the run that trained a model.
    """
    newest = max(_audits(settings, fingerprint), key=_number, default=None)
    verdicts: dict[str, AuditVerdict] = {"passed": "passed", "failed": "failed"}
    return None if newest is None else verdicts.get(newest.data.tags[VERDICT_TAG])


def _audits(settings: ChurnSettings, fingerprint: str) -> list[Run]:
    client, experiment_id = connect(settings)
    with store_errors(settings.tracking):
        return list(
            client.search_runs(
                [experiment_id],
                f"tags.stage = 'audit' and tags.{FINGERPRINT_TAG} = '{fingerprint}' and tags.`{VERDICT_TAG}` LIKE '%'",
            )
        )


def _number(audit: Run) -> int:
    return int(audit.data.tags[NUMBER_TAG])

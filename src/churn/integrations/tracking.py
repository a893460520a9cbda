"""MLflow runs: one per stage, opened here and nowhere else, and one for every fold or trial inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from churn.core.errors import ChurnError, DependencyDown
from churn.core.settings import ChurnSettings
from churn.integrations.mlflow_store import NOTE_TAG, connect, store_errors
from churn.integrations.outbox import keep_unsent, send_kept
from churn.integrations.provenance import describe_settings, origin_tags, run_name, to_params
from churn.integrations.results import StageResult
from churn.integrations.stale_runs import PROCESS_TAG, close_stale_runs, process_name
from churn.integrations.tracker import Tracker

MESSAGE_LIMIT = 500
STOPPED = "terminated"  # what went wrong with a run that was asked to stop


@contextmanager
def stage_run(
    stage: str, settings: ChurnSettings, builds_on: str | None = None, published: StageResult | None = None
) -> Iterator[Tracker]:
    """Open the MLflow run of a stage, tagged with stage, source, git commit and the run it builds on.

    On an error the run ends FAILED (KILLED on SIGTERM) with the tag `failure.code`, and the error goes on.

    Parameters
    ----------
    published
        The result of a stage whose work stands by itself once its block ends well. Its metrics are sent then; where
        MLflow does not answer they are kept to be sent later, and `published.unsent` says so.
    """
    import mlflow

    client, experiment_id = connect(settings)
    with store_errors(settings.tracking):
        send_kept(settings, client)
        close_stale_runs(client, experiment_id)
        run = mlflow.start_run(
            experiment_id=experiment_id, run_name=run_name(stage, settings), nested=True,
            tags=origin_tags(stage, settings, builds_on),
        )  # fmt: skip
    tracker = Tracker(run.info.run_id, settings)
    try:
        content = describe_settings(settings)
        tracker.json(content, "config.json")
        tracker.params(to_params(content))
        yield tracker
    except BaseException as error:
        _end_failed(tracker, error)
        raise
    try:
        tracker.metrics(published.metrics if published else {})
        with store_errors(settings.tracking):
            mlflow.end_run("FINISHED")
    except DependencyDown as error:
        if published is None:
            raise
        kept = keep_unsent(settings, tracker.run_id, published.metrics)
        published.unsent = f"{error}. What was made stands; its figures wait in {kept} and are sent by the next run"


@contextmanager
def child_run(parent: Tracker, name: str, **tags: object) -> Iterator[Tracker]:
    """Open a run inside an open one, for one fold or one trial; it ends as its block does."""
    import mlflow

    stated = {key: str(value) for key, value in tags.items()} | {PROCESS_TAG: process_name()}
    with store_errors(parent.settings.tracking):
        experiment_id = mlflow.get_run(parent.run_id).info.experiment_id
        run = mlflow.start_run(
            experiment_id=experiment_id, run_name=name, nested=True, parent_run_id=parent.run_id, tags=stated
        )
    tracker = Tracker(run.info.run_id, parent.settings)
    try:
        yield tracker
    except BaseException as error:
        _end_failed(tracker, error)
        raise
    with store_errors(parent.settings.tracking):
        mlflow.end_run("FINISHED")


def describe_run(settings: ChurnSettings, result: StageResult) -> None:
    """Make the one line of a finished stage its run's description; where MLflow does not answer it goes without."""
    if result.run_id and not result.unsent:
        with suppress(ChurnError), store_errors(settings.tracking):
            connect(settings)[0].set_tag(result.run_id, NOTE_TAG, result.summary)


def _end_failed(tracker: Tracker, error: BaseException) -> None:
    """End a run with what went wrong; that matters more than a store that cannot be told of it."""
    import mlflow

    is_stopped = isinstance(error, KeyboardInterrupt)
    code = STOPPED if is_stopped else error.code if isinstance(error, ChurnError) else type(error).__name__
    message = _without_examples(error)[:MESSAGE_LIMIT] or type(error).__name__
    with suppress(ChurnError):
        tracker.tag(**{"failure.code": code, "failure.message": message, NOTE_TAG: message})
    with suppress(ChurnError), store_errors(tracker.settings.tracking):
        mlflow.end_run("KILLED" if is_stopped else "FAILED")


def _without_examples(error: BaseException) -> str:
    """Return the error's text without the ids it names: they are for the screen, not for a shared store."""
    examples = ", ".join(getattr(error, "examples", ()))
    text = str(error).replace(f"; for example {examples}", "") if examples else str(error)
    for example in getattr(error, "examples", ()):
        text = text.replace(str(example), "(an id)")
    return text

"""Score every customer of one date and publish the list, all or nothing."""

from __future__ import annotations

import logging

from churn.core.settings import ChurnSettings
from churn.integrations.engine import as_written
from churn.integrations.interrupts import interruptible
from churn.integrations.layers import read_staged, source_folder
from churn.integrations.publication import publish
from churn.integrations.registry import load_model
from churn.integrations.results import StageResult
from churn.integrations.scores import score_in_parts
from churn.integrations.scoring_rows import customers_not_to_contact, rows_to_score
from churn.integrations.tracking import stage_run
from churn.integrations.workplace import layer_engine
from churn.scoring.batch import ModelMark
from churn.scoring.checks import check_categories, summarise_scores
from churn.scoring.worklist import build_worklist, count_left_alone
from pipelines.stages import main_of

log = logging.getLogger(__name__)


def run(settings: ChurnSettings) -> StageResult:
    """Publish scores and worklist of the as-of date with the wanted model version."""
    result = StageResult()
    staged = read_staged(settings)
    with (
        layer_engine(settings, "lists") as engine,
        stage_run("score", settings, published=result) as tracker,
        interruptible(engine),
    ):
        model = load_model(settings, settings.scoring.version)
        tracker.tag(builds_on=model.run_id, model_version=model.version)
        tracker.dataset(staged, "scoring")
        tracker.json(model.bundle.catalog.to_rows(), "features.json")
        with result.timed("features"):
            features, as_of = rows_to_score(engine, staged, settings, model.bundle)
        if str(as_of) <= model.bundle.last_fit_date:
            result.notes.append(
                f"{as_of} is not later than {model.bundle.last_fit_date}, the last date the model learned from"
            )
        with result.timed("score"):
            unseen = check_categories(features, model.bundle, settings.policy.max_unseen_share)
            mark = ModelMark(model.name, model.version, model.run_id)
            path, totals = score_in_parts(engine, features, model.bundle, settings.policy, mark, settings.source)
            scores = engine.backend.read_parquet(as_written(path))
            left_alone = customers_not_to_contact(engine, staged, settings)
            worklist = build_worklist(scores, settings.policy, left_alone)
            unlisted = count_left_alone(scores, left_alone)
        with result.timed("publish"):
            folder = source_folder(settings, "lists")
            facts = {"run_id": tracker.run_id, "model_version": model.version, "model_run_id": model.run_id}
            publish(folder, as_of, {"scores": path, "worklist": worklist}, facts)
        result.metrics = summarise_scores(totals, len(worklist), unseen)
    result.as_of_dates, result.rows_in = [str(as_of)], {"customers": totals.customers}
    result.rows_out = {"scores": totals.customers, "worklist": len(worklist)}
    if unlisted:
        result.notes.append(f"{unlisted:,} are not to be contacted")
    result.run_id, result.artifacts = tracker.run_id, {"lists": str(folder)}
    command = f"churn list source={settings.source.name} --as-of {as_of}"
    result.summary = (
        f"{totals.customers:,} customers scored as of {as_of} with version {model.version} "
        f"({model.bundle.model_name}); {len(worklist):,} on the list; "
        f"{'; '.join(result.notes) or f'see it with: {command}'}"
    )
    return result


if __name__ == "__main__":
    raise SystemExit(main_of("score")(None))

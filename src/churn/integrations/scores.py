"""A date's customers scored in parts where the engine keeps them, then ranked: no step needs them in one place."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import ibis.expr.types as ir

from churn.core.settings import PolicySettings
from churn.core.source import SourceSettings
from churn.evaluation.money import mrr_feature
from churn.integrations.engine import Engine, as_written
from churn.integrations.frames import on_frames, to_frame
from churn.integrations.store import output_errors
from churn.modeling.bundle import Bundle
from churn.scoring.batch import ModelMark, schema_of, score_rows
from churn.scoring.checks import ScoreTotals, check_scores, count_customers, measure_scores
from churn.scoring.worklist import rank_scores


def score_in_parts(
    engine: Engine, features: ir.Table, bundle: Bundle, policy: PolicySettings, mark: ModelMark, source: SourceSettings
) -> tuple[Path, ScoreTotals]:
    """Write the scores of every customer, ordered by `risk_rank`, to the engine's scratch folder; return where.

    The source says by which columns lists can be filtered, and which one holds the price.

    Raises
    ------
    DataRefused
        When nobody is there to score, or the scores cannot be right.
    OutputFailed
        When the disk is full.
    """
    customers = count_customers(features)
    segments = source.attributes_of("segment")
    price = mrr_feature(source)
    score = partial(score_rows, bundle=bundle, policy=policy, mark=mark, segments=segments, price=price)
    takes = features.schema().to_pyarrow()
    gives = schema_of(score(to_frame(features.limit(1))), {name: takes.field(name).type for name in segments})
    parts, ranked = engine.scratch / "parts.parquet", engine.scratch / "ranked.parquet"
    with output_errors(parts):
        engine.write_mapped(features, on_frames(score, takes, gives), gives, parts)
    scores = engine.backend.read_parquet(as_written(parts))
    totals = measure_scores(scores)
    check_scores(totals, customers, bundle.base_rate)
    with output_errors(ranked):
        engine.write(rank_scores(scores), ranked)
    return ranked, totals

"""Scores of a date as expressions, as the stage has them, and back as frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from churn.core.settings import PolicySettings
from churn.modeling.bundle import Bundle
from churn.scoring.batch import ModelMark, schema_of, score_rows
from churn.scoring.worklist import build_worklist, rank_scores


def as_table(rows: pd.DataFrame) -> ir.Table:
    """Return a frame as an expression; types do not depend on what happens to be there."""
    plain = {str(name): pa.from_numpy_dtype(kind) for name, kind in rows.dtypes.items() if kind.kind in "biM"}
    return ibis.memtable(pa.Table.from_pandas(rows, schema=schema_of(rows, plain), preserve_index=False))


def ranked_scores(
    rows: pd.DataFrame, bundle: Bundle, policy: PolicySettings, mark: ModelMark, **more: Any
) -> pd.DataFrame:
    """Return the scores of a date in the order of their rank."""
    scores = as_table(score_rows(rows, bundle, policy, mark, **more))
    return rank_scores(scores).to_pyarrow().to_pandas()


def worklist_of(scores: pd.DataFrame, policy: PolicySettings, left_alone: Sequence[str] = ()) -> pd.DataFrame:
    """Return the list out of scores as a frame."""
    quiet = ibis.memtable({"customer_id": list(left_alone)}, schema={"customer_id": "string"}) if left_alone else None
    return build_worklist(as_table(scores.drop(columns="risk_rank", errors="ignore")), policy, quiet)

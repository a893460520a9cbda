"""A published list as a table, with the ids and texts that spreadsheets spoil."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

IDS = ["00123", "1E5", "3-4", "1234567890123456789", "NA", "株式会社山田"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM(A1)"]


def list_rows(ids: list[str] | None = None, **columns: Any) -> pd.DataFrame:
    """A selection of a published list, as `select_rows` gives it."""
    ids = IDS if ids is None else ids
    count = len(ids)
    base = {
        "list_position": np.arange(1, count + 1),
        "customer_id": ids,
        "as_of_date": ["2024-06-30"] * count,
        "churn_probability": [0.123456] * count,
        "risk_rank": np.arange(1, count + 1),
        "risk_band": ["high"] * count,
        "mrr": [np.nan, *[1200.5] * (count - 1)][:count],
        "mrr_at_risk": [np.nan, *[148.209] * (count - 1)][:count],
        "cause": ["pricing"] * count,
        "cause_text": ["price against value"] * count,
        "reasons": [["Active on 3 days", "料金: 高い"]] * count,
        "action": ["Right-size the plan"] * count,
        "country": [None, *["日本"] * (count - 1)][:count],
        "model_name": ["churn-demo"] * count,
        "model_version": ["7"] * count,
    }
    return pd.DataFrame({**base, **columns})

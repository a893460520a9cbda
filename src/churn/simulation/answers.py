"""The truth as the oracle report needs it; nothing else reads the truth folder."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from churn.core.errors import DataRefused


def read_truth(truth_dir: Path, as_of: date, horizon_days: int) -> pd.DataFrame:
    """Return what was true on a date: `customer_id`, `true_probability`, `true_cause`, `churned`.

    Grain: customer, those active on the date. `churned` says who then left within the horizon.

    Raises
    ------
    DataRefused
        When the truth does not hold that date or horizon.
    """
    probabilities = pq.read_table(truth_dir / "probabilities").to_pandas()
    dates = sorted(probabilities["as_of_date"].unique())
    column = f"p_leave_{horizon_days}d"
    if as_of not in dates or column not in probabilities:
        horizons = [c.removeprefix("p_leave_") for c in probabilities.columns if c.startswith("p_leave_")]
        raise DataRefused(
            f"the truth does not hold {as_of} with {horizon_days} days", code="no_truth",
            remedy=f"It holds the dates {', '.join(str(d) for d in dates)} and the horizons {', '.join(horizons)}",
        )  # fmt: skip
    departures = pq.read_table(truth_dir / "departures").to_pandas()
    ended = departures["ended_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    start = pd.Timestamp(as_of)
    left = departures.loc[(ended >= start) & (ended < start + timedelta(days=horizon_days)), "customer_id"]
    rows = probabilities[probabilities["as_of_date"] == as_of]
    return pd.DataFrame(
        {
            "customer_id": rows["customer_id"].to_numpy(),
            "true_probability": rows[column].to_numpy(dtype=float),
            "true_cause": rows["dominant_cause"].astype(str).to_numpy(),
            "churned": rows["customer_id"].isin(left).to_numpy(dtype=int),
        }
    )

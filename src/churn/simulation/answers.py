"""The truth as the oracle report needs it; nothing else reads the truth folder."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.simulation.storage import read_manifest

DRIVERS = ("contribution_journey_stage", "contribution_payment_failure", "past_due_weeks")


def truth_folder(settings: ChurnSettings) -> Path:
    """Return where the truth of a simulated source lies, apart from its layers."""
    return settings.paths.data / f"{settings.source.name}_truth"


def read_truth(truth_dir: Path, tables_dir: Path, as_of: date, horizon_days: int) -> pd.DataFrame:
    """Return what was true on a date.

    Grain: customer, those active on the date. `true_probability` of leaving within the horizon and its standard error,
    `true_cause`, `churned` (who then left), and what made it: `severity_<cause>`, `contribution_<cause>` of causes that
    have no severity, `past_due_weeks`.

    Raises
    ------
    DataRefused
        When the truth is not that of the tables, or does not hold that date or horizon.
    """
    _check_same_company(truth_dir, tables_dir)
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
            "true_error": rows[f"se_{horizon_days}d"].to_numpy(dtype=float),
            "true_cause": rows["dominant_cause"].astype(str).to_numpy(),
            "churned": rows["customer_id"].isin(left).to_numpy(dtype=int),
            **{name: rows[name].to_numpy(dtype=float) for name in rows.columns if _is_driver(name)},
        }
    )


def _is_driver(name: str) -> bool:
    return name.startswith("severity_") or name in DRIVERS


def _check_same_company(truth_dir: Path, tables_dir: Path) -> None:
    """Refuse a truth that was not written together with the tables: a kill between the two leaves one former folder."""
    truth, tables = (read_manifest(folder) for folder in (truth_dir, tables_dir))
    if not truth or not tables or truth["settings"] != tables["settings"]:
        raise DataRefused(
            f"the truth ({truth_dir}) belongs to another company than the tables ({tables_dir})",
            code="another_company",
            remedy="Write both again with churn simulate",
        )

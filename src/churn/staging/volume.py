"""How many rows a table brings against what the last deliveries brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from churn.core.errors import DataRefused


def check_volume(rows: Mapping[str, int], recent: Sequence[Mapping[str, int]], least_share: float) -> None:
    """Refuse a delivery that is far smaller than the last ones: an export that stopped halfway looks like one.

    Parameters
    ----------
    rows
        Rows read, by table.
    recent
        Rows read by the last deliveries, by table; without any there is nothing to compare with.
    least_share
        Share of their median that must be there.

    Raises
    ------
    DataRefused
        At the first table that brings less.

    Examples
    --------
    >>> check_volume({"events": 600}, [{"events": 1000}, {"events": 900}], 0.5)
    """
    for table, count in rows.items():
        former = [delivery[table] for delivery in recent if table in delivery]
        usual = median(former) if former else 0
        if count < least_share * usual:
            raise DataRefused(
                f"{count:,} rows, where the last deliveries had {usual:,.0f} (median of {len(former)})",
                table=table,
                code="few_rows",
                remedy="Did the export finish? If fewer rows are right, lower source.min_share_of_recent "
                f"(now {least_share:g}) for this run",
            )

"""Windows that reach back to before their table begins: what happened then is not on record, so their value is unknown.

A zero, or the sum over what is left of a window, would be false, and tell dates apart rather than customers. On such a
date the values of new customers are hidden with the others: values missing of some alone would tell who is new.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import date

import ibis
import ibis.expr.types as ir

from churn.core.windows import days_before
from churn.features.catalog import Feature

log = logging.getLogger(__name__)


def hide_unrecorded(
    rows: ir.Table, features: Mapping[str, Iterable[Feature]], beginnings: Mapping[str, Mapping[date, date]]
) -> ir.Table:
    """Return the feature rows, null where a window begins before its table does.

    Parameters
    ----------
    rows
        Grain customer x as-of date.
    features
        By the table that they are counted in.
    beginnings
        First day on record, by table and as-of date; what is not listed is on record for ever.
    """
    unknown = {
        feature.name: dates
        for table, counted in features.items()
        for feature in counted
        if (dates := unrecorded_dates(feature, beginnings.get(table, {})))
    }
    if not unknown:
        return rows
    dates = sorted({day for days in unknown.values() for day in days})
    log.info(
        "features: %s reach back to before their table begins on dates from %s to %s; unknown there",
        len(unknown), dates[0], dates[-1],
    )  # fmt: skip
    return rows.mutate(
        **{
            name: rows.as_of_date.isin(days).ifelse(ibis.null(rows[name].type()), rows[name])
            for name, days in unknown.items()
        }
    )


def unrecorded_dates(feature: Feature, beginnings: Mapping[date, date]) -> list[date]:
    """Return the as-of dates on which a feature's window begins before its table, ascending.

    Examples
    --------
    >>> from churn.features.words import describe
    >>> month = describe("engagement", "eng_events_count", days=30)
    >>> began = date(2024, 1, 1)
    >>> [str(day) for day in unrecorded_dates(month, {date(2024, 1, 30): began, date(2024, 1, 31): began})]
    ['2024-01-30']
    """
    if feature.reads_days is None:
        return []
    return sorted(day for day, begin in beginnings.items() if days_before(day, feature.reads_days) < begin)

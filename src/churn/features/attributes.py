"""Attributes that stand beside the matrix: results are sliced by them, and no model ever sees them."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.source import SourceSettings
from churn.features.profile import customers_as_of

BESIDE = ("segment", "protected")


def attributes_beside(
    table: ir.Table, source: SourceSettings, snapshots: ir.Table | None = None, roles: Sequence[str] = BESIDE
) -> ir.Table | None:
    """Return the attributes of some roles (segment and protected), or None where the source has none.

    Grain customer x as-of date, one row per snapshot, in the version valid on the date; columns carry the names of the
    source.

    Parameters
    ----------
    table
        The customers, to be joined to `snapshots`; or, without snapshots, a flat table.
    """
    names = [name for name in source.attributes_of(*roles) if name in table.columns]
    if not names:
        return None
    rows = table if snapshots is None else customers_as_of(table, snapshots)
    return rows.select(*KEY, *names)

"""Profile: the attributes a company lists as category or number, in the version valid on the date."""

from __future__ import annotations

import re
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.errors import ConfigRefused
from churn.core.windows import days_between
from churn.features.family import FamilyTable, FeatureInputs
from churn.features.words import describe, describe_attribute

FAMILY, TABLE = "profile", "customers"


def build_profile(inputs: FeatureInputs) -> FamilyTable:
    """Return profile features; grain customer x as-of date, one row per snapshot.

    Attributes with roles `protected`, `pii`, `group` and `free` are never features.
    """
    rows = customers_as_of(inputs.staged[TABLE], inputs.snapshots)
    columns = attribute_columns(inputs.source.attributes_of("category", "number"))
    features = {
        name: describe_attribute(inputs.source, name, column, FAMILY)
        for name, column in columns.items()
        if name in rows.columns
    }
    age = describe(FAMILY, "prof_age_days")
    values = {feature.name: rows[name] for name, feature in features.items()}
    values[age.name] = days_between(rows.signed_up_at.date(), rows.as_of_date).cast("float64")
    return FamilyTable(rows.select(*KEY, **values), (*features.values(), age))


def attribute_columns(names: Sequence[str]) -> dict[str, str]:
    """Return the column of each attribute; one without Latin letters is named by its place in the source file.

    Raises
    ------
    ConfigRefused
        When two become one column name.
    """
    slugs = [re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or f"attribute{i}" for i, name in enumerate(names)]
    clashes = sorted({name for name, slug in zip(names, slugs, strict=True) if slugs.count(slug) > 1})
    if clashes:
        raise ConfigRefused(
            [f"source.attributes: {', '.join(clashes)} become one column name; rename them in the SELECT of customers"]
        )
    return {name: f"prof_{slug}_last" for name, slug in zip(names, slugs, strict=True)}


def customers_as_of(customers: ir.Table, snapshots: ir.Table) -> ir.Table:
    """Return each snapshot with the customer's row valid on its date (the only row where there are no versions).

    Grain: customer x as-of date; without a version valid on the date there is no row.
    """
    joined = snapshots.left_join(customers, "customer_id").drop("customer_id_right")
    if "valid_from" not in customers.columns:
        return joined
    valid = joined.filter(joined.valid_from.isnull() | (joined.valid_from.date() < joined.as_of_date))
    newest = ibis.window(group_by=list(KEY), order_by=[valid.valid_from.desc(nulls_first=False)])
    return valid.mutate(version=ibis.row_number().over(newest)).filter(ibis._.version == 0).drop("version")

"""The flat entrance: a ready table of features, described so that it takes the same path from the matrix on."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn.core.contract import KEY
from churn.core.source import SourceSettings
from churn.features.catalog import Catalog
from churn.features.words import describe_attribute


def describe_flat(source: SourceSettings, flat: ir.Table) -> Catalog:
    """Return the catalogue of a flat table: its columns of role category or number, under their own names."""
    names = [name for name in source.attributes_of("category", "number") if name in flat.columns]
    return Catalog(describe_attribute(source, name, name, "flat") for name in names)


def flat_labels(flat: ir.Table) -> ir.Table:
    """Return the labels of a flat table, a row for each of its own; a missing `churned` is an outcome not known yet."""
    churned = flat.churned == 1 if "churned" in flat.columns else ibis.null("boolean")
    return flat.select(
        *KEY,
        churned=churned,
        churn_kind=ibis.null("string"),
        label_end_date=ibis.null("date"),
        is_label_complete=churned.notnull(),
        followed_until=ibis.null("date"),
        left_on=ibis.null("date"),
        left_kind=ibis.null("string"),
        left_out_because=ibis.ifelse(churned.isnull(), "not_complete", ibis.null("string")),
        stated_cause=ibis.null("string"),
    )

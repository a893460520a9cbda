"""The flat entrance: a ready table of features, described so that it takes the same path from the matrix on."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn.core.source import SourceSettings
from churn.features.catalog import Catalog, Feature


def describe_flat(source: SourceSettings, flat: ir.Table) -> Catalog:
    """Return the catalogue of a flat table: its columns of role category or number, under their own names."""
    return Catalog(
        [_describe(source, name) for name in source.attributes_of("category", "number") if name in flat.columns]
    )


def _describe(source: SourceSettings, name: str) -> Feature:
    words = source.attribute(name)
    en, ja = words.en or name.replace("_", " "), words.ja or name.replace("_", " ")
    is_category = words.role == "category"
    typical = ("", "") if is_category else (" (typical: {typical})", "（標準: {typical}）")
    return Feature(
        name,
        "flat",
        words.cause or "unexplained",
        "",
        en,
        ja,
        f"{en[:1].upper()}{en[1:]}: {{value}}{typical[0]}",
        f"{ja}: {{value}}{typical[1]}",
        topic=name,
        kind="category" if is_category else "number",
    )


def flat_labels(flat: ir.Table) -> ir.Table:
    """Return the labels of a flat table; a missing `churned` is an outcome not known yet."""
    churned = flat.churned == 1 if "churned" in flat.columns else ibis.null("boolean")
    return flat.select(
        "customer_id",
        "as_of_date",
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

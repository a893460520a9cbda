"""The contract of one company: the canonical tables plus the attributes its source declares."""

from __future__ import annotations

import dataclasses

from churn.core.contract import CONTRACT, Column, Kind, TableContract
from churn.core.source import SourceSettings

_KIND_OF_ROLE: dict[str, Kind] = {
    "category": "text", "number": "number", "segment": "text", "protected": "text", "group": "id",
    "no_contact": "number",
}  # fmt: skip
FLAG = "no_contact"  # 0 or 1, false or true


def contract_of(source: SourceSettings, table: str) -> TableContract:
    """Return the contract a mapped table must meet, attributes included (`pii` and `free` ones are not staged)."""
    if source.kind == "flat":
        columns = (
            Column("customer_id", "id", required=True),
            Column("as_of_date", "day", required=True),
            Column("churned", "number", low=0, high=1),
            *_attribute_columns(source),
        )
        return TableContract(
            "matrix",
            "one row per customer and as-of date",
            ("customer_id", "as_of_date"),
            "as_of_date",
            columns,
        )
    contract = CONTRACT[table]
    if table != "customers":
        return contract
    return dataclasses.replace(contract, columns=(*contract.columns, *_attribute_columns(source)))


def _attribute_columns(source: SourceSettings) -> tuple[Column, ...]:
    roles = {name: source.attribute(name).role for name in source.attributes}
    return tuple(
        Column(
            name,
            _KIND_OF_ROLE[role],
            low=0 if role == FLAG or name == source.mrr_column else None,
            high=1 if role == FLAG else None,
        )
        for name, role in roles.items()
        if role in _KIND_OF_ROLE
    )

from __future__ import annotations

from churn.core.contract import CONTRACT
from churn.core.source import InputSettings
from churn.staging.contracts import contract_of
from tests.builders import make_source

ROLES = {
    "country": "category",
    "seats": "number",
    "product": "segment",
    "age_band": "protected",
    "email": "pii",
    "parent": "group",
    "note": "free",
}


def kinds(table: str, **changes) -> dict[str, str]:
    contract = contract_of(make_source(attributes=ROLES, **changes), table)
    return {column.name: column.kind for column in contract.columns}


def test_attributes_join_the_customers_by_their_role():
    assert kinds("customers") == {
        "customer_id": "id",
        "signed_up_at": "time",
        "valid_from": "time",
        "country": "text",
        "seats": "number",
        "product": "text",
        "age_band": "text",
        "parent": "id",
    }


def test_pii_and_free_text_have_no_place_in_any_contract():
    assert not {"email", "note"} & set(kinds("customers"))


def test_other_tables_are_those_of_the_contract():
    assert contract_of(make_source(attributes=ROLES), "events") is CONTRACT["events"]


def test_a_flat_table_is_keyed_by_customer_and_date():
    source = make_source(
        kind="flat", inputs={"a": InputSettings(path="a.csv")}, tables={"matrix": "SELECT 1"}, attributes=ROLES
    )
    contract = contract_of(source, "matrix")
    assert contract.key == ("customer_id", "as_of_date")
    assert [c.name for c in contract.columns] == [
        "customer_id", "as_of_date", "churned", "country", "seats", "product", "age_band", "parent",
    ]  # fmt: skip
    assert (contract.column("churned").low, contract.column("churned").high) == (0, 1)


def test_a_price_in_a_flat_table_is_never_below_zero():
    flat = {"kind": "flat", "inputs": {"a": InputSettings(path="a.csv")}, "tables": {"matrix": "SELECT 1"}}
    contract = contract_of(
        make_source(**flat, attributes={"fee": "number", "age": "number"}, mrr_column="fee"), "matrix"
    )
    assert [contract.column(name).low for name in ("fee", "age")] == [0, None]

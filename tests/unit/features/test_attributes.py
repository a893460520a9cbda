from __future__ import annotations

import ibis

from churn.features.attributes import attributes_beside
from churn.features.profile import build_profile
from tests.builders import make_inputs, make_source, staged_table

DAY = "2024-03-01"
CUSTOMERS = """
customer_id | signed_up_at | valid_from       | country:text | age_band:text | market:text | email:text
A           | 2023-01-01   | 2023-01-01       | DE           | 20-29         | north       | a@x
A           | 2023-01-01   | 2024-02-29 10:00 | FR           | 30-39         | north       | a@x
B           | 2023-01-01   |                  | JP           |               | south       | b@x
"""
SOURCE = make_source(
    attributes={"country": "category", "age_band": "protected", "market": "segment", "email": "pii"}
)  # fmt: skip


def _inputs():
    return make_inputs(
        {"customers": staged_table("customers", CUSTOMERS)}, ["profile"], DAY, customers=("A", "B"), source=SOURCE
    )


def test_what_is_protected_stands_beside_in_the_version_of_the_date(engine):
    inputs = _inputs()
    beside = (
        attributes_beside(inputs.staged["customers"], SOURCE, inputs.snapshots)
        .to_pyarrow()
        .to_pandas()
        .set_index("customer_id")
    )
    assert list(beside.columns) == ["as_of_date", "age_band", "market"]
    assert beside.loc["A", "age_band"] == "30-39"
    assert beside["market"].to_dict() == {"A": "north", "B": "south"}
    assert len(beside) == 2


def test_and_is_never_a_feature(engine):
    names = [feature.name for feature in build_profile(_inputs()).features]
    assert not [name for name in names if "age_band" in name or "market" in name or "email" in name]


def test_a_source_without_such_attributes_has_nothing_beside(engine):
    source = make_source(attributes={"country": "category"})
    assert attributes_beside(staged_table("customers", CUSTOMERS), source) is None


def test_a_flat_table_gives_its_own_columns(engine):
    flat = ibis.table({"customer_id": "string", "as_of_date": "date", "age_band": "string", "country": "string"})
    assert attributes_beside(flat, SOURCE).columns == ("customer_id", "as_of_date", "age_band")

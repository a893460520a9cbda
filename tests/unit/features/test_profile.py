from __future__ import annotations

import pytest

from churn.core.errors import ConfigRefused
from churn.core.source import AttributeSettings
from churn.features.profile import build_profile, customers_as_of
from tests.builders import by_key, features_of, make_inputs, make_source, staged_table

DAY = "2024-03-01"
CUSTOMERS = """
customer_id | signed_up_at     | country:text | seats:number | age_band:text | parent:id
A           | 2024-02-01 12:00 | DE           | 5            | 30-39         | P
B           | 2023-03-01       |              |              | 40-49         | P
"""
ROLES = {"country": "category", "seats": "number", "age_band": "protected", "email": "pii", "parent": "group"}
VERSIONS = """
customer_id | signed_up_at | valid_from       | country:text
A           | 2023-01-01   | 2023-01-01       | DE
A           | 2023-01-01   | 2024-02-29 10:00 | FR
A           | 2023-01-01   | 2024-03-01 00:00 | ES
B           | 2023-01-01   |                  | JP
C           | 2024-06-01   | 2024-06-01       | US
"""


def profile(customers: str = CUSTOMERS, *as_of: str, roles=ROLES, names=("A", "B")):
    source = make_source(attributes=roles)
    staged = {"customers": staged_table("customers", customers)}
    return features_of(staged, ["profile"], *(as_of or (DAY,)), customers=names, source=source)


def test_categories_and_numbers_are_features_and_nothing_else_is(engine):
    rows = profile()
    assert {k: v for k, v in rows["A", DAY].items() if k.startswith("prof_")} == {
        "prof_country_last": "DE", "prof_seats_last": 5.0, "prof_age_days": 29.0,
    }  # fmt: skip
    assert rows["B", DAY]["prof_country_last"] is None and rows["B", DAY]["prof_age_days"] == 366.0


@pytest.mark.parametrize(
    ("as_of", "country"), [("2024-02-29", "DE"), ("2024-03-01", "FR"), ("2024-03-02", "ES"), ("2024-06-01", "ES")]
)
def test_the_version_valid_on_the_date_is_read(engine, as_of: str, country: str):
    rows = profile(VERSIONS, as_of, roles={"country": "category"})
    assert rows["A", as_of]["prof_country_last"] == country


def test_a_version_without_a_beginning_has_always_been(engine):
    rows = profile(VERSIONS, DAY, roles={"country": "category"})
    assert rows["B", DAY]["prof_country_last"] == "JP"


def test_a_customer_whose_versions_all_come_later_keeps_its_row(engine):
    rows = profile(VERSIONS, DAY, roles={"country": "category"}, names=("A", "C"))
    assert rows["C", DAY]["prof_country_last"] is None
    assert len(rows) == 2


def test_versions_never_multiply_snapshots(engine):
    inputs = make_inputs({}, ["profile"], "2024-02-01", DAY, "2024-06-02", customers=("A", "B"))
    found = by_key(customers_as_of(staged_table("customers", VERSIONS), inputs.snapshots))
    assert len(found) == 6


def test_attributes_are_worded_by_the_source(engine):
    roles = {
        "seats": AttributeSettings(role="number", cause="pricing", en="seats bought", ja="契約席数"),
        "country": "category",
    }
    inputs = make_inputs(
        {"customers": staged_table("customers", CUSTOMERS)}, ["profile"], DAY, source=make_source(attributes=roles)
    )
    features = {f.name: f for f in build_profile(inputs).features}
    assert features["prof_seats_last"].cause == "pricing"
    assert features["prof_seats_last"].reason_en == "Seats bought: {value} (typical: {typical})"
    assert features["prof_country_last"].reason_en == "Country: {value}"
    assert (features["prof_country_last"].kind, features["prof_seats_last"].kind) == ("category", "number")


def test_attributes_without_latin_letters_have_columns_of_their_own(engine):
    customers = "customer_id | signed_up_at | 国:text | 業種:text\nA | 2024-01-01 | 日本 | 製造"
    row = profile(customers, roles={"国": "category", "業種": "category"}, names=("A",))["A", DAY]
    assert (row["prof_attribute0_last"], row["prof_attribute1_last"]) == ("日本", "製造")


def test_attributes_that_become_one_column_are_refused(engine):
    customers = "customer_id | signed_up_at | a-b:text | a_b:text\nA | 2024-01-01 | x | y"
    with pytest.raises(ConfigRefused, match="a-b, a_b become one column name"):
        profile(customers, roles={"a-b": "category", "a_b": "category"}, names=("A",))

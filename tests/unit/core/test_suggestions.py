from __future__ import annotations

import pytest

from churn.core.suggestions import did_you_mean


@pytest.mark.parametrize(
    ("given", "known", "text"),
    [
        ("costumer_id", ["customer_id", "country"], "; did you mean 'customer_id'?"),
        ("Customer_ID", ["customer_id"], "; did you mean 'customer_id'?"),
        ("CUSTOMERID", ["Customer_Id"], "; did you mean 'Customer_Id'?"),
        ("zzz", ["customer_id"], ""),
        ("anything", [], ""),
    ],
)
def test_the_nearest_name_is_offered_whatever_its_case(given: str, known: list[str], text: str):
    assert did_you_mean(given, known) == text

from __future__ import annotations

import pytest

from churn.core.errors import DataRefused
from churn.staging.volume import check_volume

RECENT = [{"events": 1000, "tickets": 10}, {"events": 800}, {"events": 5000}]


def test_a_delivery_below_the_share_of_the_median_is_refused() -> None:
    with pytest.raises(DataRefused, match=r"499 rows, where the last deliveries had 1,000 \(median of 3\)") as refused:
        check_volume({"tickets": 10, "events": 499}, RECENT, 0.5)
    assert (refused.value.table, refused.value.code) == ("events", "few_rows")
    assert "min_share_of_recent" in str(refused.value)


def test_one_at_the_share_passes_as_does_a_table_never_seen() -> None:
    check_volume({"events": 500, "payments": 1}, RECENT, 0.5)


def test_without_a_former_delivery_or_with_a_share_of_nought_anything_passes() -> None:
    check_volume({"events": 1}, [], 0.5)
    check_volume({"events": 1}, RECENT, 0.0)

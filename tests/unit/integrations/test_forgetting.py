from __future__ import annotations

import pytest

from churn.integrations.forgetting import forget, read_forgotten
from churn.integrations.layers import read_staged
from tests.builders import Company


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut short", "gone"])
def test_a_staged_table_that_is_not_whole_keeps_nobody_from_being_forgotten(company: Company, is_cut: bool) -> None:
    """Somebody was forgotten, and the process killed while it removed what was built."""
    layer = read_staged(company.settings)
    table = layer.path("customers")
    if is_cut:
        table.write_bytes(table.read_bytes()[:50])
    else:
        table.unlink()
    assert forget(company.settings, ["C1"]) == 0
    assert len(read_forgotten(company.settings)) == 1
    assert not layer.folder.exists()

from __future__ import annotations

from datetime import date

import ibis
import pyarrow as pa
import pytest

from churn.snapshots.sampling import WEIGHT, SampleShares, choose_shares, draw_of, sample_rows

DAYS = [date(2024, month, 1) for month in (1, 2, 3, 4)]
CUSTOMERS = 1000


def rows(reverse: bool = False) -> list[dict[str, object]]:
    """A thousand customers on four dates; every tenth leaves, and of the last date nothing is known for every third."""
    out = [
        {"customer_id": f"{n:04}", "as_of_date": day, "churned": None if day == DAYS[3] and n % 3 == 0 else n % 10 == 0}
        for day in DAYS
        for n in range(CUSTOMERS)
    ]
    return out[::-1] if reverse else out


def sampled(shares: SampleShares, seed: int = 0, whole: tuple[date, ...] = (), reverse: bool = False) -> dict:
    schema = pa.schema({"customer_id": pa.string(), "as_of_date": pa.date32(), "churned": pa.bool_()})
    table = ibis.memtable(pa.Table.from_pylist(rows(reverse), schema=schema))
    found = sample_rows(table, shares, seed, whole).to_pyarrow().to_pylist()
    return {(row["customer_id"], row["as_of_date"]): (row["churned"], row[WEIGHT]) for row in found}


class TestShares:
    def test_all_rows_that_fit_are_taken(self) -> None:
        assert choose_shares(10, 90, 100) == (1.0, 1.0)

    @pytest.mark.parametrize(
        ("churned", "stayed"), [(100, 9_900), (2_000, 8_000), (5_000, 5_000), (9_000, 1_000), (0, 10_000)]
    )
    def test_give_the_stated_number_of_rows(self, churned: int, stayed: int) -> None:
        shares = choose_shares(churned, stayed, 1_000)
        assert shares.churned * churned + shares.stayed * stayed == pytest.approx(1_000)
        assert 0 < shares.churned <= 1 and 0 < shares.stayed <= 1

    def test_leavers_come_whole_up_to_a_quarter(self) -> None:
        assert choose_shares(250, 99_750, 1_000).churned == 1.0
        assert choose_shares(1_000, 99_000, 1_000).churned == 0.25

    def test_where_leavers_are_many_both_are_drawn_alike(self) -> None:
        assert choose_shares(4_000, 6_000, 1_000) == (0.1, 0.1)


class TestRows:
    SHARES = SampleShares(1.0, 0.2)

    def test_who_left_is_there_and_of_the_others_about_the_share(self) -> None:
        found = sampled(self.SHARES)
        labelled = [row for row in rows() if row["churned"] is not None]
        left = {(row["customer_id"], row["as_of_date"]) for row in labelled if row["churned"]}
        assert left == {key for key, (churned, _) in found.items() if churned}
        assert len(found) - len(left) == pytest.approx(0.2 * (len(labelled) - len(left)), rel=0.1)

    def test_weights_stand_for_all_rows(self) -> None:
        found = sampled(self.SHARES)
        assert {weight for churned, weight in found.values() if churned} == {1.0}
        assert {weight for churned, weight in found.values() if not churned} == {5.0}

    def test_rows_without_an_outcome_are_never_drawn(self) -> None:
        assert all(churned is not None for churned, _ in sampled(SampleShares(1.0, 1.0), whole=tuple(DAYS)).values())

    def test_whole_dates_come_whole_and_what_was_not_drawn_weighs_nothing(self) -> None:
        plain, whole = sampled(self.SHARES), sampled(self.SHARES, whole=(DAYS[1],))
        assert sum(day == DAYS[1] for _, day in whole) == CUSTOMERS
        assert {key: value for key, value in whole.items() if value[1] > 0} == plain

    def test_the_draw_depends_on_customer_date_and_seed_alone(self) -> None:
        assert sampled(self.SHARES) == sampled(self.SHARES, reverse=True)
        assert sampled(self.SHARES).keys() != sampled(self.SHARES, seed=1).keys()

    def test_a_larger_share_only_adds(self) -> None:
        assert sampled(self.SHARES).keys() < sampled(SampleShares(1.0, 0.3)).keys()

    def test_the_draw_is_known_to_the_digit(self) -> None:
        """md5 of "7:0042:2024-01-01"; whatever engine draws it."""
        table = ibis.memtable(pa.table({"customer_id": ["0042"], "as_of_date": pa.array([DAYS[0]], pa.date32())}))
        assert draw_of(table, 7).to_pyarrow().to_pylist() == ["d5702219"]

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.core.settings import SplitSettings
from churn.core.windows import date_grid
from churn.snapshots.splits import customer_folds, draw_share, rolling_folds, rows_in, split_dates, temporal_fold
from tests.builders import days

TEMPORAL = SplitSettings(kind="temporal", test_dates=2, calibration_dates=1)
MONTHLY = date_grid(date(2024, 1, 1), date(2024, 7, 29), 30)
EMBARGO_DAYS = 37  # cadence 30: one date is lost at each border


class TestDates:
    def test_parts_come_in_time_and_lie_an_embargo_apart(self):
        parts = split_dates(MONTHLY, TEMPORAL, EMBARGO_DAYS)
        assert parts.test == MONTHLY[-2:]
        assert parts.calibrate == (MONTHLY[-4],)
        assert parts.fit == MONTHLY[:-5]

    def test_no_label_of_one_part_reaches_into_the_next(self):
        for cadence in (7, 10, 30, 45):
            dates = date_grid(date(2024, 1, 1), date(2024, 12, 31), cadence)
            parts = split_dates(dates, TEMPORAL, EMBARGO_DAYS)
            assert max(parts.fit) + timedelta(days=EMBARGO_DAYS) <= min(parts.calibrate)
            assert max(parts.calibrate) + timedelta(days=EMBARGO_DAYS) <= min(parts.test)

    def test_a_date_exactly_an_embargo_before_is_used(self):
        dates = days("2024-01-01", "2024-02-07", "2024-03-15")  # 37 days apart each
        parts = split_dates(dates, SplitSettings(kind="temporal", test_dates=1, calibration_dates=1), EMBARGO_DAYS)
        assert (parts.fit, parts.calibrate, parts.test) == ((dates[0],), (dates[1],), (dates[2],))

    def test_the_order_in_which_dates_are_given_does_not_matter(self):
        assert split_dates(MONTHLY[::-1], TEMPORAL, EMBARGO_DAYS) == split_dates(MONTHLY, TEMPORAL, EMBARGO_DAYS)

    def test_the_test_may_begin_on_a_stated_date(self):
        split = TEMPORAL.model_copy(update={"test_from": date(2024, 5, 1)})
        assert split_dates(MONTHLY, split, EMBARGO_DAYS).test == tuple(d for d in MONTHLY if d >= date(2024, 5, 1))

    @pytest.mark.parametrize("dates", [(), MONTHLY[:1], MONTHLY[:4]])
    def test_a_part_without_dates_is_refused_with_the_counts(self, dates: tuple[date, ...]):
        with pytest.raises(DataRefused) as refused:
            split_dates(dates, TEMPORAL, EMBARGO_DAYS)
        assert refused.value.code == "too_few_dates"
        assert f"{len(dates)} labelled as-of dates" in str(refused.value)
        assert "37 days apart" in str(refused.value)

    def test_the_refusal_names_the_most_dates_that_would_do(self):
        with pytest.raises(
            DataRefused, match=r"Take split.test_dates=2 split.calibration_dates=2, which leaves 1 to fit"
        ):
            split_dates(
                MONTHLY[:7], TEMPORAL.model_copy(update={"test_dates": 3, "calibration_dates": 3}), EMBARGO_DAYS
            )
        with pytest.raises(DataRefused, match="Take dates closer together"):
            split_dates(MONTHLY[:3], TEMPORAL, EMBARGO_DAYS)

    def test_a_test_that_begins_after_the_last_date_is_refused(self):
        with pytest.raises(DataRefused, match="0 to test"):
            split_dates(MONTHLY, TEMPORAL.model_copy(update={"test_from": date(2030, 1, 1)}), EMBARGO_DAYS)

    def test_the_last_fit_takes_all_rows_known_before_the_test_dates_and_no_other(self):
        parts = split_dates(MONTHLY, TEMPORAL, EMBARGO_DAYS)
        rows = pd.DataFrame({"as_of_date": pd.to_datetime([*MONTHLY, *MONTHLY])})
        last = temporal_fold(rows, parts).to_the_last()
        assert {d.date() for d in rows.loc[last.fit, "as_of_date"]} == set(MONTHLY[:-3])
        assert max(MONTHLY[:-3]) + timedelta(days=EMBARGO_DAYS) <= parts.test[0]
        assert not last.calibrate.any()

    def test_rows_follow_their_dates(self):
        parts = split_dates(MONTHLY, TEMPORAL, EMBARGO_DAYS)
        rows = pd.DataFrame({"as_of_date": pd.to_datetime([MONTHLY[0], MONTHLY[-5], MONTHLY[-4], MONTHLY[-1]])})
        fold = temporal_fold(rows, parts)
        assert fold.fit.tolist() == [True, False, False, False]
        assert fold.calibrate.tolist() == [False, False, True, False]
        assert fold.test.tolist() == [False, False, False, True]


class TestCustomers:
    SPLIT = SplitSettings(kind="by_customer", folds=4, calibration_share=0.2, seed=7)
    GROUPS = pd.Series([f"customer-{i % 200}" for i in range(600)])

    def test_every_row_is_tested_once_and_each_fold_parts_all_rows(self):
        folds = customer_folds(self.GROUPS, self.SPLIT)
        assert np.sum([fold.test for fold in folds], axis=0).tolist() == [1] * 600
        for fold in folds:
            assert np.array_equal(fold.fit.astype(int) + fold.calibrate + fold.test, np.ones(600, int))

    def test_no_group_is_on_two_sides(self):
        for fold in customer_folds(self.GROUPS, self.SPLIT):
            sides = [set(self.GROUPS[mask]) for mask in (fold.fit, fold.calibrate, fold.test)]
            assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
            assert all(sides)

    def test_new_rows_never_move_old_ones(self):
        more = pd.concat([pd.Series([f"new-{i}" for i in range(50)]), self.GROUPS], ignore_index=True)
        before, after = customer_folds(self.GROUPS, self.SPLIT), customer_folds(more, self.SPLIT)
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(old.test, new.test[50:]) and np.array_equal(old.fit, new.fit[50:])

    def test_another_seed_is_another_split(self):
        other = self.SPLIT.model_copy(update={"seed": 8})
        assert not np.array_equal(
            customer_folds(self.GROUPS, self.SPLIT)[0].test, customer_folds(self.GROUPS, other)[0].test
        )

    def test_shares_are_about_those_asked_for(self):
        fold = customer_folds(pd.Series([str(i) for i in range(4000)]), self.SPLIT)[0]
        assert 0.22 < fold.test.mean() < 0.28
        assert 0.12 < fold.calibrate.mean() < 0.18  # a fifth of what is not tested

    def test_a_draw_depends_on_text_and_seed_alone_and_lies_below_one(self):
        draws = [draw_share(str(i), 0) for i in range(500)]
        assert draws == [draw_share(str(i), 0) for i in range(500)]
        assert all(0 <= draw < 1 for draw in draws) and len(set(draws)) == 500


class TestRollingFolds:
    rows = pd.DataFrame({"as_of_date": pd.to_datetime(list(date_grid(date(2023, 1, 1), date(2024, 3, 1), 30)))})
    split = SplitSettings(kind="temporal", test_dates=2, calibration_dates=1, backtest_folds=3, backtest_dates=2)

    def _dates(self, mask: np.ndarray) -> list[date]:
        return [d.date() for d in self.rows.loc[mask, "as_of_date"]]

    def test_origins_roll_forward_and_the_test_dates_stay_unread(self):
        folds = rolling_folds(self.rows, self.split, EMBARGO_DAYS)
        final = split_dates([d.date() for d in self.rows["as_of_date"]], self.split, EMBARGO_DAYS).test
        assert [len(self._dates(fold.test)) for fold in folds] == [2, 2, 2]
        measured = [day for fold in folds for day in self._dates(fold.test)]
        assert measured == sorted(set(measured))
        assert max(measured) + timedelta(days=EMBARGO_DAYS) <= min(final)
        for fold in folds:
            used = fold.fit | fold.calibrate | fold.test
            assert max(self._dates(used)) < min(final)

    def test_within_a_fold_parts_lie_an_embargo_apart(self):
        for fold in rolling_folds(self.rows, self.split, EMBARGO_DAYS):
            parts = [self._dates(mask) for mask in (fold.fit, fold.calibrate, fold.test)]
            for earlier, later in ((parts[0], parts[1]), (parts[1], parts[2])):
                assert (min(later) - max(earlier)).days >= EMBARGO_DAYS

    def test_a_fold_carries_the_first_date_it_measures(self):
        folds = rolling_folds(self.rows, self.split, EMBARGO_DAYS)
        assert [fold.name for fold in folds] == [f"fold-{self._dates(fold.test)[0]}" for fold in folds]

    def test_as_many_folds_as_the_dates_allow_but_never_one(self):
        many = self.split.model_copy(update={"backtest_folds": 20})
        assert 3 < len(rolling_folds(self.rows, many, EMBARGO_DAYS)) < 20
        with pytest.raises(DataRefused, match="give 1 of the 2 folds") as refused:
            rolling_folds(self.rows.iloc[-9:], self.split, EMBARGO_DAYS)
        assert refused.value.code == "too_few_dates"


class TestRowsIn:
    ROWS = pd.DataFrame({"customer_id": list("abcde"), "x": [0.0, 1.0, 2.0, 3.0, 4.0]})

    @pytest.mark.parametrize("chosen", ["", "a", "bcd", "de", "abcde", "ace"])
    def test_any_part_holds_its_rows_in_their_order_and_under_their_labels(self, chosen: str) -> None:
        is_in = self.ROWS["customer_id"].isin(list(chosen)).to_numpy()
        pd.testing.assert_frame_equal(rows_in(self.ROWS, is_in), self.ROWS[is_in])

    def test_rows_that_lie_side_by_side_are_not_copied(self) -> None:
        part = rows_in(self.ROWS, np.array([False, True, True, True, False]))
        assert np.shares_memory(part["x"].to_numpy(), self.ROWS["x"].to_numpy())

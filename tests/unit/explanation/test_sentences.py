from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from churn.core.settings import Language
from churn.explanation.sentences import rank_in_words, write_reason, write_reasons
from tests.unit.explanation.test_reasons import ACTIVE, PLAN, TICKETS, TREND
from tests.unit.modeling.toys import make_feature

RECENCY = make_feature("recency", reason_en="Last active {value} days ago", reason_ja="最終利用は{value}日前")


class TestWords:
    ROW: ClassVar = {
        "active_30": 3.0,
        "active_before": 14.0,
        "plan": "エンタープライズ",
        "tickets": 1.0,
        "recency": 5.0,
    }

    def test_quote_the_customers_own_numbers_and_what_they_are_compared_with(self) -> None:
        text = write_reason(ACTIVE, self.ROW, {"active_30": 8.5}, "en")
        assert text == "Active on 3 days in the last 30, 14 in the 30 before (typical: 8.5)"

    def test_in_japanese(self) -> None:
        assert write_reason(ACTIVE, self.ROW, {"active_30": 8.5}, "ja") == (
            "直近30日間の利用は3日、その前は14日（標準: 8.5日）"
        )

    def test_a_share_is_quoted_in_percent(self) -> None:
        opened = make_feature("opened", unit="share", reason_en="Opened {value} (typical: {typical})")
        texts = [write_reason(opened, {"opened": value}, {"opened": 0.4}, "en") for value in (0.25, 1 / 3, 0.0, np.nan)]
        assert texts == ["Opened 25% (typical: 40%)", "Opened 33.3% (typical: 40%)", "Opened 0% (typical: 40%)",
                         "Opened not known (typical: 40%)"]  # fmt: skip

    def test_a_change_carries_its_sign(self) -> None:
        change = make_feature("change", reason_en="{change} against before", prior_of="change")
        texts = [write_reason(change, {"change": value}, {}, "en") for value in (31.0, -2.0, 0.0, 0.5, np.nan)]
        assert [text.split()[0] for text in texts] == ["+31", "-2", "0", "+0.5", "not"]

    def test_a_feature_may_speak_with_the_value_of_another(self) -> None:
        assert write_reason(TREND, self.ROW, {}, "en") == "Active on 3 days, falling"

    def test_one_is_singular_in_english_alone(self) -> None:
        row = {**self.ROW, "active_30": 1.0}
        assert write_reason(TREND, row, {}, "en") == "Active on 1 day, falling"
        assert write_reason(TICKETS, row, {}, "en") == "1 ticket open"
        assert write_reason(RECENCY, {"recency": 1.0}, {}, "en") == "Last active 1 day ago"
        assert write_reason(RECENCY, {"recency": 1.0}, {}, "ja") == "最終利用は1日前"

    @pytest.mark.parametrize("value", [11.0, 21.0, 0.1, 1.1, 1001.0])
    def test_numbers_that_merely_end_in_one_stay_plural(self, value: float) -> None:
        assert write_reason(TICKETS, {"tickets": value}, {}, "en").endswith(" tickets open")

    @pytest.mark.parametrize("missing", [None, np.nan, float("inf"), pd.NA])
    def test_what_is_missing_is_said_to_be_not_known(self, missing: Any) -> None:
        assert write_reason(PLAN, {"plan": missing}, {}, "en") == "Plan: not known"
        assert write_reason(PLAN, {"plan": missing}, {}, "ja") == "プラン: 不明"
        assert write_reason(PLAN, {}, {}, "en") == "Plan: not known"

    @pytest.mark.parametrize(
        ("number", "shown"),
        [(3.0, "3"), (0.0, "0"), (0.254, "0.25"), (0.5, "0.5"), (2.999999999999, "3"), (12.34, "12.3"),
         (1234.5, "1,234"), (-0.5, "-0.5"), (1_000_000.0, "1,000,000"), (0.001, "0"), (9.999, "10")],
    )  # fmt: skip
    def test_numbers_read_as_people_write_them(self, number: float, shown: str) -> None:
        assert write_reason(PLAN, {"plan": number}, {}, "en") == f"Plan: {shown}"

    @pytest.mark.parametrize(
        ("beginning", "none"),
        [("Last payment", "No payment in the last 180 days"), ("Errors: last", "Errors: none in the last 180 days")],
    )
    def test_a_value_at_the_ceiling_may_never_have_been(self, beginning: str, none: str) -> None:
        feature = make_feature("recency", reason_en=f"{beginning} {{value}} days ago (typical: {{typical}})",
                               reason_ja="支払い：最後は{value}日前（標準：{typical}日前）", ceiling=180.0)  # fmt: skip

        def told(value: float, typical: float, language: Language) -> str:
            return write_reason(feature, {"recency": value}, {"recency": typical}, language)

        assert told(180.0, 23.0, "en") == f"{none} (typical: 23)"
        assert told(180.0, 23.0, "ja") == "支払い：直近180日間なし（標準：23日前）"
        assert told(179.0, 180.0, "en") == f"{beginning} 179 days ago (typical: none in 180 days)"
        assert told(179.0, 180.0, "ja") == "支払い：最後は179日前（標準：180日間なし）"

    def test_no_days_left_is_today(self) -> None:
        renewal = make_feature("renewal", reason_en="Next renewal in {value} days", reason_ja="次の更新まで{value}日")
        assert write_reason(renewal, {"renewal": 0.0}, {}, "en") == "Next renewal today"
        assert write_reason(renewal, {"renewal": 0.0}, {}, "ja") == "次の更新は本日"
        assert write_reason(renewal, {"renewal": 10.0}, {}, "ja") == "次の更新まで10日"

    def test_money_carries_its_currency(self) -> None:
        paid = make_feature("paid", unit="currency per month", reason_en="Pays {value} (typical: {typical})")
        assert (
            write_reason(paid, {"paid": 1234.5}, {"paid": 20.0}, "en", "EUR") == "Pays 1,234.50 EUR (typical: 20 EUR)"
        )

    def test_codes_are_written_as_words(self) -> None:
        assert write_reason(PLAN, {"plan": "self_employed"}, {}, "en") == "Plan: self employed"

    @pytest.mark.parametrize(
        ("rank", "en"),
        [(100.0, "the highest of comparable customers"), (99.6, "more than 99% of comparable customers"),
         (0.2, "only 1% of comparable customers lie below"), (0.0, "the lowest of comparable customers"),
         (np.nan, "not known")],
    )  # fmt: skip
    def test_a_rank_is_told_in_whole_percent_of_comparable_customers(self, rank: float, en: str) -> None:
        assert rank_in_words(rank, "en") == en

    def test_words_of_a_customer_are_never_taken_for_a_template(self) -> None:
        assert write_reason(PLAN, {"plan": "{value} {0} %s"}, {}, "en") == "Plan: {value} {0} %s"

    def test_sentences_of_all_rows_come_in_the_order_chosen(self) -> None:
        rows = pd.DataFrame({"plan": ["team", None], "tickets": [2.0, 5.0]})
        assert write_reasons([[TICKETS, PLAN], []], rows, {}, "en") == [["2 tickets open", "Plan: team"], []]


def test_a_long_category_is_quoted_by_its_beginning():
    feature = make_feature("note", kind="category")
    assert write_reason(feature, {"note": "x" * 20_000}, {}, "en") == f"note is {'x' * 80}…"
    assert write_reason(feature, {"note": "x" * 80}, {}, "en") == f"note is {'x' * 80}"

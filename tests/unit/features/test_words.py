from __future__ import annotations

from churn.core.source import EventTypeSettings
from churn.features.words import describe_kind


def _describe(words: EventTypeSettings):
    return describe_kind("event_type", "eng_<type>_value_sum", "app_error", "app_error", words, days=30)


def test_a_value_is_named_by_what_it_measures() -> None:
    feature = _describe(EventTypeSettings(en="errors", value_en="minutes lost to errors", value_ja="失われた分数"))
    assert feature.en == "minutes lost to errors, total of the last 30 days"
    assert feature.reason_en == "Minutes lost to errors: {value} in total in the last 30 days (typical: {typical})"
    assert feature.reason_ja == "失われた分数: 直近30日間の合計は{value}（標準: {typical}）"


def test_without_such_a_name_it_is_the_value_of_the_kind() -> None:
    assert _describe(EventTypeSettings(en="errors", ja="エラー")).reason_en.startswith("Value of errors: ")
    assert _describe(EventTypeSettings()).en.startswith("value of app error, ")

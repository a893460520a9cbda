from __future__ import annotations

from churn.core.source import EventTypeSettings
from churn.features.words import describe_kind, read_words


def _describe(words: EventTypeSettings):
    return describe_kind("event_type", "eng_<type>_value_sum", "app_error", "app_error", words, days=30)


def test_a_part_and_its_whole_are_counted_in_one_unit() -> None:
    entries = {name: words for family in read_words().values() for name, words in family.items()}
    parts = {name: words["part_of"] for name, words in entries.items() if "part_of" in words}
    assert len(parts) > 5
    assert all(entries[name]["unit"] == entries[whole]["unit"] for name, whole in parts.items())


def test_a_part_of_a_kind_belongs_to_the_whole_over_the_same_window() -> None:
    words = EventTypeSettings(en="errors")
    feature = describe_kind("event_type", "eng_<type>_count", "app_error", "app_error", words, days=30)
    assert (feature.name, feature.part_of) == ("eng_app_error_count_30d", "eng_events_count_30d")


def test_a_value_is_named_by_what_it_measures() -> None:
    feature = _describe(EventTypeSettings(en="errors", value_en="minutes lost to errors", value_ja="失われた分数"))
    assert feature.en == "minutes lost to errors, total of the last 30 days"
    assert feature.reason_en == "Minutes lost to errors: {value} in total in the last 30 days (typical: {typical})"
    assert feature.reason_ja == "失われた分数：直近30日間の合計は{value}（標準：{typical}）"


def test_without_such_a_name_it_is_the_value_of_the_kind() -> None:
    assert _describe(EventTypeSettings(en="errors", ja="エラー")).reason_en.startswith("Value of errors: ")
    assert _describe(EventTypeSettings()).en.startswith("value of app error, ")

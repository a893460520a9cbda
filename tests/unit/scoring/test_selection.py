from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from churn.core.errors import ConfigRefused
from churn.core.settings import PolicySettings
from churn.scoring.batch import ModelMark
from churn.scoring.selection import Selection, select_rows
from tests.unit.modeling.toys import fitted, rows_of
from tests.unit.scoring.tables import ranked_scores, worklist_of

POLICY = PolicySettings(capacity=60, control_share=0.3)
SCORES = ranked_scores(rows_of(), fitted("trees"), POLICY, ModelMark("churn-toy", "1", "run"))
WORKLIST = worklist_of(SCORES, POLICY)


def _chosen(rows: pd.DataFrame = WORKLIST, **wanted: Any) -> pd.DataFrame:
    return select_rows(rows, Selection(**wanted))


def test_without_wishes_everything_comes_in_the_lists_order() -> None:
    assert list(_chosen()["list_position"]) == list(range(1, 61))


def test_top_takes_the_first() -> None:
    assert list(_chosen(top=3)["list_position"]) == [1, 2, 3]
    assert len(_chosen(top=500)) == 60


def test_segments_narrow_one_after_the_other() -> None:
    chosen = _chosen(segments={"plan": "basic", "country": "JP"})
    assert len(chosen)
    assert set(chosen["plan"]) == {"basic"}
    assert set(chosen["country"]) == {"JP"}


@pytest.mark.parametrize("segment", ["risk_band", "arm"])
def test_band_and_arm_are_segments_too(segment: str) -> None:
    value = WORKLIST[segment].iloc[0]
    assert set(_chosen(segments={segment: value})[segment]) == {value}


def test_top_is_taken_after_the_filters() -> None:
    both = _chosen(segments={"plan": "basic"}, top=5)
    assert len(both) == 5
    assert list(both["customer_id"]) == list(_chosen(segments={"plan": "basic"})["customer_id"][:5])


def test_cause_and_money_narrow() -> None:
    cause = WORKLIST["cause"].iloc[0]
    assert set(_chosen(cause=cause)["cause"]) == {cause}
    assert (_chosen(min_mrr=30.0)["mrr"] >= 30).all()


def test_a_known_cause_that_nobody_has_gives_an_empty_list() -> None:
    assert len(_chosen(cause="competition")) == 0


@pytest.mark.parametrize("language", ["en", "ja"])
def test_words_come_in_the_readers_language_alone(language: str) -> None:
    chosen = _chosen(language=language)
    assert list(chosen["reasons"][0]) == list(WORKLIST[f"reasons_{language}"][0])
    assert chosen["action"][0] == WORKLIST[f"action_{language}"][0]
    assert not {"reasons_en", "reasons_ja", "action_en", "action_ja", "raw_score"} & set(chosen.columns)


def test_what_a_reader_needs_comes_first_and_the_model_last() -> None:
    columns = list(_chosen().columns)
    assert columns[:3] == ["list_position", "customer_id", "as_of_date"]
    assert columns[-3:] == ["model_name", "model_version", "model_run_id"]


def test_all_scores_can_be_read_the_same_way() -> None:
    chosen = _chosen(SCORES, top=150)
    assert list(chosen["risk_rank"]) == list(range(1, 151))


class TestProblems:
    @staticmethod
    def _refused(rows: pd.DataFrame = WORKLIST, **wanted: Any) -> str:
        with pytest.raises(ConfigRefused) as refused:
            _chosen(rows, **wanted)
        return str(refused.value)

    def test_an_unknown_segment_names_the_nearest_and_all(self) -> None:
        text = self._refused(segments={"contry": "JP"})
        assert "--segment contry: no such segment; did you mean 'country'?" in text
        assert "plan" in text

    def test_a_column_that_is_no_segment_is_not_one(self) -> None:
        for name in ("customer_id", "churn_probability", "reasons_en", "model_version", "raw_score"):
            assert f"--segment {name}: no such segment" in self._refused(segments={name: "x"})

    def test_an_unknown_value_names_those_there_are(self) -> None:
        text = self._refused(segments={"country": "jp"})
        assert "--segment country=jp: nobody on the list; did you mean 'JP'? (there are DE, JP, US)" in text

    def test_an_unknown_cause_names_the_nearest(self) -> None:
        assert "--cause prices: no such cause; did you mean 'pricing'?" in self._refused(cause="prices")

    def test_all_problems_are_said_at_once(self) -> None:
        text = self._refused(segments={"contry": "JP", "plan": "gold"}, cause="prices")
        assert text.startswith("3 problems")

    def test_money_cannot_be_asked_for_where_there_is_none(self) -> None:
        assert "--min-mrr" in self._refused(WORKLIST.assign(mrr=float("nan")), min_mrr=1.0)

"""Ranks and lists: a permutation on every date, by the written tie rule, whatever the order of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from churn.core.settings import PolicySettings
from churn.evaluation.ranking import auc, rank_within_dates, top_lists
from churn.scoring.worklist import rank_scores
from tests.unit.scoring.tables import as_table, worklist_of

VALUES = st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(1, 3), VALUES, st.none() | st.sampled_from([0.0, 5.0, 7.5]), st.booleans()
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


def _frame(rows: list[tuple[int, int, float, float | None, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["number", "month", "score", "value", "churned"])
    return frame.assign(
        customer_id=[f"c{n}" for n in frame["number"]],
        as_of_date=pd.to_datetime([f"2024-0{m}-01" for m in frame["month"]]),
        value=frame["value"].astype(float),
    )


def _ranks(frame: pd.DataFrame) -> dict[tuple[str, pd.Timestamp], int]:
    ranks = rank_within_dates(frame, frame["score"].to_numpy(), frame["value"].to_numpy())
    return dict(zip(zip(frame["customer_id"], frame["as_of_date"], strict=True), ranks.tolist(), strict=True))


def _by_hand(frame: pd.DataFrame) -> dict[tuple[str, pd.Timestamp], int]:
    """The tie rule in plain Python."""
    ranks = {}
    for date in set(frame["as_of_date"]):
        rows = [row for row in frame.to_dict("records") if row["as_of_date"] == date]
        rows.sort(key=lambda r: (-r["score"], -(0.0 if np.isnan(r["value"]) else r["value"]), r["customer_id"]))
        ranks |= {(row["customer_id"], date): number for number, row in enumerate(rows, start=1)}
    return ranks


@given(ROWS)
def test_ranks_follow_the_written_rule(rows: list[tuple[int, int, float, float | None, bool]]) -> None:
    frame = _frame(rows)
    assert _ranks(frame) == _by_hand(frame)


@given(ROWS, st.randoms(use_true_random=False))
def test_row_order_never_matters(rows: list[tuple[int, int, float, float | None, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _ranks(_frame(shuffled)) == _ranks(_frame(rows))


@given(ROWS, st.integers(1, 50))
def test_lists_hold_the_first_ranks_of_every_date_and_no_more(
    rows: list[tuple[int, int, float, float | None, bool]], capacity: int
) -> None:
    frame = _frame(rows)
    ranks = rank_within_dates(frame, frame["score"].to_numpy())
    for top in top_lists(frame, ranks, capacity):
        for date, of_date in frame.groupby("as_of_date").groups.items():
            chosen, size = top.chosen[of_date], len(of_date)
            expected = capacity if top.name == "capacity" else int(np.ceil(size * int(top.name[:-3]) / 100))
            assert chosen.sum() == min(expected, size), date
            assert set(ranks[of_date][chosen]) == set(range(1, min(expected, size) + 1))


@settings(max_examples=25)
@given(ROWS)
def test_ranks_of_scores_follow_the_rule_of_the_evaluation(
    rows: list[tuple[int, int, float, float | None, bool]],
) -> None:
    frame = _frame(rows).query("month == 1").reset_index(drop=True)
    scores = frame.rename(columns={"score": "churn_probability", "value": "mrr"}).assign(risk_band="low")
    table = as_table(scores[["customer_id", "churn_probability", "mrr", "risk_band"]])
    ranked = rank_scores(table).to_pyarrow().to_pandas().set_index("customer_id")["risk_rank"]
    assert {(name, pd.Timestamp("2024-01-01")): rank for name, rank in ranked.items()} == _by_hand(frame)


@settings(max_examples=25)
@given(ROWS, st.integers(1, 50), st.sampled_from(["churn_probability", "mrr_at_risk"]), st.floats(0, 0.5))
def test_the_worklist_is_the_head_of_one_total_order(
    rows: list[tuple[int, int, float, float | None, bool]], capacity: int, rank_by: str, control_share: float
) -> None:
    frame = _frame(rows).query("month == 1").rename(columns={"score": "churn_probability", "value": "mrr_at_risk"})
    scores = frame.assign(as_of_date="2024-01-01")
    assume(rank_by == "churn_probability" or scores.empty or scores["mrr_at_risk"].notna().any())
    policy = PolicySettings(capacity=capacity, rank_by=rank_by, control_share=control_share)  # type: ignore[arg-type]
    long = worklist_of(scores, policy.model_copy(update={"capacity": 1000}))
    short = worklist_of(scores, policy)
    assert sorted(long["customer_id"]) == sorted(scores["customer_id"])
    pd.testing.assert_frame_equal(short, long.head(capacity))


@given(ROWS)
def test_auc_counts_pairs(rows: list[tuple[int, int, float, float | None, bool]]) -> None:
    frame = _frame(rows)
    score, churned = frame["score"].to_numpy(), frame["churned"].to_numpy(dtype=float)
    pairs = [(a > b) + 0.5 * (a == b) for a in score[churned == 1] for b in score[churned == 0]]
    measured = auc(score, churned)
    assert np.isnan(measured) if not pairs else measured == pytest.approx(np.mean(pairs))

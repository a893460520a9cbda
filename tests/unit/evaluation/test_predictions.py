from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn.core.settings import EvaluationSettings
from churn.evaluation.predictions import (
    fingerprint_of,
    in_order_of,
    judged_probability,
    measured_rows,
    prices_of,
    probabilities_of,
    to_predictions,
)
from churn.evaluation.report import build_report

SETTINGS = EvaluationSettings(bootstrap_samples=20)


def _rows(customers: int = 80) -> tuple[pd.DataFrame, dict[str, np.ndarray], np.ndarray]:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "customer_id": np.tile([f"id-{n}" for n in generator.permutation(customers)], 2),
            "as_of_date": np.repeat(pd.to_datetime(["2024-01-01", "2024-02-01"]), customers),
            "churned": (generator.random(2 * customers) < 0.3).astype(int),
        }
    )
    tied = {"model": generator.integers(1, 9, len(rows)) / 10, "recency": generator.random(len(rows))}
    return rows, tied, generator.integers(1, 3, len(rows)).astype(float)


def test_measured_again_they_give_the_very_figures_of_the_run_ties_and_resamples_included() -> None:
    rows, probabilities, mrr = _rows()
    kept = to_predictions(rows, probabilities, mrr)
    again = build_report(measured_rows(kept), probabilities_of(kept), SETTINGS, 10, prices_of(kept))
    assert again == build_report(rows, probabilities, SETTINGS, 10, mrr)


def test_no_customer_can_be_read_from_them() -> None:
    rows, probabilities, mrr = _rows()
    kept = to_predictions(rows, probabilities, mrr)
    assert not kept.astype(str).apply(lambda column: column.str.contains("id-")).any().any()
    assert kept["customer"].str.fullmatch("[0-9a-f]{20}").all()


def test_the_judged_model_comes_first() -> None:
    rows, probabilities, _ = _rows()
    kept = to_predictions(rows, probabilities, None)
    assert list(probabilities_of(kept)) == ["model", "recency"]
    assert (judged_probability(kept) == probabilities["model"]).all()
    assert prices_of(kept) is None


class TestFingerprint:
    def test_outlives_being_written_and_read(self, tmp_path: Path) -> None:
        rows, probabilities, mrr = _rows()
        kept = to_predictions(rows, probabilities, mrr)
        kept.to_parquet(tmp_path / "kept.parquet")
        assert fingerprint_of(pd.read_parquet(tmp_path / "kept.parquet")) == fingerprint_of(kept)

    def test_is_that_of_the_rows_whatever_was_predicted_and_in_whatever_order(self) -> None:
        rows, probabilities, mrr = _rows()
        shuffled = rows.sample(frac=1, random_state=1)
        assert fingerprint_of(to_predictions(rows, probabilities, mrr)) == fingerprint_of(
            to_predictions(shuffled, {}, None)
        )

    @pytest.mark.parametrize(
        "change",
        [lambda r: r.iloc[1:], lambda r: r.assign(churned=1 - r["churned"]),
         lambda r: r.assign(as_of_date=r["as_of_date"] + pd.Timedelta(days=1))],
        ids=["a row less", "other outcomes", "other dates"],
    )  # fmt: skip
    def test_tells_other_rows_apart(self, change) -> None:  # type: ignore[no-untyped-def]
        rows, _, _ = _rows()
        assert fingerprint_of(to_predictions(rows, {}, None)) != fingerprint_of(to_predictions(change(rows), {}, None))

    def test_rows_are_found_again_in_another_order(self) -> None:
        rows, probabilities, mrr = _rows()
        kept = to_predictions(rows, probabilities, mrr)
        shuffled = kept.sample(frac=1, random_state=2).reset_index(drop=True)
        pd.testing.assert_frame_equal(in_order_of(shuffled, kept), kept)

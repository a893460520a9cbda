from __future__ import annotations

import base64
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn.core.errors import ConfigRefused, DataRefused
from churn.core.settings import EvaluationSettings, PolicySettings
from churn.evaluation.comparison import Comparison, compare_runs, leaderboard, leaderboard_lines
from churn.evaluation.comparison_page import plot_differences, write_page
from churn.evaluation.predictions import to_predictions
from tests.builders import make_settings

SETTINGS, POLICY = EvaluationSettings(bootstrap_samples=60), PolicySettings(capacity=20)


def _runs() -> dict[str, pd.DataFrame]:
    """Three runs on the same rows: one knows, one knows a little less, one guesses; rows in different orders."""
    generator = np.random.default_rng(7)
    rows = pd.DataFrame({"customer_id": [f"c{n}" for n in range(300)], "as_of_date": pd.Timestamp("2024-01-01")})
    signal = generator.normal(size=300)
    truth = 1 / (1 + np.exp(1 - 2 * signal))
    rows["churned"] = (generator.random(300) < truth).astype(int)
    said = {"guesses": generator.random(300), "knows": truth,
            "nearly <b>": 1 / (1 + np.exp(1 - 2 * signal - generator.normal(scale=0.1, size=300)))}  # fmt: skip
    runs = {name: to_predictions(rows, {"model": p}, None) for name, p in said.items()}
    return {**runs, "knows": runs["knows"].sample(frac=1, random_state=0)}


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare_runs(_runs(), "auc", SETTINGS, POLICY)


class TestRanking:
    def test_is_by_the_metric_best_first(self, compared: Comparison) -> None:
        values = [compared.report.metrics[name]["auc"].value for name in compared.names]
        assert values == sorted(values, reverse=True)
        assert compared.names[-1] == "guesses"
        known = _runs()["knows"]
        assert compared.report.metrics["knows"]["auc"].value == pytest.approx(
            roc_auc_score(known["churned"], known["model_probability"])
        )

    @pytest.mark.parametrize("metric", ["log_loss", "brier"])
    def test_of_a_loss_puts_the_smallest_first_and_its_lead_is_still_positive(self, metric: str) -> None:
        compared = compare_runs(_runs(), metric, SETTINGS, POLICY)
        assert compared.names[-1] == "guesses"
        lead = compared.lead("guesses")
        assert lead is not None and 0 < lead.low < lead.value < lead.high

    def test_a_run_against_its_like_differs_by_nothing_without_a_sign_of_loss(self) -> None:
        runs = {name: _runs()["knows"] for name in ("once", "again")}
        second = leaderboard(compare_runs(runs, "auc", SETTINGS, POLICY))["difference"].iloc[1]
        assert second == "+0.0000 [+0.0000, +0.0000]"

    def test_tells_noise_from_a_real_difference(self, compared: Comparison) -> None:
        second = compared.names[1]
        assert compared.is_within_noise(second) and not compared.is_within_noise("guesses")
        assert compared.lead(compared.names[0]) is None

    def test_does_not_depend_on_the_order_runs_are_named_in(self, compared: Comparison) -> None:
        backwards = dict(reversed(list(_runs().items())))
        other = compare_runs(backwards, "auc", SETTINGS, POLICY)
        pd.testing.assert_frame_equal(leaderboard(other), leaderboard(compared))

    def test_by_an_unknown_metric_names_the_nearest(self) -> None:
        with pytest.raises(ConfigRefused, match="--metric acu: no such metric; did you mean 'auc'"):
            compare_runs(_runs(), "acu", SETTINGS, POLICY)

    def test_of_one_run_alone_is_its_own_table(self) -> None:
        alone = compare_runs({"knows": _runs()["knows"]}, "auc", SETTINGS, POLICY)
        assert list(leaderboard(alone)["difference"]) == ["best"]


def test_runs_tested_on_other_rows_are_refused_with_the_rows_of_each() -> None:
    runs = _runs()
    later = runs["knows"].assign(as_of_date=pd.Timestamp("2024-06-01"))
    with pytest.raises(DataRefused, match="not tested on the same customers") as refused:
        compare_runs({**runs, "later": later}, "auc", SETTINGS, POLICY)
    assert refused.value.code == "different_test_sets"
    assert "later: 300 rows from 2024-06-01 to 2024-06-01" in str(refused.value)


def test_lines_name_place_run_figure_and_difference(compared: Comparison) -> None:
    head, columns, first, *_, last = leaderboard_lines(compared)
    assert head.startswith("test: 300 rows of 300 customers on 1 as-of dates, 2024-01-01 to 2024-01-01")
    assert columns.split()[:3] == ["#", "run", "auc"]
    assert first.split()[0] == "1" and "best" in first
    assert last.split()[:2] == ["3", "guesses"] and "-0." in last and "noise" not in last


@pytest.fixture(scope="module")
def page(compared: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = make_settings(tmp_path_factory.mktemp("page"))
    differing = pd.DataFrame({name: ["0.1" if name == "knows" else None] for name in compared.names}, ["model.x"])
    return write_page(compared, {"knows": {"run": "0123456789", "status": "champion"}}, differing, settings)


class TestPage:
    def test_needs_nothing_from_elsewhere(self, page: str) -> None:
        assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)", page)
        pictures = re.findall(r'base64,([^"]+)"', page)
        assert len(pictures) == 5
        assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)

    def test_names_every_run_safely(self, page: str) -> None:
        assert "nearly &lt;b&gt;" in page and "nearly <b>" not in page
        assert "01234567 · champion" in page and "model.x" in page

    def test_draws_the_distance_of_every_other_run(self, compared: Comparison) -> None:
        (axes,) = plot_differences(compared).axes
        assert [text.get_text() for text in axes.get_yticklabels()] == compared.names[1:]

"""Every stage on the simulated company with a real SQLite store; the tests only read what the stages left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.integrations.mlflow_store import connect
from churn.integrations.publication import read_published
from churn.integrations.registry import load_model
from tests.pipelines.demo import IGNORED, Demo

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
STAGES = ("simulate", "validate", "features", "train", "explain", "score")
TRACKED = STAGES[1:]


def results(demo: Demo, stage: str) -> dict[str, Any]:
    """What the stage's first run wrote for other programs."""
    content: dict[str, Any] = json.loads(demo.results(stage)[0].read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def settings(demo: Demo) -> ChurnSettings:
    return demo.settings()


@pytest.fixture(scope="module")
def client(settings: ChurnSettings) -> MlflowClient:
    return connect(settings)[0]


@pytest.fixture(scope="module")
def runs(demo: Demo, client: MlflowClient) -> dict[str, Run]:
    """The MLflow run of every stage."""
    return {stage: client.get_run(results(demo, stage)["run_id"]) for stage in TRACKED}


class TestRunResults:
    @pytest.mark.parametrize("stage", STAGES)
    def test_every_stage_leaves_one_line_rows_seconds_and_paths(self, stage: str, demo: Demo) -> None:
        content = results(demo, stage)
        assert content["stage"] == stage
        assert content["summary"] and "\n" not in content["summary"]
        assert content["rows_out"] and all(rows >= 0 for rows in content["rows_out"].values())
        assert content["durations"] and all(seconds >= 0 for seconds in content["durations"].values())
        for path in content["artifacts"].values():
            assert Path(path).exists() or path.startswith("run ")

    def test_rows_out_of_one_stage_are_rows_into_the_next(self, demo: Demo) -> None:
        assert results(demo, "simulate")["rows_out"] == results(demo, "validate")["rows_in"]
        assert results(demo, "validate")["rows_out"] == results(demo, "features")["rows_in"]
        assert results(demo, "train")["rows_in"]["matrix"] <= results(demo, "features")["rows_out"]["matrix"]

    def test_features_say_how_many_left_and_who_was_left_out(self, demo: Demo) -> None:
        metrics = results(demo, "features")["metrics"]
        assert 0 < metrics["base_rate"] < 0.5
        assert metrics["labelled"] + sum(v for k, v in metrics.items() if k.startswith("left_out")) == metrics["rows"]
        assert metrics["excluded_cancellation_requested"] > 0

    def test_scoring_keeps_its_figures_with_the_results(self, demo: Demo, runs: dict[str, Run]) -> None:
        metrics = results(demo, "score")["metrics"]
        assert metrics["customers_scored"] == results(demo, "score")["rows_out"]["scores"]
        assert metrics == pytest.approx(runs["score"].data.metrics)


class TestTracking:
    @pytest.mark.parametrize("stage", TRACKED)
    def test_every_run_is_finished_and_says_where_it_comes_from(self, stage: str, runs: dict[str, Run]) -> None:
        run = runs[stage]
        assert run.info.status == "FINISHED"
        assert (run.data.tags["stage"], run.data.tags["source"]) == (stage, "demo")
        assert run.data.params["windows.horizon_days"] == "30"
        config = json.loads(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/config.json"))
        assert config["source"]["name"] == "demo"

    @pytest.mark.parametrize("stage", TRACKED)
    def test_every_run_is_described_by_its_last_line(self, stage: str, demo: Demo, runs: dict[str, Run]) -> None:
        assert runs[stage].data.tags["mlflow.note.content"] == results(demo, stage)["summary"]
        assert all(runs[stage].data.tags.values())

    def test_experiment_and_model_are_described_and_no_language_model(
        self, settings: ChurnSettings, client: MlflowClient
    ) -> None:
        tags = client.get_experiment_by_name(settings.tracking.experiment).tags
        assert tags["mlflow.experimentKind"] == "custom_model_development"
        assert "`demo`" in tags["mlflow.note.content"]
        assert "`champion`" in client.get_registered_model("churn-demo").description

    def test_runs_build_on_each_other_from_the_list_back_to_the_raw_tables(self, runs: dict[str, Run]) -> None:
        chain = {stage: run.data.tags.get("builds_on") for stage, run in runs.items()}
        assert chain == {
            "validate": None,
            "features": runs["validate"].info.run_id,
            "train": runs["features"].info.run_id,
            "explain": runs["train"].info.run_id,
            "score": runs["train"].info.run_id,
        }

    @pytest.mark.parametrize("stage", TRACKED)
    def test_every_run_names_the_data_it_read_by_its_fingerprint(self, stage: str, runs: dict[str, Run]) -> None:
        (given,) = runs[stage].inputs.dataset_inputs
        assert given.dataset.name == "demo"
        assert given.dataset.digest
        assert runs[stage].data.tags["data_fingerprint"][:36] == given.dataset.digest

    def test_training_and_explaining_read_the_data_set_that_features_wrote(self, runs: dict[str, Run]) -> None:
        digests = {runs[stage].inputs.dataset_inputs[0].dataset.digest for stage in ("features", "train", "explain")}
        assert len(digests) == 1

    @pytest.mark.parametrize(
        ("stage", "names"),
        [
            ("validate", {"validation.json"}),
            ("features", {"features.json"}),
            (
                "train",
                {
                    "features.json",
                    "single_feature_auc.json",
                    "slices.json",
                    "predictions.parquet",
                    "model_card.md",
                    "plots",
                },
            ),
            ("explain", {"features.json", "feature_importance.json", "plots"}),
            ("score", {"features.json"}),
        ],
    )
    def test_every_run_keeps_its_tables_and_pictures(
        self, stage: str, names: set[str], runs: dict[str, Run], client: MlflowClient
    ) -> None:
        found = {item.path for item in client.list_artifacts(runs[stage].info.run_id)}
        assert names | {"config.json"} <= found

    @pytest.mark.parametrize("stage", ["train", "explain", "score"])
    def test_runs_of_a_model_list_the_features_it_reads(
        self, stage: str, runs: dict[str, Run], settings: ChurnSettings
    ) -> None:
        listed = json.loads(mlflow.artifacts.load_text(f"runs:/{runs[stage].info.run_id}/features.json"))
        read = load_model(settings, "champion").bundle.catalog
        assert Catalog.from_rows(listed).fingerprint() == read.fingerprint()

    @pytest.mark.parametrize(
        ("stage", "names"),
        [
            ("train", {"roc", "precision_recall", "calibration", "gain", "profit"}),
            ("explain", {"beeswarm", "bar", "waterfall", "causes"}),
        ],
    )
    def test_pictures_are_pictures(
        self, stage: str, names: set[str], runs: dict[str, Run], client: MlflowClient, settings: ChurnSettings
    ) -> None:
        run_id = runs[stage].info.run_id
        assert {item.path for item in client.list_artifacts(run_id, "plots")} == {f"plots/{name}.png" for name in names}
        for name in names:
            content = (settings.tracking.artifacts / run_id / "artifacts" / "plots" / f"{name}.png").read_bytes()
            assert content.startswith(b"\x89PNG") and len(content) > 5000

    def test_the_store_lies_where_the_settings_say_and_nowhere_else(self, demo: Demo, settings: ChurnSettings) -> None:
        assert demo.database.is_file()
        assert settings.tracking.artifacts.is_dir()
        assert sorted(path.name for path in demo.home.iterdir()) == ["data", "models", "runs"]


class TestTraining:
    def test_logs_the_model_and_its_two_baselines_with_intervals(self, demo: Demo, runs: dict[str, Run]) -> None:
        metrics = runs["train"].data.metrics
        for name in ("auc", "average_precision", "log_loss", "calibration_error", "lift_at_10pct"):
            for prefix in ("", "recency_", "logistic_"):
                low, value, high = (metrics[f"{prefix}{name}{end}"] for end in ("_low", "", "_high"))
                assert low <= high
                assert np.isfinite([low, value, high]).all()
        assert results(demo, "train")["metrics"] == pytest.approx(metrics)

    def test_the_model_shows_the_figures_of_its_run(self, runs: dict[str, Run], client: MlflowClient) -> None:
        (made,) = runs["train"].outputs.model_outputs
        shown = client.get_logged_model(made.model_id).metrics
        assert {metric.key: metric.value for metric in shown or []} == runs["train"].data.metrics

    def test_writes_the_verdict_on_the_run_and_on_the_version(self, runs: dict[str, Run], client: MlflowClient) -> None:
        tags = runs["train"].data.tags
        version = client.get_model_version("churn-demo", tags["model_version"])
        assert version.run_id == runs["train"].info.run_id
        assert version.tags["gate"] in ("passed", "failed")
        assert tags["verdict"] in version.tags["gate.reasons"]
        assert (tags["status"] == "champion") == (version.tags["gate"] == "passed")

    def test_protected_attributes_are_measured_apart_and_are_no_features(self, runs: dict[str, Run]) -> None:
        run_id = runs["train"].info.run_id
        slices = json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/slices.json"))
        table = pd.DataFrame(slices["data"], columns=slices["columns"])
        assert table.loc[table["is_protected"], "attribute"].unique().tolist() == ["age_band"]
        assert {"plan", "age_days"} <= set(table["attribute"])
        assert "age_band" not in mlflow.artifacts.load_text(f"runs:/{run_id}/features.json")

    def test_writes_a_card_that_the_registry_shows(self, runs: dict[str, Run], client: MlflowClient) -> None:
        run = runs["train"]
        card = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/model_card.md")
        assert card.startswith("# Model card: churn-demo, version 1\n")
        assert "$" not in card and "nan" not in card.split()
        assert "ends 7 to 37 days after the as-of date" in card and "- protected: age_band = " in card
        assert f"; run `{run.info.run_id}`. Competing causes count for " in card
        described = client.get_model_version("churn-demo", "1").description
        assert described == card or (len(described) == 5000 and "(the rest: model_card.md of its run)" in described)

    def test_says_what_its_lists_are_worth(self, runs: dict[str, Run]) -> None:
        metrics = runs["train"].data.metrics
        assert metrics["profit_at_best_list"] != 0 and metrics["best_list_size"] > 0
        assert 0 < metrics["empc_low"] < metrics["empc_high"]

    def test_the_catalogue_says_what_every_feature_means(self, runs: dict[str, Run]) -> None:
        rows = json.loads(mlflow.artifacts.load_text(f"runs:/{runs['train'].info.run_id}/features.json"))
        assert len(Catalog.from_rows(rows).names) > 50
        assert all(row["en"] and row["ja"] and row["cause"] for row in rows)

    def test_the_champion_is_the_promoted_version_with_the_reason(self, client: MlflowClient) -> None:
        champion = client.get_model_version_by_alias("churn-demo", "champion")
        assert champion.version == "1" or champion.version == 1
        assert champion.tags["promoted.why"] == "the only one"

    def test_test_dates_are_later_than_all_the_model_learned_from(self, demo: Demo, settings: ChurnSettings) -> None:
        tested = results(demo, "train")["as_of_dates"]
        assert load_model(settings, "champion").bundle.last_fit_date < min(tested)


class TestRegisteredModel:
    def test_mlflow_gives_the_probabilities_of_the_published_list(self, demo: Demo, settings: ChurnSettings) -> None:
        bundle = load_model(settings, "champion").bundle
        model = mlflow.pyfunc.load_model("models:/churn-demo@champion")
        (folder,) = (demo.data / "demo" / "datasets").glob("[!.]*")
        matrix = pd.read_parquet(folder / "matrix.parquet").head(200)
        given = matrix[bundle.catalog.names]
        expected = bundle.probability(bundle.raw_score(given))
        assert np.asarray(model.predict(given), dtype=float) == pytest.approx(expected, abs=1e-12)


class TestExplaining:
    def test_leaves_contributions_that_add_up_for_every_row(self, demo: Demo) -> None:
        long = pd.read_parquet(results(demo, "explain")["artifacts"]["explanations"])
        assert {"customer_id", "as_of_date", "feature", "cause", "contribution", "base", "raw_score"} <= set(long)
        rows = long.groupby(["customer_id", "as_of_date"]).agg(
            total=("contribution", "sum"), base=("base", "first"), raw=("raw_score", "first")
        )
        assert (rows["total"] + rows["base"]).to_numpy() == pytest.approx(rows["raw"].to_numpy(), abs=1e-6)
        assert len(rows) == results(demo, "explain")["rows_out"]["explained"] == 200

    def test_explains_dates_the_model_has_not_learned_from(self, demo: Demo, settings: ChurnSettings) -> None:
        assert min(results(demo, "explain")["as_of_dates"]) > load_model(settings, "champion").bundle.last_fit_date

    def test_says_what_the_parts_of_the_model_count_for(self, demo: Demo, runs: dict[str, Run]) -> None:
        (makeup,) = results(demo, "explain")["notes"]
        assert makeup.startswith("Competing causes count for ")
        assert {runs[stage].data.tags["model_makeup"] for stage in ("train", "explain")} == {makeup}

    def test_ranks_features_in_words(self, runs: dict[str, Run]) -> None:
        ranking = json.loads(mlflow.artifacts.load_text(f"runs:/{runs['explain'].info.run_id}/feature_importance.json"))
        strengths = [line["mean_absolute_contribution"] for line in ranking]
        assert strengths == sorted(strengths, reverse=True)
        assert strengths[0] > 0


@pytest.fixture(scope="module")
def scores(demo: Demo) -> pd.DataFrame:
    return read_published(demo.lists, "latest", "scores")[0]


@pytest.fixture(scope="module")
def worklist(demo: Demo) -> pd.DataFrame:
    return read_published(demo.lists, "latest", "worklist")[0]


class TestScoring:
    def test_customers_in_are_scores_out(self, demo: Demo, scores: pd.DataFrame) -> None:
        content = results(demo, "score")
        assert len(scores) == content["rows_in"]["customers"] == content["rows_out"]["scores"]
        assert scores["customer_id"].is_unique

    def test_every_score_is_whole(self, scores: pd.DataFrame) -> None:
        assert scores["churn_probability"].between(0, 1).all()
        assert sorted(scores["risk_rank"]) == list(range(1, len(scores) + 1))
        assert set(scores["risk_band"]) <= {"high", "medium", "low"}
        assert (scores["mrr_at_risk"] - scores["churn_probability"] * scores["mrr"]).abs().max() < 1e-9
        assert scores["action_en"].str.len().min() > 0

    def test_the_list_is_within_capacity_and_in_order(self, scores: pd.DataFrame, worklist: pd.DataFrame) -> None:
        assert len(worklist) == 20
        assert list(worklist["customer_id"]) == list(scores["customer_id"][:20])
        assert list(worklist["list_position"]) == list(range(1, 21))
        assert set(worklist["arm"]) == {"treatment", "control"}

    def test_reasons_are_sentences_in_two_languages(self, worklist: pd.DataFrame) -> None:
        for english, japanese in zip(worklist["reasons_en"], worklist["reasons_ja"], strict=True):
            assert len(english) == len(japanese) <= 3
            assert all(text.isascii() for text in english)
            assert not any("{" in text or "nan" in text.casefold().split() for text in [*english, *japanese])
            assert len(set(english)) == len(english)

    def test_the_manifest_names_version_and_runs(self, demo: Demo, runs: dict[str, Run]) -> None:
        _, entry = read_published(demo.lists, "latest", "scores")
        assert entry["run_id"] == runs["score"].info.run_id
        assert entry["model_run_id"] == runs["train"].info.run_id
        assert entry["model_version"] == "1"


def test_the_log_of_every_run_is_plain_text_without_warnings(demo: Demo) -> None:
    logs = list(demo.runs.glob("*/*/*.log"))
    assert len(logs) >= len(STAGES)
    for log in logs:
        assert "WARNING" not in log.read_text(encoding="utf-8").replace("WARNING churn.", "")

"""Dates, cohorts, features and outcomes that cannot be right: code 1, what to do, and the last list stands."""

from __future__ import annotations

import pandas as pd
import pytest

from churn.integrations.mlflow_store import connect
from churn.integrations.publication import read_published
from tests.pipelines.demo import IGNORED, Demo, run_churn

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
SUBSCRIPTIONS = "source.tables.subscriptions"


def _failure(demo: Demo, stage: str) -> str:
    client, experiment = connect(demo.settings())
    (run,) = client.search_runs([experiment], f"tags.stage = '{stage}'", order_by=["start_time DESC"], max_results=1)
    assert run.info.status == "FAILED"
    return str(run.data.tags["failure.code"])


@pytest.mark.usefixtures("unharmed")
class TestDate:
    @pytest.mark.parametrize("day", ["2024-07-01", "2030-01-01", "2023-01-02", "2001-01-01"])
    def test_outside_the_data_is_refused_with_the_usable_range(self, day: str, own_demo: Demo) -> None:
        done = own_demo.run("score", "--as-of", day)
        assert done.code == 1
        assert done.err == (
            f"error: as-of date {day} is outside the data. Choose a date after 2023-01-02 and up to 2024-06-30 (the "
            "last day may be partial and is not counted; covered_until in the source file states another end)\n"
        )
        assert _failure(own_demo, "score") == "as_of_outside_data"

    def test_that_is_none_is_a_usage_error(self, own_demo: Demo) -> None:
        done = own_demo.run("score", "--as-of", "2024-02-30")
        assert done.code == 2
        assert "scoring.as_of" in done.err


@pytest.mark.usefixtures("unharmed")
class TestCohort:
    def test_that_is_empty_is_refused(self, own_demo: Demo) -> None:
        """Every subscription ended on the day it began: nobody is a customer on any date."""
        brief = (
            "SELECT * REPLACE (started_at + INTERVAL 1 MINUTE AS ended_at, NULL::TIMESTAMP AS cancel_requested_at) "
            "FROM subscriptions_raw"
        )
        words = [f'{SUBSCRIPTIONS}="{brief}"', "source.max_reversed_share=1.0"]
        own_demo.ok("validate", *words)
        done = own_demo.run("score", "--as-of", "latest", *words)
        assert done.code == 1
        assert "nobody is in the cohort on this date" in done.err
        assert _failure(own_demo, "score") == "empty_cohort"


@pytest.mark.usefixtures("unharmed")
class TestFeatures:
    def test_of_a_table_that_went_away_are_a_mismatch(self, own_demo: Demo) -> None:
        own_demo.ok("validate", "~source.tables.tickets")
        done = own_demo.run("score", "--as-of", "latest", "~source.tables.tickets")
        assert done.code == 1
        assert "the features built now are not the model's" in done.err
        assert "A table or attribute came or went: restore it, or train again" in done.err
        assert _failure(own_demo, "score") == "feature_mismatch"

    def test_of_an_attribute_that_came_are_a_mismatch(self, own_demo: Demo) -> None:
        words = ["source.attributes.company_size=category"]
        own_demo.ok("validate", *words)
        done = own_demo.run("score", "--as-of", "latest", *words)
        assert done.code == 1
        assert "prof_company_size_last" in done.err

    def test_with_values_training_never_saw_are_refused_above_the_limit(self, own_demo: Demo) -> None:
        for path in (own_demo.data / "demo" / "raw" / "customers").glob("*.parquet"):
            pd.read_parquet(path).assign(country="Atlantis").to_parquet(path, index=False)
        own_demo.ok("validate")
        done = own_demo.run("score", "--as-of", "latest")
        assert done.code == 1
        assert "prof_country_last: 100.0% of rows" in done.err and "training never saw" in done.err
        assert "policy.max_unseen_share (now 0.2)" in done.err
        assert _failure(own_demo, "score") == "unseen_categories"

    def test_of_settings_that_changed_since_staging_must_be_staged_again(self, own_demo: Demo) -> None:
        done = own_demo.run("score", "--as-of", "latest", "source.attributes.seats=pii")
        assert done.code == 1
        assert "have changed since it was staged. Run 'churn validate'" in done.err


@pytest.mark.usefixtures("unharmed")
class TestTraining:
    def test_with_too_few_leavers_is_refused_with_counts(self, own_demo: Demo) -> None:
        done = own_demo.run("train", "evaluation.min_positives=5000")
        assert done.code == 1
        assert "'fit' rows of temporal hold" in done.err
        assert "at least 5,000 churned and one stayed are needed" in done.err
        assert _failure(own_demo, "train") == "too_few_positives"

    def test_with_one_class_only_is_refused(self, own_demo: Demo) -> None:
        """Nobody's subscription ever ends: there is nothing to learn."""
        words = [f'{SUBSCRIPTIONS}="SELECT * REPLACE (NULL::TIMESTAMP AS ended_at) FROM subscriptions_raw"']
        own_demo.ok("validate", *words)
        done = own_demo.run("train", *words)
        assert done.code == 1
        assert "hold 0 churned" in done.err
        assert _failure(own_demo, "train") == "too_few_positives"

    def test_with_a_column_that_knows_the_outcome_raises_the_alarm(self, own_demo: Demo) -> None:
        """How many days a customer will stay in all: nobody knows that before they have left."""
        leaky = (
            "SELECT c.*, s.stays FROM customers_raw c LEFT JOIN (SELECT customer_id, "
            "date_diff('day', min(started_at), max(coalesce(ended_at, TIMESTAMP '2030-01-01'))) AS stays "
            "FROM subscriptions_raw GROUP BY customer_id) s USING (customer_id)"
        )
        words = [f'source.tables.customers="{leaky}"', "source.attributes.stays=number"]
        own_demo.ok("validate", *words)
        done = own_demo.run("train", *words, "evaluation.max_single_feature_auc=0.75")
        assert done.code == 1
        assert "rank the outcome above AUC 0.75: prof_stays_last (AUC 0." in done.err
        assert "leave it out of the mapping" in done.err
        assert _failure(own_demo, "train") == "suspected_leak"

    def test_whose_rank_is_too_good_to_be_true_names_what_makes_it_so(self, own_demo: Demo) -> None:
        done = own_demo.run("train", "evaluation.max_model_auc=0.55")
        assert done.code == 1
        assert ", above 0.55; what contributes most: " in done.err
        assert _failure(own_demo, "train") == "suspected_leak"

    def test_on_too_short_a_history_says_what_the_data_cover(self, own_demo: Demo) -> None:
        done = own_demo.run("train", "windows.history_days=500")
        assert done.code == 1
        assert "the data covers 2023-01-02 to 2024-06-30, too short for 500 days of history" in done.err
        assert _failure(own_demo, "features") == "too_short"


def test_customers_without_a_single_event_or_ticket_are_scored(own_demo: Demo) -> None:
    """Somebody who signed up and was never seen again is on the books, so they are among the scores."""
    quiet = sorted(read_published(own_demo.lists, "latest", "scores")[0]["customer_id"])[:5]
    for table in ("events", "tickets", "messages", "payments"):
        for path in (own_demo.data / "demo" / "raw" / table).glob("*.parquet"):
            rows = pd.read_parquet(path)
            rows[~rows["customer_id"].isin(quiet)].to_parquet(path, index=False)
    own_demo.ok("validate")
    own_demo.ok("score", "--as-of", "latest")
    scores = read_published(own_demo.lists, "latest", "scores")[0].set_index("customer_id")
    assert set(quiet) <= set(scores.index)
    assert scores.loc[quiet, "churn_probability"].between(0, 1).all()


def test_a_company_that_was_never_staged_says_what_to_run(own_demo: Demo) -> None:
    for stage in ("features", "train", "explain", "score"):
        done = own_demo.run(stage, "scoring.as_of=latest", f"paths.data={own_demo.home / 'nowhere'}")
        assert done.code == 1
        assert "source 'demo' has no staged tables. Run 'churn validate'" in done.err
    assert run_churn("list", f"paths.data={own_demo.home / 'nowhere'}").code == 1

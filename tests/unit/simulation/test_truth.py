"""The truth is true: what it says would happen happens as often as it says, by cause, by kind and under treatment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.simulation.taxonomy import ACTIONS, PAYMENT, VOLUNTARY_CAUSES
from tests.unit.simulation.companies import Company, settings_of, utc_days

HORIZONS = (7, 30, 60, 90)
ENDINGS = (*VOLUNTARY_CAUSES, PAYMENT)
YEAR = ("simulation.months=12", "simulation.block_customers=1500", "simulation.chunk_customers=3000")
# A campaign on every date of the truth, for all who may be contacted, against a cause that is made large.
CAMPAIGNS = (
    "simulation.campaigns.actions=[personal_call]", "simulation.campaigns.share=1.0",
    "simulation.campaigns.first_week=13", "simulation.campaigns.every_weeks=8", "simulation.campaigns.effect_weeks=6",
    "simulation.truth.first_day=91", "simulation.truth.cadence_days=56", "simulation.truth.paths=8",
    "simulation.causes.poor_experience.hazard_weekly=1.5e-2",
)  # fmt: skip


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Company:
    settings = settings_of("small", *YEAR, "simulation.customers=6000", "simulation.truth.effects=false")
    return Company.simulated(settings, tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def treated(tmp_path_factory: pytest.TempPathFactory) -> Company:
    settings = settings_of("small", *YEAR, "simulation.customers=15000", *CAMPAIGNS)
    return Company.simulated(settings, tmp_path_factory.mktemp("treated"))


def outcomes(company: Company, days: int) -> pd.DataFrame:
    """Return the truth of every date whose next `days` days the history covers, with who then left, when and why."""
    rows = company.truth("probabilities")
    rows = rows.assign(start=pd.to_datetime(rows["as_of_date"]))
    end = pd.Timestamp(company.settings.start_date) + pd.Timedelta(weeks=company.settings.weeks)
    rows = rows[rows["start"] + pd.Timedelta(days=days) <= end].reset_index(drop=True)
    left = company.truth("departures").assign(ended=lambda gone: utc_days(gone["ended_at"]))
    left = left[["customer_id", "ended", "kind", "cause"]]
    both = rows.reset_index(names="row").merge(left, on="customer_id")
    inside = (both["ended"] >= both["start"]) & (both["ended"] < both["start"] + pd.Timedelta(days=days))
    found = both[inside].drop_duplicates("row").set_index("row")[["ended", "kind", "cause"]]
    return rows.join(found).assign(left=lambda joined: joined["ended"].notna())


def spread(probability: pd.Series) -> float:
    """Return the standard deviation of a count of independent outcomes."""
    return float(np.sqrt((probability * (1 - probability)).sum()))


@pytest.mark.parametrize("days", HORIZONS)
def test_in_every_decile_of_risk_as_many_leave_as_it_says(calm: Company, days: int) -> None:
    rows = outcomes(calm, days)
    said = rows[f"p_leave_{days}d"].astype(float)
    step = int(np.ceil(days / 28))  # dates whose horizons overlap tell the same story twice
    dates = sorted(rows["as_of_date"].unique())[::step]
    rows, said = rows[rows["as_of_date"].isin(dates)], said[rows["as_of_date"].isin(dates)]
    decile = pd.qcut(said, 10, labels=False, duplicates="drop")  # within 7 days nobody with a notice period leaves
    for _, p in said.groupby(decile):
        allowed = 4 * spread(p) + 3 * float(rows.loc[p.index, f"se_{days}d"].mean()) * len(p) ** 0.5 + 1
        assert abs(rows.loc[p.index, "left"].sum() - p.sum()) < allowed


def test_both_ways_to_leave_happen_as_often_as_said_and_add_up(calm: Company) -> None:
    rows = outcomes(calm, 30)
    for kind in ("voluntary", "involuntary"):
        said = rows[f"p_{kind}_30d"].astype(float)
        assert abs((rows["kind"] == kind).sum() - said.sum()) < 4 * spread(said) + 1
    for days in HORIZONS:
        whole = rows[f"p_voluntary_{days}d"] + rows[f"p_involuntary_{days}d"]
        assert np.allclose(whole, rows[f"p_leave_{days}d"], atol=1e-5)


def test_the_further_one_looks_the_more_leave(calm: Company) -> None:
    rows = calm.truth("probabilities")
    said = rows[[f"p_leave_{days}d" for days in HORIZONS]].to_numpy()
    assert ((said >= 0) & (said <= 1)).all()
    assert (np.diff(said, axis=1) > -1e-6).all()


def test_contributions_add_up_and_the_largest_is_the_dominant_cause(calm: Company) -> None:
    rows = calm.truth("probabilities")
    parts = rows[[f"contribution_{cause}" for cause in ENDINGS]].to_numpy()
    assert np.allclose(parts.sum(axis=1), 1, atol=1e-5) and (parts >= 0).all()
    assert (rows["dominant_cause"] == np.array(ENDINGS)[parts.argmax(axis=1)]).all()


def test_people_leave_for_each_cause_as_often_as_its_contribution_says(calm: Company) -> None:
    rows = outcomes(calm, 30)
    for cause in ENDINGS:
        said = rows["p_leave_30d"].astype(float) * rows[f"contribution_{cause}"].astype(float)
        happened = (rows["cause"] == cause).sum()
        assert abs(happened - said.sum()) < 4 * spread(said) + 0.05 * said.sum() + 1, cause


def test_the_stated_error_is_that_of_the_replications(tmp_path_factory: pytest.TempPathFactory) -> None:
    few, many = (
        Company.simulated(
            settings_of("small", "simulation.customers=500", "simulation.months=6", f"simulation.truth.paths={paths}",
                        "simulation.truth.effects=false"),
            tmp_path_factory.mktemp(f"paths{paths}"),
        ).truth("probabilities")
        for paths in (32, 256)
    )  # fmt: skip
    assert (few["customer_id"] == many["customer_id"]).all()
    assert (
        np.allclose(few["p_leave_7d"], many["p_leave_7d"], atol=1e-6) and (few["se_7d"] < 1e-6).all()
    )  # no chance in it
    for days in HORIZONS[1:]:
        apart = (few[f"p_leave_{days}d"] - many[f"p_leave_{days}d"]).astype(float)
        stated = np.sqrt((few[f"se_{days}d"] ** 2 + many[f"se_{days}d"] ** 2).astype(float))
        assert 0.6 < np.sqrt((apart**2).mean()) / np.sqrt((stated**2).mean()) < 1.6
        assert few[f"se_{days}d"].mean() > many[f"se_{days}d"].mean()


def campaign_rows(company: Company) -> pd.DataFrame:
    """Return who was in a campaign, the truth of that date, and who left in the 30 days the action was at work.

    An action begins to work in the week after it is assigned, so those who left before are out, in both arms alike.
    """
    given = company.table("interventions").assign(day=lambda rows: utc_days(rows["assigned_at"]).dt.normalize())
    dates = pd.to_datetime(company.truth("effects")["as_of_date"])
    rows = given.merge(company.truth("effects").assign(day=dates), on=["customer_id", "day"])
    risks = company.truth("probabilities").assign(day=lambda truth: pd.to_datetime(truth["as_of_date"]))
    rows = rows.merge(risks[["customer_id", "day", "p_leave_30d"]], on=["customer_id", "day"])
    end = pd.Timestamp(company.settings.start_date) + pd.Timedelta(weeks=company.settings.weeks)
    begins = rows["day"] + pd.Timedelta(days=7)
    ended = company.truth("departures").groupby("customer_id")["ended_at"].min().dt.tz_localize(None)
    ended = rows["customer_id"].map(ended)
    rows = rows.assign(left=(ended >= begins) & (ended < begins + pd.Timedelta(days=30)))
    return rows[~(ended < begins) & (begins + pd.Timedelta(days=30) <= end)]


def test_campaigns_are_randomised(treated: Company) -> None:
    rows = campaign_rows(treated)
    treatment, control = (rows[rows["arm"] == arm] for arm in ("treatment", "control"))
    assert abs(len(treatment) - len(rows) / 2) < 4 * np.sqrt(len(rows)) / 2 + 0.01 * len(rows)
    gap = treatment["p_leave_30d"].mean() - control["p_leave_30d"].mean()
    assert abs(gap) < 4 * rows["p_leave_30d"].std() * np.sqrt(1 / len(treatment) + 1 / len(control))
    assert (control["cost"] == 0).all() and (treatment["cost"] > 0).all()


@pytest.mark.parametrize("kind", ["savable", "unmoved", "woken_up"])
def test_treated_customers_leave_as_the_true_effect_says(treated: Company, kind: str) -> None:
    rows = campaign_rows(treated)
    rows = rows[rows["response_kind"] == kind]
    treatment, control = (rows.loc[rows["arm"] == arm, "left"].astype(float) for arm in ("treatment", "control"))
    realised = treatment.mean() - control.mean()
    error = float(np.sqrt(treatment.var() / len(treatment) + control.var() / len(control)))
    said = float(rows["effect_personal_call"].mean())
    assert abs(realised - said) < 4 * error + 0.1 * abs(said)
    if kind == "unmoved":
        assert abs(said) < 0.01
    else:
        assert np.sign(realised) == np.sign(said) == (1 if kind == "woken_up" else -1)
        assert abs(realised) > 2.5 * error


def test_effects_differ_between_customers_and_actions_as_they_should(treated: Company) -> None:
    effects = treated.truth("effects").merge(treated.truth("probabilities"), on=["customer_id", "as_of_date"])
    savable = effects[effects["response_kind"] == "savable"]
    woken = effects[effects["response_kind"] == "woken_up"]
    for action in ACTIONS:
        change = effects[f"effect_{action.name}"]
        assert (change >= -effects["p_leave_30d"] - 1e-5).all()
        if not action.contacts:
            assert (change <= 1e-6).all(), action.name
        elif action.cause != PAYMENT:
            assert (woken[f"effect_{action.name}"] > 0).mean() > 0.8, action.name
            assert (savable[f"effect_{action.name}"] <= 1e-6).all(), action.name
    assert (effects["effect_payment_method_update"] >= -effects["p_involuntary_30d"] - 1e-4).all()
    names = [f"effect_{action.name}" for action in ACTIONS]
    best = effects[names].to_numpy().argmin(axis=1)
    assert (effects["best_action"] == np.array([action.name for action in ACTIONS])[best]).all()


def test_the_diary_shows_the_weeks_of_some_customers_up_to_the_moment_they_leave(calm: Company) -> None:
    diary, left = calm.truth("diary"), calm.truth("departures")
    assert diary["customer_id"].nunique() <= calm.settings.truth.diary_customers
    hazards = diary[[f"hazard_{cause}" for cause in ENDINGS]]
    assert (hazards.to_numpy() >= 0).all()
    last = diary.groupby("customer_id")["week_start"].max()
    gone = left.groupby("customer_id")["ended_at"].max().reindex(last.index).dropna()
    assert len(gone) and (last[gone.index] <= gone).all()

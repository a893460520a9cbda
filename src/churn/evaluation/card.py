"""The model card of a version: data, question, features, metrics, slices, limits and leaks, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from string import Template

import pandas as pd

from churn.core.problem import CohortSettings, LabelSettings, WindowSettings
from churn.core.settings import EvaluationSettings
from churn.evaluation.metrics import in_words
from churn.evaluation.report import Report
from churn.evaluation.slices import describe_slice, worst_calibrated, worst_slice
from churn.features.catalog import Catalog

SHOWN = ("auc", "average_precision", "lift_at_10pct", "precision_at_capacity", "capture_rate_at_capacity", "log_loss",
         "calibration_error", "empc")  # fmt: skip
NAMED_FEATURES = 3
STANDING = "## Standing\n"


def fill_card(template: str, facts: Mapping[str, str]) -> str:
    """Return the template with every `$fact` filled in; a fact that is missing is an error."""
    return Template(template).substitute(facts)


def with_standing(card: str, standing: str) -> str:
    r"""Return a card with other words on whether its version is in use; one without that section gains it.

    Examples
    --------
    >>> with_standing("# Card\n\n## Standing\n\nRegistered.\n\n## Data\n", "Champion.")
    '# Card\n\n## Standing\n\nChampion.\n\n## Data\n'
    """
    before, heading, after = card.partition(STANDING)
    if not heading:
        before, heading, after = card.partition("\n## ")
        return f"{before}\n{STANDING}\n{standing}\n{heading}{after}"
    _, following, rest = after.partition("\n## ")
    return f"{before}{heading}\n{standing}\n{following}{rest}"


def cohort_in_words(cohort: CohortSettings) -> str:
    """Return who is asked about on a date.

    Examples
    --------
    >>> cohort_in_words(CohortSettings(active="subscription", min_tenure_days=14))
    'customers with a running subscription, for at least 14 days, who have not asked to cancel'
    >>> cohort_in_words(CohortSettings(active="subscription", min_tenure_days=0))
    'customers with a running subscription, who have not asked to cancel'
    """
    kinds = f" ({', '.join(cohort.qualifying_events)})" if cohort.qualifying_events else ""
    active = {
        "subscription": "customers with a running subscription",
        "events": f"customers with an event{kinds} in the last {cohort.active_days} days",
    }[cohort.active]
    tenure = f", for at least {cohort.min_tenure_days} days" if cohort.min_tenure_days else ""
    return f"{active}{tenure}, who have not asked to cancel"


def label_in_words(label: LabelSettings, windows: WindowSettings) -> str:
    """Return what counts as leaving.

    Examples
    --------
    >>> windows = WindowSettings(lead_days=7, horizon_days=30, embargo_days=37, cadence_days=30, observation_days=90)
    >>> label_in_words(LabelSettings(kind="contractual", grace_days=14), windows)
    'the last running subscription ends 7 to 37 days after the as-of date, and none starts within 14 days after'
    """
    span = f"{windows.lead_days} to {windows.lead_days + windows.horizon_days} days after the as-of date"
    if label.kind == "contractual":
        return f"the last running subscription ends {span}, and none starts within {label.grace_days} days after"
    kinds = f" ({', '.join(label.qualifying_events)})" if label.qualifying_events else ""
    return f"no event{kinds} happens {span}"


def features_in_words(catalog: Catalog) -> str:
    """Return the features by family: how many there are, and the first of each in words."""
    families = Counter(feature.family for feature in catalog.features)
    lines = []
    for family, count in families.items():
        named = list(dict.fromkeys(f.en for f in catalog.features if f.family == family))[:NAMED_FEATURES]
        lines.append(f"- {family}: {count} ({'; '.join(named)}{'; ...' if count > len(named) else ''})")
    return "\n".join(lines)


def metrics_table(report: Report) -> str:
    """Return the metrics of every model as a Markdown table."""
    models = list(report.metrics)
    lines = [f"| | {' | '.join(models)} |", f"|---|{'---|' * len(models)}"]
    for metric in SHOWN:
        if metric in report.metrics[models[0]]:
            cells = " | ".join(f"{report.metrics[model][metric]:.3f}" for model in models)
            lines.append(f"| {in_words(metric)} | {cells} |")
    return "\n".join(lines)


def calibration_in_words(report: Report) -> str:
    """Return slope, and predicted against observed rate, of the judged model."""
    own = next(iter(report.metrics.values()))
    return (
        f"slope {own['calibration_slope']:.3f}, mean predicted {own['mean_predicted'].value:.2%} against "
        f"{own['observed_rate'].value:.2%} observed"
    )


def money_in_words(money: Mapping[str, float], currency: str, capacity: int) -> str:
    """Return what the lists of the test dates would have earned."""
    if not money:
        return "Not measured: this company's tables hold no price."
    figures = {name: f"{value:,.0f}" for name, value in money.items()}
    return (
        f"Contacting {figures['best_list_size']} customers a date is expected to pay. A list of {capacity:,}, ranked "
        f"by expected profit, would have earned {figures['profit_at_capacity']} {currency} a date given who left "
        f"(expected: {figures['expected_profit_at_capacity']}), if all are made an offer, taken as the policy assumes."
    )


def slices_in_words(slices: pd.DataFrame, evaluation: EvaluationSettings) -> str:
    """Return the worst slices and every protected one, as a list."""
    worst, off = worst_slice(slices), worst_calibrated(slices)
    if worst is None or off is None:
        return f"None is large enough to be measured ({evaluation.slices.min_rows} rows)."
    lines = [f"- worst ranked: {describe_slice(worst)}", f"- furthest from what happened: {describe_slice(off)}"]
    protected = slices[slices["is_protected"]]
    lines += [f"- protected: {describe_slice(protected.iloc[n])}" for n in range(len(protected))]
    return "\n".join([*lines, f"- all {len(slices)} in `slices.json`"])


def leaks_in_words(
    aucs: Mapping[str, float], limit: float, audit: str | None, *, is_ready_table: bool, is_split_by_time: bool
) -> str:
    """Return what was checked against features that know the outcome, and what was not."""
    strongest = max(aucs, key=lambda name: aucs[name])
    verdict = "not made yet (run `churn audit`)" if audit is None else audit
    checked = {
        f"strongest feature alone: `{strongest}`, AUC {aucs[strongest]:.3f} (alarm above {limit:g})": True,
        "every fact counts only once it was known: `occurred_at` before and `known_at` by the date": not is_ready_table,
        "not checked: when the columns of the ready table were known": is_ready_table,
        "fit, calibration and test dates lie an embargo apart; nothing is fitted on later rows": is_split_by_time,
        "no customer is both learned from and tested on; all rows are of the same dates": not is_split_by_time,
        f"leak audit of the data set: {verdict}": True,
        "not checked: attributes that the source overwrites without keeping versions (`valid_from`)": True,
    }
    return "\n".join(f"- {line}" for line, applies in checked.items() if applies)

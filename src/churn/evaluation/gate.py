"""The written gate: whether a model may be used at all, and whether it may take the champion's place, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from churn.core.settings import GateSettings
from churn.evaluation.metrics import in_words
from churn.evaluation.report import Report
from churn.evaluation.resampling import Estimate
from churn.evaluation.slices import calibration_gap, describe_slice

PASSED, BY_CHANCE, REFUSED = "better than the recency rule", "no signal beyond chance", "no signal beyond recency"
RECENCY, CHAMPION = "recency", "champion"


@dataclass(frozen=True)
class Check:
    """One condition: its name, whether it holds, and the sentence that says why."""

    name: str
    has_passed: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says: a headline, every check, and what to beware of all the same."""

    headline: str
    checks: tuple[Check, ...]
    warnings: tuple[str, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Every check holds."""
        return all(check.has_passed for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The headline, one sentence per check, and the warnings."""
        return (self.headline, *(check.reason for check in self.checks), *self.warnings)

    @property
    def failures(self) -> tuple[str, ...]:
        """The sentences of the checks that do not hold."""
        return tuple(check.reason for check in self.checks if not check.has_passed)


@dataclass(frozen=True)
class Decision:
    """What became of a wish to promote: the version, the gate's verdict, whether it was forced, and the former one."""

    version: str
    verdict: Verdict
    forced: bool
    why: str
    former: str | None

    def to_markdown(self) -> str:
        """Return the decision as a page."""
        outcome = "promoted" if self.verdict.has_passed else "promoted by force" if self.forced else "refused"
        lines = [f"# Version {self.version}: {outcome}", "", f"The gate: {self.verdict.headline}.", ""]
        lines += [f"- {'passed' if c.has_passed else '**failed**'}: {c.reason}" for c in self.verdict.checks]
        lines += ["", f"Why: {self.why}"] if self.why else []
        lines += ["", f"Former champion: version {self.former or 'none'}."]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Evidence:
    """All the gate looks at.

    Parameters
    ----------
    report
        The model first, the recency rule, and `champion` where it was measured on the same rows.
    slices
        What `measure_slices` gave.
    champion
        The version in use, None where there is none yet.
    audit
        What the audit of the model's data set found, None where there was none.
    is_clean
        Whether it was trained from committed code, None where that is not known.
    """

    report: Report
    slices: pd.DataFrame
    champion: str | None
    audit: Literal["passed", "failed"] | None
    is_clean: bool | None


def judge_signal(report: Report, gate: GateSettings) -> Verdict:
    """Return whether the first model of a report may be used: it knows more than chance and the recency rule.

    For each metric of `gate.signal` the whole interval of the model must lie above chance (0.5, and the share of
    leavers), and the whole interval of the paired difference above zero: a model that knows no more than "has not been
    here for a while" is not worth the trust a list asks for. A calibration slope out of bounds is a warning here: the
    order of the list may be good all the same.
    """
    name = next(iter(report.metrics))
    chance = {"auc": 0.5, "average_precision": report.metrics[name]["observed_rate"].value}
    by_chance = [_beats_chance(report.metrics[name][metric], metric, chance[metric]) for metric in gate.signal]
    by_recency = [_beats_recency(report, metric) for metric in gate.signal]
    calibrated = _is_calibrated(report, gate)
    warnings = () if calibrated.has_passed else (f"{calibrated.reason}: trust the order, not the probabilities",)
    return Verdict(_signal_in_words(by_chance, by_recency), (*by_chance, *by_recency), warnings)


def _signal_in_words(by_chance: Sequence[Check], by_recency: Sequence[Check]) -> str:
    failed = [check for check in (*by_chance, *by_recency) if not check.has_passed]
    if not failed:
        return PASSED
    if not any(check.has_passed for check in by_chance):
        return BY_CHANCE
    if not any(check.has_passed for check in by_recency):
        return REFUSED
    return f"too weak a signal: no proof of {' and '.join(check.name for check in failed)}"


def judge_promotion(evidence: Evidence, gate: GateSettings) -> Verdict:
    """Return whether a model may take the champion's place; every check is made, whatever the others say."""
    checks = (*judge_signal(evidence.report, gate).checks, *_promotion_checks(evidence, gate))
    failed = sum(not check.has_passed for check in checks)
    headline = f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"
    return Verdict(headline, checks)


def _promotion_checks(evidence: Evidence, gate: GateSettings) -> Iterator[Check]:
    yield _beats_recency(evidence.report, gate.metric)
    yield _against_champion(evidence, gate)
    yield _is_calibrated(evidence.report, gate)
    yield _slices_hold(evidence, gate)
    if gate.require_audit:
        found = {"passed": "passed", "failed": "failed", None: "was never made: run 'churn audit' first"}
        yield Check("audit", evidence.audit == "passed", f"the leak audit of its data set {found[evidence.audit]}")
    if gate.require_clean_git:
        state = {True: "committed code", False: "code that was not committed", None: "code outside version control"}
        yield Check("clean git", evidence.is_clean is True, f"it was trained from {state[evidence.is_clean]}")


def _is_calibrated(report: Report, gate: GateSettings) -> Check:
    slope = report.metrics[next(iter(report.metrics))]["calibration_slope"]
    within = gate.min_calibration_slope <= slope.value <= gate.max_calibration_slope
    return Check(
        "calibration", within, f"calibration slope {slope:.2f} is "
        f"{'within' if within else 'outside'} {gate.min_calibration_slope:g} to {gate.max_calibration_slope:g}",
    )  # fmt: skip


def _against_champion(evidence: Evidence, gate: GateSettings) -> Check:
    if evidence.champion is None:
        return Check("champion", True, "there is no champion yet")
    if CHAMPION not in evidence.report.against:
        return Check(
            "champion", False, f"the champion, version {evidence.champion}, was not measured on the same test rows: "
            "train this model again to have it measured beside",
        )  # fmt: skip
    found = _beats(evidence.report.against[CHAMPION][gate.metric], gate.metric, f"champion {evidence.champion}")
    return Check("champion", found.has_passed, found.reason)


def _slices_hold(evidence: Evidence, gate: GateSettings) -> Check:
    slices, report = evidence.slices, evidence.report
    if slices.empty:
        return Check("slices", True, "no slice was large enough to be measured")
    least = report.metrics[next(iter(report.metrics))]["auc"].value - gate.max_slice_auc_drop
    collapsed = slices[(slices["auc_high"] < least) | (calibration_gap(slices) > gate.max_slice_miscalibration)]
    if collapsed.empty:
        return Check("slices", True, f"none of {len(slices)} slices collapses")
    named = "; ".join(describe_slice(collapsed.iloc[n]) for n in range(min(3, len(collapsed))))
    return Check("slices", False, f"{len(collapsed)} of {len(slices)} slices collapse: {named}")


def _beats_chance(own: Estimate, metric: str, chance: float) -> Check:
    passed = own.low > chance
    verb = "is above" if passed else "is not above"
    words = in_words(metric)
    return Check(
        f"{words} above chance", passed, f"{words} {verb} chance ({chance:.3f}) beyond its interval: {own:.4f}"
    )


def _beats_recency(report: Report, metric: str) -> Check:
    if RECENCY not in report.against:
        return Check(f"{in_words(metric)} beyond the recency rule", False, "no recency rule stands beside this model")
    return _beats(report.against[RECENCY][metric], metric, "the recency rule")


def _beats(gain: Estimate, metric: str, other: str) -> Check:
    passed = gain.low > 0
    verb = "beats" if passed else "does not beat"
    words = in_words(metric)
    return Check(f"{words} beyond {other}", passed, f"{words} {verb} {other} beyond its interval: {gain:+.4f}")

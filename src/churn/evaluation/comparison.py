"""The written gate: whether a model is good enough to be used, and why or why not."""

from __future__ import annotations

from dataclasses import dataclass

from churn.evaluation.report import Estimate, Report

GATE_METRICS = ("auc", "average_precision")
WORDS = {"auc": "AUC", "average_precision": "average precision"}
PASSED, REFUSED = "better than the recency rule", "no signal beyond recency"


@dataclass(frozen=True)
class Verdict:
    """Whether the model passed, and the sentences that say why."""

    has_passed: bool
    reasons: tuple[str, ...]


def judge(report: Report, baseline: str = "recency") -> Verdict:
    """Return whether the first model of a report beats chance and the recency rule, each beyond its interval.

    For AUC and for average precision, the whole interval of the model must lie above chance (0.5, and the share of
    leavers), and the whole interval of the paired difference above zero: a model that knows no more than "has not been
    here for a while" is not worth the trust a list asks for.
    """
    name = next(iter(report.metrics))
    chance = {"auc": 0.5, "average_precision": report.metrics[name]["observed_rate"].value}
    checks = [_beats_chance(report.metrics[name][metric], metric, chance[metric]) for metric in GATE_METRICS]
    checks += [_beats_baseline(report.against[baseline][metric], metric) for metric in GATE_METRICS]
    has_passed = all(passed for passed, _ in checks)
    head = PASSED if has_passed else REFUSED
    return Verdict(has_passed, (head, *(reason for _, reason in checks)))


def _beats_chance(own: Estimate, metric: str, chance: float) -> tuple[bool, str]:
    passed = own.low > chance
    verb = "is above" if passed else "is not above"
    interval = f"{own.value:.4f} [{own.low:.4f}, {own.high:.4f}]"
    return passed, f"{WORDS[metric]} {verb} chance ({chance:.3f}) beyond its interval: {interval}"


def _beats_baseline(gain: Estimate, metric: str) -> tuple[bool, str]:
    passed = gain.low > 0
    verb = "beats" if passed else "does not beat"
    return passed, (
        f"{WORDS[metric]} {verb} the recency rule beyond its interval: "
        f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    )

"""The written gate: whether a model is good enough to be used, and why or why not."""

from __future__ import annotations

from dataclasses import dataclass

from churn.evaluation.report import Report

GATE_METRICS = ("auc", "average_precision")


@dataclass(frozen=True)
class Verdict:
    """Whether the model passed, and the sentences that say why."""

    has_passed: bool
    reasons: tuple[str, ...]


def judge(report: Report, baseline: str = "recency") -> Verdict:
    """Return whether the first model of a report beats the recency rule beyond its interval.

    The paired difference must lie above zero with its whole interval, for AUC and for average precision: a model that
    knows no more than "has not been here for a while" is not worth the trust a list asks for.
    """
    reasons, passed = [], True
    for metric in GATE_METRICS:
        gain = report.against[baseline][metric]
        is_beyond = gain.low > 0
        passed &= is_beyond
        word = metric.replace("_", " ") if metric != "auc" else "AUC"
        reasons.append(
            f"{word} {'beats' if is_beyond else 'does not beat'} the recency rule beyond its interval: "
            f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
        )
    head = "better than the recency rule" if passed else "no signal beyond recency"
    return Verdict(passed, (head, *reasons))

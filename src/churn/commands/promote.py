"""`churn promote`: a version becomes champion if the written gate lets it, by force, or the former one comes back."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn.commands.words import settings_of, split_words

GATE = (
    "The gate: beats chance, the recency rule and the champion beyond noise, calibration slope within bounds, no slice "
    "collapses, the leak audit passed, trained from committed code (thresholds: conf/gate)."
)


def main(words: Sequence[str]) -> int:
    """Move the champion alias, say why, and return the exit code."""
    options, overrides = read_options(words)
    settings = settings_of(overrides)
    from pipelines.promotion import give_back, promote

    if options.rollback:
        left, restored = give_back(settings, options.why or "rolled back by hand")
        print(f"version {restored} is champion again, in place of {left}; the next list comes from it")  # noqa: T201
        return 0
    decision = promote(settings, options.version, force=options.force, why=options.why or "")
    for reason in decision.verdict.reasons:
        print(f"  {reason}")  # noqa: T201
    how = " by force" if decision.forced else ""
    print(f"version {decision.version} is champion{how}; the next list comes from it")  # noqa: T201
    return 0


def read_options(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options and the overrides of the command."""
    parser = argparse.ArgumentParser(
        "churn promote", description="Make a registered version the champion, if the gate lets it.", epilog=GATE
    )
    parser.add_argument("words", nargs="*", metavar="VERSION|RUN|KEY=VALUE", help="what to promote; which company")
    parser.add_argument("--rollback", action="store_true", help="give the place back to the former champion")
    parser.add_argument("--force", action="store_true", help="promote whatever the gate says; needs --why")
    parser.add_argument("--why", help="the reason; it is kept with the version")
    options = parser.parse_intermixed_args(list(words))
    named, overrides = split_words(options.words)
    if options.force and not options.why:
        parser.error("--force needs --why TEXT")
    if options.rollback == bool(named) or len(named) > 1:
        parser.error("name one VERSION or RUN, or give --rollback")
    options.version = named[0] if named else None
    return options, overrides

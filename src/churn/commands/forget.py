"""`churn forget`: customers leave everything that was published and built, and stay away."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn.commands.words import settings_of, split_words

NOT_REACHED = (
    "Not reached from here: the company's own raw files and databases, copies of lists that people took, backups. "
    "MLflow holds no customer ids."
)


def main(words: Sequence[str]) -> int:
    """Forget customers, say what was done, and return the exit code."""
    parser = argparse.ArgumentParser(
        "churn forget", description="Remove customers from lists and built tables, for good.", epilog=NOT_REACHED
    )
    parser.add_argument("words", nargs="+", metavar="CUSTOMER_ID|KEY=VALUE", help="who; which company")
    options = parser.parse_intermixed_args(list(words))
    customer_ids, overrides = split_words(options.words)
    if not customer_ids:
        parser.error("name at least one CUSTOMER_ID")
    settings = settings_of(overrides)
    from churn.integrations.forgetting import forget

    lists = forget(settings, customer_ids)
    print(  # noqa: T201
        f"{len(customer_ids):,} customers are forgotten: taken from {lists:,} lists; staged tables and data sets of "
        f"'{settings.source.name}' are removed, run 'churn validate' before the next list.\n{NOT_REACHED}"
    )
    return 0

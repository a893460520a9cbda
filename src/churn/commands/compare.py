"""`churn compare`: training runs side by side on the same test rows, as text and as an HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn.commands.words import file_path, settings_of, split_words


def main(words: Sequence[str]) -> int:
    """Print the leaderboard, write the page, and return the exit code."""
    options, overrides = read_options(words)
    settings = settings_of(overrides)
    from churn.evaluation.comparison import leaderboard_lines
    from churn.integrations.exports import write_file
    from churn.integrations.store import output_errors
    from pipelines.comparison import compare

    comparison, page = compare(settings, options.runs, options.metric)
    for line in leaderboard_lines(comparison):
        print(line)  # noqa: T201
    path = options.out or settings.paths.runs / "compare" / f"{settings.source.name}-{options.metric}.html"
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(page.encode(), path)
    print(f"page: {path}")  # noqa: T201
    return 0


def read_options(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options and the overrides of the command."""
    parser = argparse.ArgumentParser(
        "churn compare",
        description="Rank training runs on the same test rows, with paired differences. Without RUN: the newest ones.",
    )
    parser.add_argument("words", nargs="*", metavar="RUN|KEY=VALUE", help="run id, version, or alias; which company")
    parser.add_argument("--metric", default="average_precision", help="what to rank by (default: average_precision)")
    parser.add_argument("--out", type=file_path, help="write the page to this file")
    options = parser.parse_intermixed_args(list(words))
    options.runs, overrides = split_words(options.words)
    return options, overrides

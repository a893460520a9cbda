"""`churn list`: a published list on screen, as CSV, JSON or Excel."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn.commands.words import file_path, settings_of

if TYPE_CHECKING:
    from churn.core.settings import ChurnSettings, Language

FORMATS = ("table", "csv", "json", "xlsx")


def main(words: Sequence[str]) -> int:
    """Show or export a published list and return the exit code."""
    options = read_options(words)
    settings = settings_of(options.overrides)
    from churn.integrations.exports import print_table, to_csv, to_json, write_file
    from churn.integrations.layers import source_folder
    from churn.integrations.publication import read_published
    from churn.integrations.workbook import write_xlsx
    from churn.scoring.selection import Selection, select_rows

    table = "scores" if options.all else "worklist"
    rows, _ = read_published(source_folder(settings, "lists"), options.as_of, table)
    segments = dict(pair.split("=", 1) for pair in options.segment)
    chosen = select_rows(rows, Selection(options.top, segments, options.cause, options.min_mrr, options.language))
    if options.format == "xlsx":
        write_xlsx(chosen, options.out, options.language, _words(settings, options.language), settings.policy.currency)
    elif options.format == "table":
        print_table(chosen, options.language, settings.policy.currency)
    else:
        text = to_json(chosen) + "\n" if options.format == "json" else to_csv(chosen)
        if options.out is None:
            sys.stdout.write(text)
        else:
            write_file(text.encode("utf-8-sig" if options.format == "csv" else "utf-8"), options.out)
    if options.out is not None:
        print(f"{len(chosen):,} customers written to {options.out}")  # noqa: T201
    return 0


def _words(settings: ChurnSettings, language: Language) -> dict[str, str]:
    """Return what the company calls its attributes, where it says so."""
    source = settings.source
    found = {name: getattr(source.attribute(name), language) for name in source.attributes}
    return {name: words for name, words in found.items() if words}


def read_options(words: Sequence[str]) -> argparse.Namespace:
    """Return the options and overrides of the command."""
    parser = argparse.ArgumentParser("churn list", description="Show or export a published list of customers at risk.")
    parser.add_argument("overrides", nargs="*", help="which company, as for the stages: source=..., experiment=...")
    parser.add_argument("--as-of", default="latest", help="date of the list (YYYY-MM-DD), or latest")
    parser.add_argument("--top", type=_positive, help="only the first N")
    parser.add_argument("--segment", action="append", default=[], type=_pair, help="only where NAME=VALUE; repeatable")
    parser.add_argument("--cause", help="only this main cause")
    parser.add_argument("--min-mrr", type=_amount, help="only customers who pay at least this per month")
    parser.add_argument("--all", action="store_true", help="every scored customer, not only the team's list")
    parser.add_argument("--format", choices=FORMATS, default="table", help="a table on screen, or a file's format")
    parser.add_argument("--language", choices=("en", "ja"), default="en", help="of reasons, actions and headings")
    parser.add_argument("--out", type=file_path, help="write to this file (needed for xlsx)")
    options = parser.parse_intermixed_args(list(words))
    if options.format == "xlsx" and options.out is None:
        parser.error("--format xlsx needs --out FILE")
    if options.format == "table" and options.out is not None:
        parser.error("--out needs --format csv, json or xlsx")
    return options


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount):
        raise argparse.ArgumentTypeError("must be a number")
    return amount


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError("give it as NAME=VALUE, for example plan=pro")
    return text

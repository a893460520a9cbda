"""`churn <stage> [overrides]` runs a stage; `churn list` reads what was published; `churn promote` moves an alias."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

STAGES = {
    "demo": "run everything on a small simulated company",
    "simulate": "write a company with a known truth",
    "validate": "stage a source: read, type, check, reject, report",
    "features": "snapshots, labels, features and the training matrix",
    "audit": "prove that no feature looks ahead (--as-of D: on that date)",
    "train": "fit, calibrate, measure, register, perhaps promote",
    "backtest": "how steady a model is: folds that roll through the dates before the test dates",
    "tune": "search for better model parameters on the folds of the backtest; can be stopped and resumed",
    "explain": "why a version scores as it does",
    "score": "scores and list of one date (--as-of D)",
    "oracle": "a scored date of the simulated company beside its truth (--as-of D)",
}
FORMATS = ("table", "csv", "json", "xlsx")
HELP = """usage: churn COMMAND [options] [group=choice] [key=value ...] [--multirun] [--debug]

{stages}
  list       show or export a published list (churn list --help)
  promote    make a registered version the champion (churn promote --help)

Every stage takes the same overrides, for example: churn train experiment=oulad_2013 model=logistic
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 ok, 1 data, 2 usage, 3 dependency, 4 output, 75 locked)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP.format(stages="\n".join(f"  {name:<10} {text}" for name, text in STAGES.items())))  # noqa: T201
        return 0 if words else 2
    command, rest = words[0], words[1:]
    if command in STAGES:
        run: Callable[[Sequence[str]], int] = importlib.import_module(f"pipelines.{command}").main
        return run(_with_as_of(rest) if command in ("audit", "score", "oracle") else rest)
    if command in ("list", "promote"):
        return _guarded(_show_list if command == "list" else _promote, rest)
    from churn.core.suggestions import did_you_mean

    near = did_you_mean(command, [*STAGES, "list", "promote"])
    print(f"error: no command '{command}'{near} (churn --help lists them)", file=sys.stderr)  # noqa: T201
    return 2


def _with_as_of(words: Sequence[str]) -> list[str]:
    """Spell `--as-of D` as the override it stands for."""
    out, waiting = [], False
    for word in words:
        if waiting or word.startswith("--as-of="):
            out.append(f"scoring.as_of={word.removeprefix('--as-of=')}")
            waiting = False
        elif word == "--as-of":
            waiting = True
        else:
            out.append(word)
    return out


def _guarded(command: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    from pipelines.entry import report

    debug = "--debug" in words
    try:
        code = command([word for word in words if word != "--debug"])
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has seen enough; what is left in the buffer has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: every error becomes one message and a code
        return report(error, debug)


def _show_list(words: Sequence[str]) -> int:
    options = _list_options(words)
    from churn.core.settings import ChurnSettings
    from churn.integrations.exports import print_table, to_csv, to_json, write_file, write_xlsx
    from churn.integrations.layers import source_folder
    from churn.integrations.publication import read_published
    from churn.scoring.selection import Selection, select_rows
    from pipelines.composition import compose

    settings = compose("validate", ChurnSettings, options.overrides)
    table = "scores" if options.all else "worklist"
    rows, _ = read_published(source_folder(settings, "lists"), options.as_of, table)
    segments = dict(pair.split("=", 1) for pair in options.segment)
    chosen = select_rows(rows, Selection(options.top, segments, options.cause, options.min_mrr, options.language))
    if options.format == "xlsx":
        write_xlsx(chosen, options.out)
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


def _list_options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("churn list", description="Show or export a published list of customers at risk.")
    parser.add_argument("overrides", nargs="*", help="which company, as for the stages: source=..., experiment=...")
    parser.add_argument("--as-of", default="latest", help="date of the list (YYYY-MM-DD), or latest")
    parser.add_argument("--top", type=_positive, help="only the first N")
    parser.add_argument("--segment", action="append", default=[], type=_pair, help="only where NAME=VALUE; repeatable")
    parser.add_argument("--cause", help="only this main cause")
    parser.add_argument("--min-mrr", type=float, help="only customers who pay at least this per month")
    parser.add_argument("--all", action="store_true", help="every scored customer, not only the team's list")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--language", choices=("en", "ja"), default="en")
    parser.add_argument("--out", type=Path, help="write to this file (needed for xlsx)")
    options = parser.parse_intermixed_args(list(words))
    if options.format == "xlsx" and options.out is None:
        parser.error("--format xlsx needs --out FILE")
    if options.format == "table" and options.out is not None:
        parser.error("--out needs --format csv, json or xlsx")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError("give it as NAME=VALUE, for example plan=pro")
    return text


def _promote(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("churn promote", description="Make a registered version the champion.")
    parser.add_argument("version", help="version number")
    parser.add_argument("overrides", nargs="*", help="which company, as for the stages")
    parser.add_argument("--why", required=True, help="the reason; it is kept with the version")
    options = parser.parse_intermixed_args(list(words))
    from churn.core.settings import ChurnSettings
    from churn.integrations.registry import promote
    from pipelines.composition import compose

    settings = compose("validate", ChurnSettings, options.overrides)
    promote(settings, options.version, options.why)
    print(f"version {options.version} is champion; the next list comes from it")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

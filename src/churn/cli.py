"""`churn <stage> [overrides]` runs a stage; other commands work on what stages left."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence

STAGES = {
    "demo": "run everything on a small simulated company",
    "simulate": "write a company with a known truth",
    "validate": "stage a source: read, type, check, reject, report",
    "features": "snapshots, labels, features and the training matrix",
    "report": "what each feature and family is worth and costs",
    "audit": "prove that no feature looks ahead (--as-of D: on that date)",
    "train": "fit, calibrate, measure, register, perhaps promote",
    "backtest": "how steady a model is: folds that roll through the dates before the test dates",
    "tune": "search for better model parameters on the folds of the backtest; can be stopped and resumed",
    "explain": "why a version scores as it does",
    "score": "scores and list of one date (--as-of D)",
    "oracle": "a scored date of the simulated company beside its truth (--as-of D)",
}
COMMANDS = {
    "list": ("listing", "show or export a published list (churn list --help)"),
    "compare": ("compare", "training runs side by side on the same test rows (churn compare --help)"),
    "promote": ("promote", "make a version the champion, if the gate lets it (churn promote --help)"),
    "forget": ("forget", "remove customers from lists and built tables, for good (churn forget --help)"),
}
HELP = """usage: churn COMMAND [options] [group=choice] [key=value ...] [--multirun] [--debug]

{stages}
{commands}

Every stage takes the same overrides, for example: churn train experiment=oulad_2013 model=logistic
"""

STAGE_HELP = """usage: churn {stage} [group=choice ...] [key=value ...] [--multirun] [--debug]

{text}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, that of an error (`core/errors.py`), 130 or 143 when stopped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # names and sentences of any language, whatever the terminal's locale
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP.format(stages=_lines(STAGES), commands=_lines({n: text for n, (_, text) in COMMANDS.items()})))  # noqa: T201
        return 0 if words else 2
    command, rest = words[0], words[1:]
    if command in STAGES:
        from pipelines.stages import main_of

        if {"-h", "--help"} & set(rest):
            print(STAGE_HELP.format(stage=command, text=STAGES[command]))  # noqa: T201
        return main_of(command)(_with_as_of(rest) if command in ("audit", "score", "oracle") else rest)
    if command in COMMANDS:
        module, _ = COMMANDS[command]
        return _guarded(importlib.import_module(f"churn.commands.{module}").main, rest)
    from churn.core.suggestions import did_you_mean

    near = did_you_mean(command, [*STAGES, *COMMANDS])
    print(f"error: no command '{command}'{near} (churn --help lists them)", file=sys.stderr)  # noqa: T201
    return 2


def _lines(commands: Mapping[str, str]) -> str:
    return "\n".join(f"  {name:<10} {text}" for name, text in commands.items())


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
    return [*out, "scoring.as_of="] if waiting else out


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


if __name__ == "__main__":
    raise SystemExit(main())

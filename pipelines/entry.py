"""The one way into a stage: command line to settings, errors to exit codes, results to `run_results.json`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

# Threads that spin while they wait make a fit a hundred times slower as soon as two runs share the machine; the OpenMP
# runtime reads this when it is loaded, so it is set before anything that loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from churn.core.errors import ChurnError, ConfigRefused, DependencyDown, OutputFailed
from churn.core.settings import ChurnSettings
from churn.integrations.engine import lost_file, shortage
from churn.integrations.interrupts import Stopped
from churn.integrations.results import StageResult, write_results
from pipelines.composition import CONF, read_command_line, settings_from

log = logging.getLogger(__name__)
INTERRUPTED = 128 + signal.SIGINT  # as shells have it
failed = logging.getLogger("failures")  # into the log file of the run
OBJECTS_BETWEEN_COLLECTIONS = 200_000
S = TypeVar("S", bound=ChurnSettings)


def stage_main(stage: str, kind: type[S], run: Callable[[S], StageResult]) -> Callable[[Sequence[str] | None], int]:
    """Return the `main` of a stage: takes command-line arguments, returns the exit code (the first failure's)."""

    def main(arguments: Sequence[str] | None = None) -> int:
        words = list(sys.argv[1:] if arguments is None else arguments)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"]
        failures: list[int] = []

        def task(config: DictConfig) -> None:
            try:
                settings = settings_from(config, kind, line.problems)
                result = run(settings)
                write_results(Path(HydraConfig.get().runtime.output_dir), stage, result)
                log.info("%s: %s", stage, result.summary)
                if result.unsent:
                    raise DependencyDown(result.unsent)
            except Exception as error:  # noqa: BLE001 - the edge: every error becomes one message and a code
                failures.append(report(error, debug))
                failed.error("exit code %d, %s: %s", failures[-1], type(error).__name__, error)

        # Libraries make a million objects that stay; Python's 700 would look through them for cycles again and again,
        # a second of every run. Other tools that load much for a short life do likewise (mypy at this number).
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        signal.signal(signal.SIGTERM, _terminate)
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            line = read_command_line(words)
            sys.argv = [f"churn {stage}", *line.words]
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=stage)(task)()
        except OSError as error:  # a stage's own are caught inside; out here only the run's folder is made
            failures.append(report(OutputFailed(f"cannot make the folder of this run: {error}"), debug))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
            failures.append(report(error, debug))
        return failures[0] if failures else 0

    return main


def report(error: BaseException, debug: bool) -> int:
    """Say what went wrong on standard error and return the exit code; a traceback only with `--debug`."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        print("error: stopped; nothing half-written was left", file=sys.stderr)  # noqa: T201
        return Stopped.exit_code if isinstance(error, Stopped) else INTERRUPTED
    if isinstance(error, HydraException | OmegaConfBaseException):
        error = ConfigRefused([line for line in str(error).splitlines() if line.strip()][:1])
    if not isinstance(error, ChurnError):  # one of those has said already what was lacking
        error = shortage(error) or lost_file(error) or error
    if isinstance(error, ChurnError):
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    if not debug:
        print(  # noqa: T201
            f"error: unexpected {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\n"
            "This is a defect; run the command again with --debug to see where.",
            file=sys.stderr,
        )
    return 1


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one may not disturb the tidying up
    raise Stopped

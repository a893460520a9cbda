"""The one way into a stage: command line to settings, errors to exit codes, results to `run_results.json`.

Hydra composes; unknown keys, also those it would refuse one at a time or let pass with `+`, go to the strict settings,
which name all of them at once.
"""

from __future__ import annotations

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
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from churn.core.errors import ChurnError, ConfigRefused, Terminated
from churn.core.settings import ChurnSettings, build_settings
from churn.core.suggestions import did_you_mean
from churn.integrations.results import StageResult, write_results

ROOT = Path(__file__).resolve().parents[1]
CONF = ROOT / "conf"
OmegaConf.register_new_resolver("project_root", lambda: str(ROOT), replace=True)
log = logging.getLogger(__name__)
S = TypeVar("S", bound=ChurnSettings)


def stage_main(
    stage: str, kind: type[S], run: Callable[[S], StageResult]
) -> Callable[[Sequence[str] | None], int]:
    """Return the `main` of a stage: takes command-line arguments, returns the exit code (the first failure's)."""

    def main(arguments: Sequence[str] | None = None) -> int:
        words = list(sys.argv[1:] if arguments is None else arguments)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"]
        failures: list[int] = []

        def task(config: DictConfig) -> None:
            try:
                settings = settings_from(config, kind)
                result = run(settings)
                write_results(Path(HydraConfig.get().runtime.output_dir), stage, result)
                log.info("%s: %s", stage, result.summary)
            except Exception as error:  # noqa: BLE001 - the edge: every error becomes one message and a code
                failures.append(report(error, debug))

        signal.signal(signal.SIGTERM, _terminate)
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            sys.argv = [f"churn {stage}", *forgiving(words)]
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=stage)(task)()
        except Exception as error:  # noqa: BLE001
            failures.append(report(error, debug))
        return failures[0] if failures else 0

    return main


def settings_from(config: DictConfig, kind: type[S]) -> S:
    """Return strict settings from a composed configuration; every problem is said at once."""
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigRefused([str(error).splitlines()[0]]) from error
    assert isinstance(values, dict)  # noqa: S101 - a primary config is a mapping
    return build_settings(kind, {str(key): value for key, value in values.items()})


def compose(stage: str, kind: type[S], overrides: Sequence[str]) -> S:
    """Return the settings of a stage composed in process."""
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return settings_from(hydra.compose(stage, list(overrides)), kind)


def compose_checked(stage: str, words: Sequence[str]) -> ChurnSettings:
    """Return the settings of a stage for a command that is not one, its overrides judged as a stage's are."""
    return compose(stage, ChurnSettings, forgiving(words))


def report(error: BaseException, debug: bool) -> int:
    """Say what went wrong on standard error and return the exit code; a traceback only with `--debug`."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        error = ConfigRefused([line for line in str(error).splitlines() if line.strip()][:1])
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
    raise Terminated("stopped by SIGTERM; nothing half-written was left")


def forgiving(words: Sequence[str]) -> list[str]:
    """Return the command line with plain overrides made forced ones, so that strict settings judge every key.

    Raises
    ------
    ConfigRefused
        When a config group has no such choice, all of them at once.
    """
    flags = [word for word in words if word.startswith("-") or "=" not in word]
    parsed = OverridesParser.create().parse_overrides([word for word in words if word not in flags])
    problems = [problem for override in parsed if (problem := _unknown_choice(override))]
    if problems:
        raise ConfigRefused(problems)
    return [*flags, *(_forced(override) for override in parsed)]


def _groups() -> dict[str, list[str]]:
    return {
        folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
        for folder in CONF.iterdir()
        if folder.is_dir()
    }


def _forced(override: Override) -> str:
    line = str(override.input_line)
    key = override.key_or_group
    is_plain = override.type is not None and override.type.name in ("CHANGE", "ADD")
    if key in _groups() or key.startswith("hydra") or key.split("@")[0] in _groups() or not is_plain:
        return line
    return f"++{line.lstrip('+')}"


def _unknown_choice(override: Override) -> str | None:
    group = override.key_or_group
    choices = _groups().get(group)
    if choices is None or "--config-dir" in sys.argv:
        return None
    value = override.value()
    names = value.list if override.is_choice_sweep() else [value]  # type: ignore[union-attr]
    for name in names:
        if isinstance(name, str) and name not in choices:
            near = did_you_mean(name, choices)
            return f"{group}: no file conf/{group}/{name}.yaml{near} (there are {', '.join(choices)})"
    return None

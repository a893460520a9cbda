"""Command line and `conf/` to strict settings, every problem said at once.

Hydra composes; it refuses unknown keys one at a time, and lets them pass with `+`. So plain overrides are forced in,
and the strict settings judge every key together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from churn.core.errors import ConfigRefused, first_line
from churn.core.settings import ChurnSettings
from churn.core.strict import build_settings
from churn.core.suggestions import did_you_mean

ROOT = Path(__file__).resolve().parents[1]
CONF = ROOT / "conf"
S = TypeVar("S", bound=ChurnSettings)

OmegaConf.register_new_resolver("project_root", lambda: str(ROOT), replace=True)


class CommandLine(NamedTuple):
    """Words for Hydra, and what was already found wrong with the words as given."""

    words: list[str]
    problems: tuple[str, ...]


def settings_from(config: DictConfig, kind: type[S], problems: tuple[str, ...] = ()) -> S:
    """Return strict settings from a composed configuration.

    Raises
    ------
    ConfigRefused
        With every problem, those already found among them.
    """
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise ConfigRefused([*problems, first_line(error)]) from error
    assert isinstance(values, dict)  # noqa: S101 - a primary config is a mapping
    return build_settings(kind, {str(key): value for key, value in values.items()}, problems)


def compose(stage: str, kind: type[S], words: Sequence[str]) -> S:
    """Return the settings of a stage composed in this process, for commands that are not stages, and for scripts."""
    line = read_command_line(words)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return settings_from(hydra.compose(stage, line.words), kind, line.problems)


def read_command_line(words: Sequence[str]) -> CommandLine:
    """Return the words with plain overrides made forced ones; choices that no group has are left out and named."""
    flags = [word for word in words if word.startswith("-") or "=" not in word]
    groups = _groups() if "--config-dir" not in flags else {}
    kept, problems = [], []
    for word in words:
        if word in flags:
            continue
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException:
            problems.append(f"{word}: cannot be read; write KEY=VALUE, a value with spaces or brackets in quotes")
            continue
        problem = _unknown_choice(override, groups)
        problems += [problem] if problem else []
        kept += [] if problem else [_forced(override)]
    return CommandLine([*flags, *kept], (*problems, *_shared_names()))


def _shared_names() -> list[str]:
    """Say which files of sources have one name: the data and lists of all of them would lie in one folder."""
    files: dict[str, list[str]] = {}
    for file in sorted((CONF / "source").glob("*.yaml")):
        for name in re.findall(r"^name:\s*([^\s#]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            files.setdefault(name, []).append(f"conf/source/{file.name}")
    return [
        f"source: {' and '.join(of_name)} have the same name: {name}; give each its own, its data lie under it"
        for name, of_name in files.items()
        if len(of_name) > 1
    ]


def _groups() -> dict[str, list[str]]:
    folders = [folder for folder in CONF.iterdir() if folder.is_dir()]
    return {folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in folders}


def _forced(override: Override) -> str:
    line, key = str(override.input_line), override.key_or_group
    is_plain = override.type is not None and override.type.name in ("CHANGE", "ADD")
    is_group = key.split("@")[0] in _groups() or key.startswith("hydra")
    return f"++{line.lstrip('+')}" if is_plain and not is_group else line


def _unknown_choice(override: Override, groups: dict[str, list[str]]) -> str | None:
    group = override.key_or_group
    if group not in groups:
        return None
    value = override.value()
    names = value.list if override.is_choice_sweep() else [value]
    for name in names:
        if isinstance(name, str) and name not in groups[group]:
            near = did_you_mean(name, groups[group])
            return f"{group}: no file conf/{group}/{name}.yaml{near} (there are {', '.join(groups[group])})"
    return None

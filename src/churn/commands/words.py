"""What the words of a command have in common: overrides among them, the settings these compose, files to write."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn.core.settings import ChurnSettings


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what is named, and the overrides (`key=value`), each in their order."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]


def settings_of(overrides: Sequence[str]) -> ChurnSettings:
    """Return the settings of the company that the overrides name; a mistake is said before anything slow is loaded.

    Raises
    ------
    ConfigRefused
        With every problem.
    """
    from churn.core.settings import ChurnSettings
    from pipelines.composition import compose

    return compose("validate", ChurnSettings, overrides)


def file_path(text: str) -> Path:
    """Return the path of a file to write, as a type of argparse."""
    if not Path(text).name:
        raise argparse.ArgumentTypeError("name a file")
    return Path(text)

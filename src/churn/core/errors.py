"""What can go wrong, as one family of errors that carry what was found and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EXAMPLE_IDS = 5


class ChurnError(Exception):
    """A problem said in full to its reader; a stage ends with `exit_code` and tags its run with `code`."""

    exit_code: ClassVar[int] = 1
    code: str = "refused"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        """Cross process borders as text: fields of subclasses are already part of the message."""
        return (_rebuild, (type(self), self.message, self.code))


def _rebuild(kind: type[ChurnError], message: str, code: str) -> ChurnError:
    error = kind.__new__(kind)
    ChurnError.__init__(error, message, code=code)
    return error


class DataRefused(ChurnError):
    """Data or its quality is refused before anything is written.

    Parameters
    ----------
    problem
        What was found, in one sentence.
    remedy
        What the reader should change.
    code
        Short id of the kind of fault, for the run's `failure.code` tag.
    table, column
        Where it was found, in contract names.
    count
        How many rows are concerned.
    examples
        Ids of rows concerned; the first five are shown. Ids only, never attributes.
    """

    exit_code = 1
    code = "data"

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        code: str = "data",
        table: str | None = None,
        column: str | None = None,
        count: int | None = None,
        examples: Sequence[object] = (),
    ) -> None:
        self.table, self.column, self.count = table, column, count
        self.parts: tuple[DataRefused, ...] = (self,)
        self.examples = tuple(str(example) for example in examples[:EXAMPLE_IDS])
        place = ".".join(part for part in (table, column) if part)
        text = f"{place}: {problem}" if place else problem
        if count is not None:
            text += f" ({count:,} row{'' if count == 1 else 's'})"
        if self.examples:
            text += f"; for example {', '.join(self.examples)}"
        super().__init__(f"{text}. {remedy}", code=code)

    @classmethod
    def of_parts(cls, parts: Sequence[DataRefused]) -> DataRefused:
        """Return several refusals as one; its place is that of the first."""
        first = parts[0]
        together = cls("", remedy="", code=first.code, table=first.table, column=first.column, count=first.count)
        together.message = "\n  - ".join([f"{len(parts)} problems in the data:", *(part.message for part in parts)])
        together.args, together.parts = (together.message,), tuple(parts)
        return together


def refuse_together(refusals: Sequence[DataRefused]) -> None:
    """Raise what was refused as one error, so that an export needs correcting once; nothing happens without any.

    Raises
    ------
    DataRefused
        The refusal itself when there is one; else one that lists them all and carries the place of the first.
    """
    parts = [part for refusal in refusals for part in refusal.parts]
    if len(parts) == 1:
        raise parts[0]
    if parts:
        raise DataRefused.of_parts(parts)


class ConfigRefused(ChurnError):
    """The configuration or the command is wrong; every problem is listed at once."""

    exit_code = 2
    code = "config"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        head = f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the configuration; nothing was read:"
        super().__init__("\n  - ".join([head, *problems]))


class PromotionRefused(ChurnError):
    """A model does not pass the gate; the champion stays."""

    exit_code = 1
    code = "gate_failed"

    def __init__(self, version: str, headline: str, failures: Sequence[str]) -> None:
        head = f"version {version} is not promoted, {headline}; the champion stays (all the same: --force --why TEXT):"
        super().__init__("\n  - ".join([head, *failures]))


class DependencyDown(ChurnError):
    """MLflow, a database or the model registry cannot give what is needed."""

    exit_code = 3
    code = "dependency"


class OutputFailed(ChurnError):
    """A result could not be written; the last good output stands."""

    exit_code = 4
    code = "output"


class OutOfMemory(ChurnError):
    """The engine's memory limit is too small for the work; the last good output stands."""

    exit_code = 4
    code = "memory"


class RunLocked(ChurnError):
    """Another run holds the lock; retry later."""

    exit_code = 75
    code = "locked"


def first_line(error: BaseException) -> str:
    """Return the first line of any error's text, or its kind when it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]

"""A progress bar on a terminal; plain lines where nobody watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def progress_bar(title: str, total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
    """Give a function that takes one step and a text: the bar moves on, or a line `[3/40] text` is logged."""
    if not sys.stderr.isatty():
        steps = iter(range(done + 1, total + 1))
        yield lambda text: log.info("[%d/%d] %s", next(steps, total), total, text)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=done)

        def step(text: str) -> None:
            bar.update(task, advance=1, description=text)
            log.debug("%s", text)

        yield step

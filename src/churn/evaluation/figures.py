"""Colours and empty figures; matplotlib is imported when the first is drawn: no command waits for it to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREY, GREEN, ORANGE = "#1f6fb2", "#d1495b", "#7a7a7a", "#3a9d5d", "#e08e0b"
COLOURS = (BLUE, RED, GREY, GREEN, ORANGE, "#7b4fa3")  # of models, in their order


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")

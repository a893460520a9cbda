"""Colours and empty figures; matplotlib is imported when the first is drawn: no command waits for it to start."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREY, GREEN, ORANGE = "#0072b2", "#d55e00", "#6b6b6b", "#009e73", "#e69f00"
# Told apart by the colour-blind as well (Okabe and Ito 2008, with a grey for their black and the pale ones last).
COLOURS = (BLUE, RED, GREY, GREEN, ORANGE, "#cc79a7")
INTERVAL = 0.95  # of what pictures show that chance does
CAPACITY: Mapping[str, Any] = MappingProxyType(
    {"color": "black", "lw": 1.0, "ls": "--", "label": "the team's capacity"}
)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def in_percent(axes: Axes, which: str) -> None:
    """Write the shares on these axes (`x`, `y` or both) as percentages."""
    from matplotlib.ticker import PercentFormatter

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0))

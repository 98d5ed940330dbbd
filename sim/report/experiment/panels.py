"""Small multiples: a grid of panels, one KPI each, and the marks that all pictures of an experiment share."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from sim.kpi.entry import Better
from sim.report.figures import WIDTH_IN
from sim.report.numbers import Scale

GOOD = "#00694d"  # the page's colours of better and worse, told apart by the colour-blind too
BAD = "#b14a00"
SOFT = "#5a626c"
INK = "#1f2328"
BAND = "#dfe3e8"
COLUMNS = 3
_MOST_DECIMALS = 3


def grid_of_panels(count: int, *, height_in: float, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels, those left over hidden; it is as wide as the page from three panels on."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    width_in = WIDTH_IN * (0.12 + 0.88 * columns / COLUMNS)
    figure = Figure(figsize=(width_in, rows * height_in + 0.25), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey="all" if sharey else "none")
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:count])


def wrapped(text: str, width: int, *, lines: int = 3) -> str:
    """Break a label into lines; one that is too long loses its middle, as names differ at their ends."""
    found = textwrap.wrap(text, width)
    if len(found) <= lines:
        return "\n".join(found)
    if lines == 1:
        half = (width - 3) // 2
        return f"{text[:half].rstrip()} … {text[-half:].lstrip()}"
    head = textwrap.wrap(text, width - 2)[: lines - 1]
    tail = text[-width:]
    tail = tail.partition(" ")[2] or tail  # from a whole word on, where there is one
    return "\n".join([*head[:-1], f"{head[-1]} …", tail])


def decimals_of(scale: Scale, half: float, *, digits: int) -> int:
    """Return the decimals that show so many digits of half an interval."""
    if half <= 0:
        return scale.decimals
    return min(max(digits - 1 - math.floor(math.log10(scale.factor * half)), 0), _MOST_DECIMALS)


def group_thousands(axis: Axis, values: Sequence[float]) -> None:
    """Write large numbers of an axis with commas, as the tables do."""
    if max(map(abs, values), default=0.0) >= 1000:
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def better_along(better: Better) -> str:
    """Return an arrow to the better end of an axis with its word, or nothing where no end is better.

    The label of an upright axis is turned with it, so that the arrow points along that one too.
    """
    return {"lower": "◂ better", "higher": "better ▸", "neither": ""}[better]

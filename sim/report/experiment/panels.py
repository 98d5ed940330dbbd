"""Small multiples: a grid of panels, one KPI each, and the marks that all pictures of an experiment share."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from sim.kpi.entry import Better
from sim.report.figures import WIDTH_IN

GOOD = "#00694d"  # the page's colours of better and worse, told apart by the colour-blind too
BAD = "#b14a00"
SOFT = "#5a626c"
INK = "#1f2328"
BAND = "#dfe3e8"
COLUMNS = 3


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


class Plain(Formatter):
    """Ticks as whole figures with commas, as the tables write them: never as an offset with a remainder."""

    def __init__(self) -> None:
        self._decimals = 0

    def format_ticks(self, values: Iterable[float]) -> list[str]:
        """Write ticks with the decimals that the steps between them need."""
        ticks = [float(value) for value in values]
        step = min((abs(b - a) for a, b in pairwise(ticks)), default=0.0)
        self._decimals = next((n for n in range(9) if step > 0 and abs(step - round(step, n)) < 1e-6 * step), 0)
        return [self(tick) for tick in ticks]

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write one tick."""
        text = f"{x:,.{self._decimals}f}"
        return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def better_along(better: Better) -> str:
    """Return an arrow to the better end of an axis with its word, or nothing where no end is better.

    The label of an upright axis is turned with it, so that the arrow points along that one too.
    """
    return {"lower": "◂ better", "higher": "better ▸", "neither": ""}[better]

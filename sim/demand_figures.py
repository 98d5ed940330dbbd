"""Pictures of a demand: counts by hour and road, trip lengths, modes, arrivals at each gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

from sim.demand_summary import BIN_S, DemandSummary, whole_hours
from sim.errors import OutputError
from sim.fields import format_clock
from sim.network.catalog import Network, network_folder
from sim.network.overlaid import load_overlaid
from sim.network.tables import read_tables
from sim.report.fonts import figure_style

COLOURS = {"+": "#0072b2", "-": "#d55e00"}
COLUMNS = 4
MOST_PANELS = 16
WIDTH_IN, DPI = 13.0, 150


def draw_demand(summary: DemandSummary, folder: Path) -> list[Path]:
    """Write the pictures as PNG files into a folder and return their paths.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    network = load_overlaid(summary.scenario.network, summary.scenario.overlays)
    figures: dict[str, Callable[[], Figure]] = {
        "volumes": lambda: _volumes(summary, _road_names(network)),
        "trip_lengths": lambda: _lengths(summary),
        "modes": lambda: _modes(summary),
        "arrivals": lambda: _arrivals(summary, network),
    }
    paths = []
    with figure_style():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, make in figures.items():
                figure = make()
                FigureCanvasAgg(figure)
                path = folder / f"{summary.scenario.name}.{name}.png"
                figure.savefig(path, dpi=DPI, metadata={"Software": None})
                paths.append(path)
        except OSError as error:
            msg = f"{folder}: the pictures cannot be written: {error}"
            raise OutputError(msg) from None
    return paths


def _road_names(network: Network) -> dict[str, str]:
    """Return the names of survey roads; a network that was not built from tables has none."""
    folder = network_folder(network.name) / "tables"
    if not (folder / "roads.csv").is_file():
        return {}
    return {road.survey_id or key: road.name_ko for key, road in read_tables(folder).roads.items()}


def _volumes(summary: DemandSummary, names: Mapping[str, str]) -> Figure:
    totals: dict[tuple[str, int], float] = {}
    for (road, hour, _), vehicles in summary.volumes.items():
        totals[road, hour] = totals.get((road, hour), 0.0) + vehicles
    targets: dict[tuple[str, int], float] = {}
    for one in summary.compared:
        key = one.count.road, one.count.hour
        targets[key] = targets.get(key, 0.0) + one.count.vehicles
    roads = sorted({road[:-1] for road, _ in targets}) or _busiest(totals)
    rows = -(-len(roads) // COLUMNS)
    figure = Figure(figsize=(WIDTH_IN, 1.1 + 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False).ravel()
    hours = whole_hours(summary.scenario)
    for axes, road in zip(grid, roads, strict=False):
        for direction, colour in COLOURS.items():
            for by_hour, line in ((targets, "--"), (totals, "-")):
                _hours(axes, [by_hour.get((road + direction, hour)) for hour in hours], hours, colour, line)
        axes.set_title(f"{road}  {names.get(road, '')}"[:42], fontsize=8.5)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    if hours:
        grid[0].set_xlim(hours.start, hours.stop)
    grid[0].xaxis.set_major_locator(MaxNLocator(7, integer=True))
    for axes in grid[len(roads) :]:
        axes.set_axis_off()
    scale = summary.scenario.demand.background.scale if summary.scenario.demand.background else 0
    figure.suptitle(
        f"{summary.scenario.title}\nvehicles an hour by road, planned (solid) and target (dashed); blue from first to "
        f"second junction, orange back; background × {scale:g}; {'' if hours else 'no '}whole hours",
        fontsize=9.5, x=0.01, ha="left",
    )  # fmt: skip
    figure.supxlabel("hour of the day", fontsize=9)
    return figure


def _busiest(totals: Mapping[tuple[str, int], float]) -> list[str]:
    by_road: dict[str, float] = {}
    for (road, _), vehicles in totals.items():
        by_road[road[:-1]] = by_road.get(road[:-1], 0.0) + vehicles
    return sorted(sorted(by_road, key=lambda road: (-by_road[road], road))[:MOST_PANELS])


def _hours(axes: Axes, volumes: Sequence[float | None], hours: range, colour: str, line: str) -> None:
    """Draw volumes by the hour, with a gap where there is none: a line down to 0 would read as an empty road."""
    if any(volume is not None for volume in volumes):
        heights = [np.nan if volume is None else volume for volume in volumes]
        axes.stairs(heights, [*hours, hours.stop], baseline=None, color=colour, linestyle=line, linewidth=1.4)


def _lengths(summary: DemandSummary) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, 3.6), layout="constrained")
    groups = {name: metres / 1000 for name, metres in summary.lengths_m.items() if len(metres)}
    longest = max((float(km.max()) for km in groups.values()), default=1.0)
    for axes, (name, km) in zip(
        np.ravel(figure.subplots(1, max(1, len(groups)), sharex=True)), groups.items(), strict=False
    ):
        axes.hist(km, bins=np.arange(0, longest + 2, 2), weights=np.full(len(km), 1 / len(km)), color="#4c78a8")
        axes.axvline(float(km.mean()), color="#d55e00", linewidth=1.2)
        axes.set_title(f"{name}: {len(km):,}, mean {km.mean():.1f} km")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("trip length by the fastest way, km")
    return figure


def _modes(summary: DemandSummary) -> Figure:
    modes = {name: people for name, people in summary.modes.items() if people}
    figure = Figure(figsize=(8.5, 0.9 + 0.42 * max(1, len(modes))), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(modes), list(modes.values()), color="#4c78a8")
    whole = max(1, sum(modes.values()))
    axes.bar_label(bars, [f"{people:,} ({people / whole:.1%})" for people in modes.values()], padding=4, fontsize=8.5)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.grid(visible=False, axis="y")
    axes.set_title(f"{summary.scenario.title}: journeys by mode")
    axes.set_xlabel("journeys of people, both ways where the span holds both")
    return figure


def _arrivals(summary: DemandSummary, network: Network) -> Figure:
    sites = sorted(summary.arrivals, key=lambda site: (-sum(summary.arrivals[site].values()), site))
    figure = Figure(figsize=(WIDTH_IN, 1.6 + 0.36 * max(1, len(sites))), layout="constrained")
    axes = figure.subplots()
    times = sorted({at_s for bins in summary.arrivals.values() for at_s in bins})
    if not times:
        axes.set_axis_off()
        axes.set_title(f"{summary.scenario.title}: nobody arrives at a gate within the span")
        return figure
    grid_s = np.arange(times[0], times[-1] + BIN_S, BIN_S)
    people = np.array([[summary.arrivals[site].get(int(at_s), 0) for at_s in grid_s] for site in sites])
    axes.imshow(people, aspect="auto", cmap="Blues", vmin=0)
    for row, column in zip(*np.nonzero(people), strict=True):
        shade = "white" if people[row, column] > 0.6 * people.max() else "#1f2328"
        axes.text(column, row, str(people[row, column]), ha="center", va="center", fontsize=7, color=shade)
    labels = [f"{network.sites[site].name_ko}  {sum(summary.arrivals[site].values()):,}" for site in sites]
    axes.set_yticks(range(len(sites)), labels)
    axes.xaxis.set_major_locator(MultipleLocator(max(1, len(grid_s) // 20)))
    axes.xaxis.set_major_formatter(
        lambda at, _: format_clock(grid_s[0] + at * BIN_S)[:5] if 0 <= at < len(grid_s) else ""
    )
    axes.grid(visible=False)
    by = "by car, shuttle, coach or on foot"
    axes.set_title(f"{summary.scenario.title}: people who arrive at each gate {by} in ten minutes, planned")
    return figure

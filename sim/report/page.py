"""The report page: runs side by side in one HTML file that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from sim.compare import ONE_SEED
from sim.errors import SandboxError
from sim.fields import format_clock
from sim.network.overlaid import load_overlaid
from sim.report import figures, html, maps, provenance
from sim.report.fonts import figure_style
from sim.report.freight.captions import freight_pictures
from sim.report.ground import Ground
from sim.report.known import counted_by_status, groups_of
from sim.report.permits.section import permit_section
from sim.report.runs import ServiceRun, load_runs, one_seed_each
from sim.report.summary import remarks
from sim.report.tables import compare_all, freight_sections, kpi_sections, scope_sections
from sim.report.waits import wait_maps

_TEMPLATE = "page.html.j2"
_SEVERAL_SEEDS = "Services ran with several seeds; each column is one run, and no test of significance is made here."

_AREA = (
    "Roads by how well their course is known (line style) and lanes (width); a stop is one point for all its "
    "kerbs. Metric coordinates of the network, equal scales."
)
_WAITS = (
    "Each point is where a rider wished to leave from; darker and larger is a longer wait, in the same "
    "classes for all services. A cross is a rider who was not served."
)
_TIMES = (
    "Share of all riders who have waited, and travelled, no longer than so many minutes; higher and further "
    "left is better. Riders not served have no time of their own: they are censored at the end of the drain "
    "({drain_end}), so that their service's curve stays below 100 % by their share and ends in a cross."
)
_FLEET = (
    "Means over two minutes. The events tell when a vehicle stands at a stop and who is on board; whether an "
    "empty one drives or is parked they do not tell, so both are one band."
)
_ARRIVALS = (
    "Share of the workers who reach their site so many minutes before (left of the line) or after the start "
    "of their shift, in steps of five minutes; whoever is an hour off or more is counted at the end of the "
    "axis. The outline is the commuters who drive, in the same run."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure ready for the page: a `data:` address, what it shows, and how to read it."""

    title: str
    data: str
    caption: str


def write_report(
    runs: Sequence[Path], out: Path, *, reference: Path | None = None, title: str = "Services side by side"
) -> Path:
    """Write one self-contained HTML file that compares published runs, and return its path.

    The same runs give the same bytes. An existing file is replaced.

    Parameters
    ----------
    runs
        Run directories, 1 to 6; differences are taken to the first.
    out
        The HTML file; its folder is made.
    reference
        A run of the same scenario without the service: the time that the services cost other traffic is
        measured against it.

    Raises
    ------
    SandboxError
        Too many runs, or runs that must not be compared: another network, time span or SUMO version.
    NotFoundError, OutputError
        A run was not published or is damaged; the file cannot be written.
    """
    return html.write(render_report(runs, reference=reference, title=title), out)


def render_report(paths: Sequence[Path], *, reference: Path | None, title: str) -> str:
    """Return the page; see `write_report`."""
    runs = load_runs(paths)
    comparison = compare_all(paths, reference=reference)
    first = runs[0].scenario
    with figure_style():
        ground, map_note = _ground(runs)
        permits = permit_section([(run.label, run.scenario.permits) for run in runs], ground)
        pictures = [*_maps(ground, runs), *_plots(runs), *_freight(ground, runs)]
    scenario = {name: part for name, part in runs[0].manifest["scenario"].items() if name != "permits"}
    known = provenance.figures(scenario)  # permits have a section of their own
    content = {
        "title": title,
        "network": first.network,
        "span": f"{format_clock(first.time.begin_s)[:5]}–{format_clock(first.time.end_s)[:5]}",
        "drain_end": format_clock(runs[0].horizon_s)[:5],
        "banner": "" if len(runs) == 1 else ONE_SEED if one_seed_each(runs) else _SEVERAL_SEEDS,
        "runs": runs,
        "remarks": remarks(runs, comparison),
        "warnings": comparison.warnings,
        "sections": kpi_sections(comparison),
        "scopes": scope_sections(comparison),
        "freight_scopes": freight_sections(comparison),
        "riders": any(run.journeys for run in runs),
        "pictures": pictures,
        "map_note": map_note,
        "permits": permits,
        "facts": provenance.facts(runs),
        "attributions": provenance.attributions(runs),
        "figures": groups_of(known),
        "figure_counts": counted_by_status(known),
    }
    return html.render(_TEMPLATE, content)


def _ground(runs: Sequence[ServiceRun]) -> tuple[Ground | None, str]:
    """Return the network for the maps, or None and the reason why the page has none."""
    try:
        network = load_overlaid(runs[0].scenario.network, runs[0].scenario.overlays)
    except SandboxError as error:
        return None, f"No maps, as the network is not at hand: {error}"
    if any(run.manifest["network"]["sha256"] != network.sha256 for run in runs):
        return None, f"No maps: the network {network.name} has been rebuilt since these runs."
    return Ground(network, runs[0].scenario), ""


def _maps(ground: Ground | None, runs: Sequence[ServiceRun]) -> Iterator[Picture]:
    if ground is None:
        return
    credit = f"{ground.network.attribution}."
    yield _picture("The area", maps.area_map(ground), f"{_AREA} {credit}")
    if (figure := maps.complex_map(ground)) is not None:
        yield _picture("The complex", figure, f"Sites by name; lines and points as above. {credit}")
    if any(run.journeys for run in runs):
        yield _picture("Where riders waited long", wait_maps(ground, runs), f"{_WAITS} {credit}")


def _plots(runs: Sequence[ServiceRun]) -> Iterator[Picture]:
    if not any(run.journeys for run in runs):
        return
    times = _TIMES.format(drain_end=format_clock(runs[0].horizon_s)[:5])
    yield _picture("Waits and journeys", figures.travel_times(runs), times)
    yield _picture("Fleet use over time", figures.fleet_use(runs), _FLEET)
    yield _picture("Arrivals against the start of the shift", figures.arrivals(runs), _ARRIVALS)


def _freight(ground: Ground | None, runs: Sequence[ServiceRun]) -> Iterator[Picture]:
    if any(run.scenario.freight is not None or run.scenario.permits for run in runs):
        yield from (_picture(*one) for one in freight_pictures(runs, ground))


def _picture(title: str, figure: Figure, caption: str) -> Picture:
    return Picture(title, html.embedded(figure), caption)

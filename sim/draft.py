"""A first scenario for any network: generic demand from what its places say, to be changed by hand."""

from __future__ import annotations

import itertools
import json
import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.demand.population import Population
from sim.documents import load_scenario
from sim.engine.resolve import resolve
from sim.errors import NetworkError, OutputError, ScenarioError
from sim.network.catalog import Area, Network, load_network
from sim.network.graph import EdgeGraph

HOMES, WORKPLACES, FLOWS = 6, 12, 6
"""The most of each that a draft names: it is to be read."""
MOST_EDGES = 12_000
"""A table of the times between any two of these is 1.2 GB, and a run keeps several."""
FEWEST, MOST = 50, 400
RIDER_SHARE = 0.2
SPARE_BAYS = 1.3
"""Bays for each expected worker: the draw scatters, and cars that find no place drive round."""
RIDERS_PER_VEHICLE = 10
VEHICLES_PER_H = 40
NEAR_M, FAR_M = 250.0, 1500.0
FOLDED = re.compile(r"[^a-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A written document, what it rests on, and how many people and vehicles it brings."""

    path: Path
    basis: str
    riders: int
    cars: int
    background: int


def write_draft(network_name: str, path: Path) -> Draft:
    """Write a scenario for a network that runs at once; nothing is written unless it does.

    Raises
    ------
    NotFoundError, NetworkError
        There is no such network, or it cannot be read.
    OutputError
        The file exists or cannot be written.
    ScenarioError
        The network has no roads on which anybody could ask for a ride.
    """
    if path.suffix not in {".yaml", ".yml"}:
        msg = f"--out {path}: a scenario is a .yaml file"
        raise OutputError(msg)
    if path.exists():
        msg = f"--out {path}: exists, and is not overwritten; choose another name"
        raise OutputError(msg)
    network = load_network(network_name)
    graph = EdgeGraph.from_net(network.net_file)
    if len(graph.ids) > MOST_EDGES:
        msg = (
            f"network {network_name!r} has {len(graph.ids)} edges, and a service on request keeps the times between "
            f"any two; allowed: {MOST_EDGES}: import a part with --bbox, or the larger roads with --smallest tertiary"
        )
        raise ScenarioError(msg)
    text, basis, people = _draft(network, graph, path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        msg = f"--out {path}: cannot be written: {error}"
        raise OutputError(msg) from error
    return Draft(path, basis, len(people.riders), len(people.cars), len(people.background))


def _draft(network: Network, graph: EdgeGraph, path: Path) -> tuple[str, str, Population]:
    """Return the first kind of demand that this network can carry: text, basis, and who moves."""
    commuters = "\n".join(_commuters(network, graph))
    if commuters:
        basis = "commuters from housing to workplaces"
        text = _text(network, graph, path, basis, commuters, per_h=0)
        with suppress(ScenarioError):  # a home or a workplace lies where no taxi comes: the even demand needs neither
            return text, basis, _population(text, path)
    basis = "requests spread evenly over the network"
    uniform = "\n".join(_uniform(graph))
    text = _text(network, graph, path, basis, uniform, per_h=60)
    return text, basis, _population(text, path)


def _population(text: str, path: Path) -> Population:
    """Return who moves in the document of this name that a text may become."""
    with tempfile.TemporaryDirectory(prefix="bitgreen-draft-") as scratch:
        file = Path(scratch) / path.name
        file.write_text(text, encoding="utf-8")
        return resolve(load_scenario(file)).population


def _text(network: Network, graph: EdgeGraph, path: Path, basis: str, demand: str, *, per_h: int) -> str:
    riders = per_h or MOST * RIDER_SHARE
    lines = [
        f"# A first scenario on the network {network.name}: {basis}. Where a figure has no source it is assumed;",
        "# nothing here is counted. Change what you know better; `bitgreen scenario validate FILE` checks it.",
        f"name: {_key(path.stem)}",
        f"title: Generic demand on {network.name}",
        f"network: {network.name}",
        'time: {begin_s: "07:00", end_s: "08:30", drain_s: 1800, step_s: 1}',
        "",
        "demand:",
        demand,
        *_background(network, graph),
        "",
        "fleet:  # without a depot the vehicles start spread over the network",
        f"  count: {max(round(riders / RIDERS_PER_VEHICLE), 4)}",
        "  seats: 8",
        "  depot: null",
        "",
        "requests: {max_wait_s: 1800, max_detour_alpha: 1.5, max_detour_beta_s: 600, max_ride_s: 3600}",
        "controllers: {shuttle: {use: insertion}}",
        "",
    ]
    return "\n".join(lines)


def _commuters(network: Network, graph: EdgeGraph) -> Iterator[str]:
    """Return the commuters' part of the document; nothing unless the network has housing and workplaces."""
    drivable = graph.reachable("passenger") & graph.reachable("taxi")
    staffed = [(site.staff, key) for key, site in network.sites.items() if site.staff]
    works = [pair for pair in staffed if drivable[graph.position(network.sites[pair[1]].edge)]]
    works = sorted(works, key=lambda pair: (-pair[0], pair[1]))[:WORKPLACES]
    areas = sorted((a for a in network.areas.items() if a[1].kind == "housing"), key=lambda a: (-_area_m2(a[1]), a[0]))
    homes = [home for key, area in areas[:HOMES] if (home := _home(key, area, network, graph, drivable))]
    if not works or not homes:
        return
    count = min(max(sum(staff for staff, _ in works), FEWEST), MOST)
    whole = sum(area_m2 for area_m2, *_ in homes)
    yield "  commuters:"
    yield (
        f"    count: {{value: {count}, status: assumed, "
        f'source: "the staff of the workplaces below, from {FEWEST} to {MOST}"}}'
    )
    yield f'    rider_share: {{value: {RIDER_SHARE}, status: assumed, source: "a well used service on request"}}'
    yield f"    destinations: [{', '.join(_quoted(key) for _, key in works)}]  # chosen by their staff"
    if not _room(network, works, count):
        yield "    parking: false  # the car parks drawn inside the sites are too small for their staff"
    yield "    shifts:"
    yield '      - {sites: ["*"], start_s: "08:30", end_s: "17:30", status: assumed, source: "usual day shift"}'
    yield "    homes:  # people by area of the housing"
    left = 1.0
    for number, (area_m2, key, area, junction, radius_m) in enumerate(homes, start=1):
        share = round(left if number == len(homes) else area_m2 / whole, 4)
        left -= share
        yield f"      {_key(key)}:"
        yield f"        name_en: {_quoted(area.name_en or area.name_ko or f'Housing {number}')}"
        yield f"        name_ko: {_quoted(area.name_ko or area.name_en or f'주거지 {number}')}"
        yield f'        share: {{value: {share:g}, status: assumed, source: "share of the area of housing"}}'
        yield f"        junctions: [{_quoted(junction)}]"
        yield f"        radius_m: {radius_m:.0f}"
        yield "        scope: housing"
    yield "    arrival:"
    yield "      {mean_s: 900, sd_s: 600, earliest_s: 2400, latest_s: 120, status: assumed,"
    yield '       source: "a quarter of an hour before the shift, 2 to 40 minutes"}'
    yield '    rider_budget: {alpha: 1.4, beta_s: 900, status: assumed, source: "signals and peak; 15 min to wait"}'
    yield '    car_budget: {alpha: 1.4, beta_s: 180, status: assumed, source: "signals and peak; 3 min to park"}'


def _room(network: Network, works: Sequence[tuple[int, str]], count: int) -> bool:
    """Return whether every workplace that has car parks has room in them for all who are expected, and some more."""
    bays: Counter[str] = Counter()
    for park in network.car_parks.values():
        bays[park.site or ""] += park.capacity
    whole = sum(staff for staff, _ in works)
    return all(bays[key] >= SPARE_BAYS * count * staff / whole for staff, key in works if key in bays)


def _home(
    key: str, area: Area, network: Network, graph: EdgeGraph, drivable: NDArray[np.bool_]
) -> tuple[float, str, Area, str, float] | None:
    """Return an area with the junction nearest to its middle and the radius that covers it and some street."""
    if len(area.shape) < 3 or not network.junctions:
        return None
    x, y = (sum(corner[axis] for corner in area.shape) / len(area.shape) for axis in (0, 1))
    name, junction = min(network.junctions.items(), key=lambda item: (math.dist((item[1].x, item[1].y), (x, y)), item))
    area_m2 = _area_m2(area)
    streets = drivable & graph.permits["pedestrian"] & (graph.length_m > 30)
    middles = [graph.shapes[row].mean(axis=0) for row in np.flatnonzero(streets)]
    gaps_m = np.hypot(*(np.array(middles) - (junction.x, junction.y)).T) if middles else np.empty(0)
    radius_m = min(max(1.2 * math.sqrt(area_m2 / math.pi), NEAR_M), FAR_M)
    if not gaps_m.size or gaps_m.min() > FAR_M or math.dist((junction.x, junction.y), (x, y)) > FAR_M:
        return None
    return area_m2, key, area, name, max(radius_m, math.ceil(gaps_m.min()) + NEAR_M)


def _area_m2(area: Area) -> float:
    """Return the area of a polygon (Gauss)."""
    corners = np.array(area.shape).reshape(-1, 2)
    x, y = corners[:, 0], corners[:, 1]
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def _uniform(graph: EdgeGraph) -> Iterator[str]:
    corners = np.concatenate(graph.shapes)
    across_m = float(np.hypot(*np.ptp(corners, axis=0)))
    yield "  uniform:  # no housing and no workplaces are known that people could travel between"
    yield "    per_h: 60"
    yield f"    min_distance_m: {min(400, round(across_m / 5)):d}"


def _background(network: Network, graph: EdgeGraph) -> Iterator[str]:
    """Return flows between the gateways farthest apart that trucks can reach from one another."""
    at = {key: network.junctions[key] for key in network.gateways if key in network.junctions}
    apart = [
        (-math.dist((at[a].x, at[a].y), (at[b].x, at[b].y)), a, b) for a, b in itertools.combinations(sorted(at), 2)
    ]
    ways = ((a, b) for _, a, b in sorted(apart) if _joined(network, graph, a, b))
    pairs = list(itertools.islice(ways, FLOWS))
    if not pairs:
        return
    yield "  background:  # traffic from gateway to gateway; `scale` multiplies every flow"
    yield "    scale: 1.0"
    yield "    flows:"
    for origin, destination in pairs:
        ends = f"origin: {_quoted(origin)}, destination: {_quoted(destination)}"
        names = f"{network.gateways[origin].name} - {network.gateways[destination].name}"
        yield f"      # {' '.join(names.split())}"
        yield f"      - {{{ends}, truck_share: 0.1,"
        yield f"         vehicles_per_h: {{value: {VEHICLES_PER_H}, status: assumed,"
        yield '                          source: "light traffic each way, no count"}}'


def _joined(network: Network, graph: EdgeGraph, origin: str, destination: str) -> bool:
    ends = [(network.gateways[key].entry_edges, network.gateways[key].exit_edges) for key in (origin, destination)]
    (entry, leave), (other_entry, other_leave) = ends
    try:
        for start, end in [*itertools.product(entry, other_leave), *itertools.product(other_entry, leave)]:
            graph.shortest_path(start, end, vclass="truck")
    except NetworkError:
        return False
    return bool(entry and leave and other_entry and other_leave)


def _key(text: str) -> str:
    """Return a text as a name the document allows."""
    return (FOLDED.sub("-", text.lower()).strip("-._") or "draft")[:64]


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, whatever it holds."""
    return json.dumps(text, ensure_ascii=False)

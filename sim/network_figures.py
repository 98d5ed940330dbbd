"""The page `docs/network.md`: what the network is made of, what was checked, and how a morning runs on it.

python -m sim.network_figures             # figures and checks anew, the morning as it stands
python -m sim.network_figures --traffic   # the morning too: about a minute
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import geopandas
import shapely
import sumolib

from sim.fields import format_clock
from sim.home import home
from sim.network.catalog import Network, load_network
from sim.network.check import check_network
from sim.network.checks.record import Check
from sim.network.checks.signals import read_signals
from sim.network.edges import traffic_lanes
from sim.network.geo import read_net
from sim.network.sheets import STATUSES
from sim.screenshot import GATE_CAPTION
from sim.traffic import PROBE_EVERY_S, ROAD_CLASSES, SAMPLE_S, TELEPORT_S, Traffic, classed_roads, measure_traffic

NAME = "bitgreen"
PAGE = Path("docs") / "network.md"
MORNING = "## The standard morning"
DOCK_WORDS = {
    "dock": "dock bays",
    "staging": "truck staging",
    "depot": "truck depot",
    "compound": "hand-over of finished cars",
}
HEAD = """# Network

`bitgreen network build` makes the network `{name}` from the tables in `networks/{name}/tables`, `check` measures it,
`show` draws it. This page is written by `python -m sim.network_figures`; a test fails when it does not fit the network.

- `bitgreen network check [NAME] [--traffic] [--json]`: the checks below. `--traffic` runs the standard morning too
  (`make check`). An imported network has no tables: what needs them is skipped with the reason, and faults of its
  geometry are noted, since they are not ours to mend.
- `bitgreen network show [NAME] [--out MAP.png] [--gpkg FILE.gpkg] [--close-ups FOLDER]`: a map by status, lanes and
  levels; roads and places, gateways among them, as a GeoPackage in the net's own projection (the layer `about` holds
  source and licence); interchanges, the plant gate and the complex lane by lane; with `--gate GATE.png` the plant gate
  at shift start as sumo-gui shows it (needs a screen or xvfb): {gate}.
  The map alone is drawn without being asked for.
- `bitgreen network overlays [NAME]` lists what is planned and can be built on top. `build` (into a folder of its own),
  `check` and `show` take `--overlay OVERLAY`, several times if need be, and scenarios name theirs under `overlays`.

Whoever edits a table builds anew: runs and `scenario validate` take the files in `built/` as they are and do not look
whether tables are newer, which only `check` does (it builds a second time and compares).

**Status.** Each road and place says how sure it is: `confirmed` (coordinates or geometry from a named source), `likely`
(one step of inference), `schematic` (a guess that keeps the network whole), `assumed` (a figure chosen so that the
model works), `planned` (in overlays alone). Sources and licences of every table: `networks/{name}/README.md`.
{attribution}.

## Figures

The figures that the scenarios LuST (Luxembourg) and MoST (Monaco) publish of theirs.
"""
SPEEDS = """Speeds by class of road, from the positions of all vehicles in traffic every {sample_s} s: `mean` is the
space mean, `p85` the speed that 15 % of the driven distance exceeds."""
TIMES = """Driving time of a car at the speed limit, one each way every {every_min} minutes. Off-peak about 15 to 17
minutes are known; the peak is not."""


def page(network: Network, checks: Sequence[Check], morning: str) -> str:
    """Return the whole page; `morning` is its last part as it stands or anew."""
    head = HEAD.format(name=network.name, attribution=network.attribution, gate=GATE_CAPTION)
    return f"{head}\n{figures(network)}\n\n{_check_table(checks)}\n\n{morning.strip()}\n"


def figures(network: Network) -> str:
    """Return the tables of what a network is made of."""
    net = read_net(network)
    roads = classed_roads(net)
    parts = [
        _table(("figure", "value"), [*_size_rows(net, roads), *_control_rows(network, net), *_place_rows(network)]),
        "Kilometres of road by class and status; a two-way road counts once.",
        _status_table(roads),
        "Rows by status.",
        _places_by_status(network),
    ]
    return "\n\n".join(parts)


def _check_table(checks: Iterable[Check]) -> str:
    """Return every check with its answer."""
    rows = [(check.name, check.outcome, check.figure) for check in checks]
    return "## Checks\n\n" + _table(("check", "outcome", "figure"), rows)


def _morning_part(traffic: Traffic) -> str:
    """Return the part of the page on the standard morning."""
    halt = traffic.halt
    measured = f"Scenario `{traffic.scenario}` in SUMO alone, network `{traffic.network_sha256[:12]}`"
    rows = [
        ("vehicles", f"{traffic.vehicles:,}"),
        ("arrived", f"{traffic.arrived:,}"),
        ("waiting to enter at the end", f"{traffic.never_inserted}"),
        ("teleports", f"{traffic.teleports}"),
        ("collisions", f"{traffic.collisions}"),
        ("emergency brakings", f"{traffic.emergency_braking}"),
        ("mean delay of departure", f"{traffic.mean_depart_delay_s:.1f} s"),
        ("mean time loss", f"{traffic.mean_time_loss_s:.0f} s"),
        ("longest halt in traffic", f"{halt.seconds:.0f} s, on {halt.edge} until {format_clock(halt.until_s)}"),
    ]
    speeds = [
        (one.road_class, f"{one.road_km:.1f}", f"{one.limits_kmh[0]}–{one.limits_kmh[1]}", f"{one.vehicle_km:,.0f}",
         f"{one.mean_kmh:.0f}", f"{one.mean_of_limit:.0%}", f"{one.p85_kmh:.0f}", f"{one.p85_of_limit:.0%}")
        for one in traffic.speeds
    ]  # fmt: skip
    times = [
        (f"{one.origin} → {one.destination}", _departure(one.hour), f"{one.mean_min:.1f}", f"{one.longest_min:.1f}",
         str(one.drives))
        for one in traffic.times
    ]  # fmt: skip
    columns = ("class", "km", "limits km/h", "vehicle-km", "mean km/h", "of limit", "p85 km/h", "of limit")
    parts = [
        MORNING,
        f"{measured}, time to teleport {TELEPORT_S} s.",
        _table(("figure", "value"), rows),
        SPEEDS.format(sample_s=SAMPLE_S),
        _table(columns, speeds),
        TIMES.format(every_min=PROBE_EVERY_S // 60),
        _table(("relation", "departure", "mean min", "longest min", "drives"), times),
    ]
    return "\n\n".join(parts)


def _departure(hour: int | None) -> str:
    return "empty roads" if hour is None else f"{hour:02d}:00–{hour + 1:02d}:00"


def _size_rows(net: sumolib.net.Net, roads: geopandas.GeoDataFrame) -> Iterator[tuple[str, str]]:
    west, south, east, north = roads.total_bounds
    hull = shapely.convex_hull(shapely.union_all(roads.geometry.to_numpy()))
    yield "extent", f"{(east - west) / 1000:.1f} × {(north - south) / 1000:.1f} km"
    yield "area of the convex hull", f"{hull.area / 1e6:.0f} km²"
    edges = net.getEdges(withInternal=False)
    yield "junctions", f"{len(net.getNodes())}"
    yield "edges", f"{len(edges)}"
    lanes = Counter(traffic_lanes(edge) for edge in edges)
    yield "edges by lanes", ", ".join(f"{count} with {number}" for number, count in sorted(lanes.items()))
    yield "length of roads", f"{roads['length_m'].sum() / 1000:.1f} km"
    yield "length of edges", f"{sum(edge.getLength() for edge in edges) / 1000:.1f} km"
    yield "length of lanes", f"{sum(e.getLength() * traffic_lanes(e) for e in edges) / 1000:.1f} km"
    limits = roads.groupby("speed_kmh")["length_m"].sum() / 1000
    yield "km of road by limit", ", ".join(f"{km:.1f} at {limit} km/h" for limit, km in limits.items())
    bridges, ramps = roads[roads["layer"] > 0], roads[roads["road_class"] == "ramp"]
    yield "bridges at interchanges", f"{len(bridges)} roads, {bridges['length_m'].sum() / 1000:.1f} km"
    yield "ramps", f"{len(ramps)}, {ramps['length_m'].sum() / 1000:.1f} km"


def _control_rows(network: Network, net: sumolib.net.Net) -> Iterator[tuple[str, str]]:
    kinds = Counter(node.getType() for node in net.getNodes())
    yield "junctions by control", ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.most_common())
    yield "roundabouts", f"{len(net.getRoundabouts())}"
    plans, links = read_signals(network.net_file)
    movements = sum(len(links[signal]) for signal, _ in plans)
    yield "signals", f"{len(links)} with {len(plans)} plans and {movements} controlled movements"


def _place_rows(network: Network) -> Iterator[tuple[str, str]]:
    stops = network.stops.values()
    yield "bus stops", f"{len({stop.place for stop in stops})} with {len(stops)} kerbs"
    routes = ", ".join(f"{key} {line.length_m / 1000:.1f} km" for key, line in sorted(network.lines.items()))
    yield "bus lines, a direction each", f"{len(network.lines)}: {routes}"
    yield "car parks", f"{len(network.car_parks)} with {sum(p.capacity for p in network.car_parks.values()):,} places"
    for kind, text in DOCK_WORDS.items():
        docks = [dock for dock in network.docks.values() if dock.kind == kind]
        yield text, f"{sum(dock.bays for dock in docks)} at {len(docks)} place{'s' * (len(docks) != 1)}"
    power_kw = sum(charger.power_kw for charger in network.chargers.values())
    yield "charging stations", f"{len(network.chargers)}, {power_kw:.0f} kW together"
    yield (
        "sites",
        f"{len(network.sites)}, of which {sum(bool(site.staff) for site in network.sites.values())} with staff",
    )
    yield "gateways of through traffic", f"{len(network.gateways)}"


def _status_table(roads: geopandas.GeoDataFrame) -> str:
    known = [status for status in STATUSES if (roads["status"] == status).any()]
    rows = []
    for name in (*ROAD_CLASSES, "all"):
        group = roads if name == "all" else roads[roads["road_class"] == name]
        if not group.empty:
            km = [group.loc[group["status"] == status, "length_m"].sum() / 1000 for status in known]
            rows.append((name, *(f"{length:.1f}" for length in km), f"{group['length_m'].sum() / 1000:.1f}"))
    shares = [roads.loc[roads["status"] == status, "length_m"].sum() / roads["length_m"].sum() for status in known]
    rows.append(("share", *(f"{share:.0%}" for share in shares), "100%"))
    return _table(("class", *known, "all"), rows)


def _places_by_status(network: Network) -> str:
    counted = {
        "junctions": Counter(one.status for one in network.junctions.values()),
        "sites": Counter(one.status for one in network.sites.values()),
        "positions of sites": Counter(one.position_status for one in network.sites.values()),
        "positions of stops": Counter({s.place: s.position_status for s in network.stops.values()}.values()),
        "car parks": Counter(one.status for one in network.car_parks.values()),
        "docks": Counter(one.status for one in network.docks.values()),
        "chargers": Counter(one.status for one in network.chargers.values()),
        "gateways": Counter(one.status for one in network.gateways.values()),
        "areas": Counter(one.status for one in network.areas.values()),
    }
    used = [status for status in STATUSES if any(count[status] for count in counted.values())]
    return _table(("", *used), [(what, *(str(count[status]) for status in used)) for what, count in counted.items()])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m sim.network_figures", description=__doc__)
    parser.add_argument("--traffic", action="store_true", help="run the standard morning too")
    arguments = parser.parse_args()
    path = home() / PAGE
    _, mark, old = path.read_text(encoding="utf-8").partition(MORNING) if path.exists() else ("", "", "")
    morning = _morning_part(measure_traffic()) if arguments.traffic or not mark else f"{MORNING}{old}"
    text = page(load_network(NAME), check_network(NAME).checks, morning)
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

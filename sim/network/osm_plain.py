"""Roads from OpenStreetMap as netconvert's plain XML, and the net that netconvert makes of them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sim.network.osm_roads import Road, Roads
from sim.network.osm_streets import CLASSES
from sim.network.plain import SLOW_CLASSES, VEHICLE_CLASSES
from sim.network.programs import netconvert

STATUS = "likely"
"""Of everything imported: drawn by many from aerial pictures and on the ground, not surveyed for this purpose."""
ASSUMED = "assumed"
"""Of what stands in where the tags are silent."""
HEAVY_CLASSES = frozenset({"truck", "trailer"})
TIGHT_ROAD_M, TIGHT_RADIUS_M = 40.0, 1.5
"""Corners at the ends of a road shorter than this: with netconvert's 4 m the junctions eat such roads up (in central
Helsinki 27 edges of 608 were left with less than a metre)."""
OPTIONS = (
    *("--output.street-names", "true"),
    # carriageways apart meet in four nodes where people see one junction with one signal
    *("--junctions.join", "true"),
    *("--junctions.join-dist", "15"),
    *("--tls.join", "true"),
    *("--tls.default-type", "actuated"),
    *("--roundabouts.guess", "true"),
    # acceleration lanes along the whole road and not on a piece cut off it, which would have no id of the survey
    *("--ramps.guess", "true"),
    *("--ramps.no-split", "true"),
    *("--precision", "2"),
    *("--xml-validation", "never"),
)


def projection(lon: float, lat: float) -> str:
    """Return the UTM zone of a point as PROJ has it, without the exceptions of Norway."""
    zone = min(int((lon + 180) // 6) + 1, 60)
    south = " +south" if lat < 0 else ""
    return f"+proj=utm +zone={zone}{south} +ellps=WGS84 +datum=WGS84 +units=m +no_defs"


def convert(laid: Roads, work: Path, name: str, *, left_hand: bool) -> tuple[Path, tuple[str, ...]]:
    """Write the roads, run netconvert, and return the net and the warnings.

    Raises
    ------
    NetworkError
        netconvert refuses.
    """
    rows = [node for road in laid.roads.values() for node in road.nodes]
    lon, lat = (math.fsum(values[row] for row in rows) / len(rows) for values in (laid.lon, laid.lat))
    options = ["--proj", projection(lon, lat), *OPTIONS]
    options += ["--lefthand", "true"] if left_hand else []
    # where the file has no signal at all the mappers left them out, for a town without one is rare
    options += ["--tls.guess", "true"] if not laid.signals else []
    net_file = work / f"{name}.net.xml"
    return net_file, netconvert(_write(laid, work, name), net_file, options)


def _write(laid: Roads, folder: Path, name: str) -> tuple[Path, Path, Path]:
    contents = (("nodes", "nod", _nodes(laid)), ("edges", "edg", _edges(laid)), ("connections", "con", _deleted(laid)))
    files = []
    for root, suffix, lines in contents:
        file = folder / f"{name}.{suffix}.xml"
        file.write_text(f"<{root}>\n" + "\n".join(lines) + f"\n</{root}>\n", encoding="utf-8")
        files.append(file)
    return files[0], files[1], files[2]


def _nodes(laid: Roads) -> Iterator[str]:
    tight = {
        node
        for road in laid.roads.values()
        if laid.length_m(road) < TIGHT_ROAD_M
        for node in (road.nodes[0], road.nodes[-1])
    }
    for node, name in sorted(laid.node_names.items()):
        more = ' type="traffic_light"' if node in laid.signals else ""
        more += f' radius="{TIGHT_RADIUS_M}"' if node in tight else ""
        yield f'<node id="{name}" x="{laid.lon[node]:.7f}" y="{laid.lat[node]:.7f}"{more}/>'


def _edges(laid: Roads) -> Iterator[str]:
    for key, road in laid.roads.items():
        yield from _edge(f"{key}+", key, road, laid)
        if not road.traits.oneway:
            yield from _edge(f"{key}-", key, road.reversed(), laid)


def _edge(edge: str, key: str, road: Road, laid: Roads) -> Iterator[str]:
    traits = road.traits
    classes = VEHICLE_CLASSES if traits.motor_only else VEHICLE_CLASSES + SLOW_CLASSES
    allowed = " ".join(one for one in classes if not (traits.no_trucks and one in HEAVY_CLASSES))
    shape = " ".join(f"{laid.lon[node]:.7f},{laid.lat[node]:.7f}" for node in road.nodes)
    start, end = (laid.node_names[node] for node in (road.nodes[0], road.nodes[-1]))
    # netconvert refuses an empty name
    named = f"name={quoteattr(traits.name)} " if traits.name.strip() else ""
    yield (
        f'<edge id="{edge}" from="{start}" to="{end}" {named}type="highway.{traits.kind}" '
        f'numLanes="{traits.lanes}" speed="{traits.speed_kmh / 3.6:.3f}" '
        f'priority="{CLASSES[traits.kind].rank * 10 + min(traits.lanes, 9)}" '
        f'spreadType="{"center" if traits.oneway else "right"}" allow="{allowed}" shape="{shape}">'
    )
    way = key.partition(".")[0]
    status = ASSUMED if traits.guessed else STATUS
    params = {"road": key, "survey_id": way, "status": status, "kind": traits.kind, "layer": str(traits.layer)}
    params |= {"structure": traits.structure} if traits.structure else {}
    for name, value in params.items():
        yield f'  <param key="{name}" value="{value}"/>'
    yield "</edge>"


def _deleted(laid: Roads) -> Iterator[str]:
    """Return the turns that restrictions take away; the last turn that an edge has left stays."""
    into: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    out: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for key, road in laid.roads.items():
        out[road.nodes[0]].append((f"{key}+", road.way))
        into[road.nodes[-1]].append((f"{key}+", road.last_way))
        if not road.traits.oneway:
            out[road.nodes[-1]].append((f"{key}-", road.last_way))
            into[road.nodes[0]].append((f"{key}-", road.way))
    deleted: set[tuple[str, str]] = set()
    left: Counter[str] = Counter()
    for turn in laid.turns:
        onward = [edge for edge, way in out[turn.node] if (way == turn.to_way) != turn.only]
        for start in (edge for edge, way in into[turn.node] if way == turn.from_way):
            left.setdefault(start, len(out[turn.node]))
            gone = {(start, end) for end in onward} - deleted
            # an only_ restriction whose target is no road here would close the edge
            if len(gone) < left[start]:
                left[start] -= len(gone)
                deleted |= gone
    yield from (f'<delete from="{start}" to="{end}"/>' for start, end in sorted(deleted))

"""Flows between gateways that meet counts: non-negative least squares on free-flow ways, hour by hour.

The unknowns of an hour are the vehicles that enter at each gateway for each other one. A vehicle passes a section
some minutes after it entered, so the hour before has its part in an hour's count. Residuals count in units of the
GEH statistic, as congested and quiet sections are to fit alike. Many mixes of flows meet the same counts: of these
a small ridge chooses the evenest one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.optimize import nnls

from sim.demand.draws import Floats, Integers
from sim.demand.tables import Count
from sim.demand.ways import Ways, fastest
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph

SLOWER = 1.3
"""Times on the road against free flow: signals and the peak add 25 to 40 % (the survey's table of distances)."""
RIDGE = 0.02
WEAK = 0.1
"""Weight, beside counts of the same hour, of what nobody counted: it holds what they leave open and yields to them."""
HOURS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two gateways and the free-flow way from the one to the other."""

    origin: str
    destination: str
    path: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Vehicles an hour of one class, shape (pairs, 24), and the hours that something is known of."""

    pairs: tuple[Pair, ...]
    per_h: Floats
    hours: tuple[int, ...]


def gateway_pairs(network: Network, graph: EdgeGraph, *, vclass: str) -> list[Pair]:
    """Return all pairs of gateways that a class can drive between."""
    entries = {name: [graph.position(e) for e in gate.entry_edges] for name, gate in sorted(network.gateways.items())}
    exits = {name: [graph.position(e) for e in gate.exit_edges] for name, gate in network.gateways.items()}
    ways = Ways(graph, [edge for edges in entries.values() for edge in edges], vclass=vclass)
    found = []
    for origin, destination in permutations(entries, 2):
        path = fastest(ways, entries[origin], exits[destination])
        if path is not None:
            found.append(Pair(origin, destination, path))
    return found


def fit_flows(
    pairs: Sequence[Pair],
    counts: Sequence[Count],
    sections: Mapping[str, int],
    graph: EdgeGraph,
    *,
    known: Mapping[tuple[str, int], float],
    prior: Sequence[Count] = (),
    start: Mapping[tuple[str, str], Floats] | None = None,
) -> Fit:
    """Return the flows of one class that meet its counts best.

    Parameters
    ----------
    counts
        Of one vehicle class.
    known
        Vehicles by section and hour that are counted too but come from elsewhere, such as commuters.
    prior
        Targets of the same class where nobody counted; alone in the hours without any count.
    start
        Vehicles an hour between gateways, shape (24,) each, that the flows leave only as far as counts ask. Without
        them the hours without a target take the nearest one's flows.
    """
    counted = {(count.road, count.hour) for count in counts}
    wanted = {(one.road, one.hour): one.vehicles - known.get((one.road, one.hour), 0.0) for one in (*prior, *counts)}
    roads, hours = sorted({road for road, _ in wanted}), sorted({hour for _, hour in wanted})
    passes, late = _passing(pairs, [sections[road] for road in roads], graph)
    weighed = {hour for _, hour in counted}
    none = np.zeros(HOURS)
    per_h = np.array([(start or {}).get((pair.origin, pair.destination), none) for pair in pairs]).reshape(-1, HOURS)
    before: Floats | None = None
    for hour in hours:
        rows = [row for row, road in enumerate(roads) if (road, hour) in wanted]
        target = np.array([wanted[roads[row], hour] for row in rows])
        # the first hour follows on one like itself
        carried = np.zeros(len(rows)) if before is None else (passes[rows] * late[rows]) @ before
        passing = passes[rows] if before is None else passes[rows] * (1 - late[rows])
        weak = [hour in weighed and (roads[row], hour) not in counted for row in rows]
        before = per_h[:, hour] = _solve(
            passing,
            target - carried,
            scale=np.maximum(target, 25.0),
            weight=np.where(weak, WEAK, 1.0),
            start=per_h[:, hour],
        )
    if start is not None:
        return Fit(tuple(pairs), per_h, tuple(range(HOURS)))
    for hour in range(HOURS):
        if hour not in hours:
            per_h[:, hour] = per_h[:, min(hours, key=lambda one: (abs(one - hour), one))]
    return Fit(tuple(pairs), per_h, tuple(hours))


def _passing(pairs: Sequence[Pair], edges: Sequence[int], graph: EdgeGraph) -> tuple[Floats, Floats]:
    """Return which pairs pass each edge (1 or 0), and which part of an hour after their start they do."""
    passes, late = np.zeros((len(edges), len(pairs))), np.zeros((len(edges), len(pairs)))
    for column, pair in enumerate(pairs):
        reached_s = dict(zip(pair.path.tolist(), entered_s(pair.path, graph).tolist(), strict=True))
        for row, edge in enumerate(edges):
            if edge in reached_s:
                passes[row, column], late[row, column] = 1.0, min(1.0, reached_s[edge] / 3600)
    return passes, late


def entered_s(path: Integers, graph: EdgeGraph) -> Floats:
    """Return when a vehicle enters each edge of a way, in seconds after its start, at the pace of busy roads."""
    return SLOWER * np.concatenate(([0.0], np.cumsum(graph.time_s[path])[:-1]))


def _solve(passing: Floats, target: Floats, *, scale: Floats, weight: Floats, start: Floats) -> Floats:
    size = passing.shape[1]
    # the evenest change of what there is counts for less than the weakest target
    ridge = RIDGE * weight.min() * np.sqrt((1 / np.sqrt(scale)).mean()) * np.eye(size)
    weight = weight / np.sqrt(scale)
    matrix = np.vstack([passing * weight[:, np.newaxis], ridge])
    found, _ = nnls(matrix, np.concatenate([target * weight, ridge @ start]), maxiter=50 * size)
    return np.asarray(found, dtype=np.float64)


def geh(modelled: float, counted: float) -> float:
    """Return the GEH statistic of two hourly volumes: below 5 is the usual demand of a good fit."""
    total = modelled + counted
    return float(np.sqrt(2 * (modelled - counted) ** 2 / total)) if total > 0 else 0.0

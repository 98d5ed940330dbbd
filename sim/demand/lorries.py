"""Lorries from outside: when they come, by which gateway, and how long they are handled."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import Floats, multiplier_at, named_streams, pick, poisson_times
from sim.demand.places import require
from sim.demand.population import Lorry
from sim.errors import ScenarioError
from sim.freight_document import Lorries
from sim.network.catalog import Network
from sim.network.freight_places import FreightPlace
from sim.network.graph import EdgeGraph
from sim.scenario import Span

STREAMS = ("time", "gateway", "handling")
DAY_S = 86_400


def draw_lorries(
    name: str,
    flow: Lorries,
    ways: Mapping[str, tuple[str, str]],
    time: Span,
    seeds: SeedSequence,
) -> list[Lorry]:
    """Return the lorries of a flow that come in [begin, end); `ways` are the edges they enter and leave by.

    They are drawn from midnight on, so that the same lorries come in every part of a day.
    """
    streams = {stream: default_rng(child) for stream, child in named_streams(seeds, STREAMS).items()}
    per_h = _per_h(name, flow)
    times_s = poisson_times(streams["time"], per_h=per_h, profile=flow.profile, begin_s=0, end_s=time.end_s)
    gateways = list(flow.gateways)
    shares = np.array([share.value for share in flow.gateways.values()])
    chosen = pick(streams["gateway"].random(len(times_s)), shares)
    handling_s = _lognormal(streams["handling"].standard_normal(len(times_s)), flow)
    lorries = []
    for row in np.flatnonzero(times_s >= time.begin_s).tolist():
        gateway = gateways[chosen[row]]
        entry, leave = ways[gateway]
        lorries.append(
            Lorry(
                f"{name}.{row + 1:03d}", name, flow.site, gateway, entry, leave,
                depart_s=math.floor(times_s[row]), handling_s=round(float(handling_s[row]), 1), collects=flow.collects,
            )
        )  # fmt: skip
    return lorries


def gateway_ways(
    name: str, flow: Lorries, place: FreightPlace, network: Network, graph: EdgeGraph
) -> dict[str, tuple[str, str]]:
    """Return for each gateway of a flow the edges that its lorries enter and leave by, the widest road first.

    Raises
    ------
    ScenarioError
        A gateway is unknown, or trucks cannot come from there to the dock and back.
    """
    where = f"freight.lorries.{name}.gateways"
    dock = graph.position(place.dock.edge)
    to_dock = graph.matrix(graph.time_s, "truck", targets=np.array([dock]))[:, 0]
    ways = {}
    for key in flow.gateways:
        require(key, network.gateways, where=where, kind="gateway")
        gateway = network.gateways[key]
        exits = np.array([graph.position(edge) for edge in gateway.exit_edges], dtype=np.int64)
        from_dock = graph.matrix(graph.time_s, "truck", targets=exits)[dock]
        entries = [edge for edge in gateway.entry_edges if np.isfinite(to_dock[graph.position(edge)])]
        leaves = [edge for edge, cost in zip(gateway.exit_edges, from_dock, strict=True) if np.isfinite(cost)]
        if not entries or not leaves:
            msg = f"{where}: no way for trucks from gateway {key} to {place.dock.id} on edge {place.dock.edge} and back"
            raise ScenarioError(msg)
        ways[key] = entries[0], leaves[0]
    return ways


def _per_h(name: str, flow: Lorries) -> float:
    """Return the rate at weight 1, at which the profile's weights give the lorries of a whole day."""
    starts = [0, *sorted(second for second in flow.profile if 0 < second < DAY_S), DAY_S]
    weights = [multiplier_at(flow.profile, at) for at in starts[:-1]]
    weighted_h = float(np.dot(weights, np.diff(starts))) / 3600
    if flow.per_day.value > 0 and weighted_h <= 0:
        where = f"freight.lorries.{name}.profile"
        msg = f"{where}: all weights of the day are 0; {flow.per_day.value:g} lorries a day need hours to come in"
        raise ScenarioError(msg)
    return flow.per_day.value / weighted_h if weighted_h > 0 else 0.0


def _lognormal(normals: Floats, flow: Lorries) -> Floats:
    """Return handling times of the flow's mean and coefficient of variation."""
    variance = math.log(1 + flow.variation.value**2)
    drawn: Floats = flow.handling_s.value * np.exp(math.sqrt(variance) * normals - variance / 2)
    return drawn

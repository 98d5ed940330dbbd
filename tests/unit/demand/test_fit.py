from __future__ import annotations

import re

import numpy as np
import pytest

from sim.demand.fit import fit_flows, gateway_pairs, geh
from sim.demand.sections import require_sections, sections_of
from sim.demand.tables import Count
from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph


@pytest.mark.parametrize(("modelled", "counted", "expected"), [(0, 0, 0), (100, 100, 0), (120, 80, 4), (0, 50, 10)])
def test_geh(modelled: float, counted: float, expected: float) -> None:
    assert geh(modelled, counted) == pytest.approx(expected)


def test_flows_give_the_counts_they_were_fitted_to(network: Network, graph: EdgeGraph) -> None:
    pairs = gateway_pairs(network, graph, vclass="passenger")
    sections = sections_of(graph)
    wanted = {"L078+": (300, 500), "L080+": (200, 450), "L071+": (900, 700)}
    counts = [
        Count(road[:-1], road[-1], hour, "car", vehicles)
        for road, per_hour in wanted.items()
        for hour, vehicles in zip((7, 8), per_hour, strict=True)
    ]
    fit = fit_flows(pairs, counts, sections, graph, known={})
    assert (fit.per_h >= 0).all()
    assert fit.hours == (7, 8)
    # at 7 the hour before is taken to be alike, so that all who start pass
    for road, (vehicles, _) in wanted.items():
        passing = [number for number, pair in enumerate(fit.pairs) if sections[road] in pair.path]
        assert geh(float(fit.per_h[passing, 7].sum()), vehicles) < 1
    assert np.array_equal(fit.per_h[:, 3], fit.per_h[:, 7])
    assert np.array_equal(fit.per_h[:, 20], fit.per_h[:, 8])


def test_what_is_known_already_is_not_fitted_again(network: Network, graph: EdgeGraph) -> None:
    pairs = gateway_pairs(network, graph, vclass="passenger")
    count = Count("L071", "+", 8, "car", 900)
    alone = fit_flows(pairs, [count], sections_of(graph), graph, known={})
    beside = fit_flows(pairs, [count], sections_of(graph), graph, known={("L071+", 8): 400})
    drop = alone.per_h[:, 8].sum() - beside.per_h[:, 8].sum()
    assert drop == pytest.approx(400, rel=0.05)


def test_a_cut_road_is_counted_on_its_longest_piece(graph: EdgeGraph) -> None:
    sections = sections_of(graph)
    pieces = [edge for edge in graph.ids if edge.startswith("L055") and edge.endswith("+")]
    longest = max(pieces, key=lambda edge: graph.length_m[graph.position(edge)])
    assert graph.ids[sections["L055+"]] == longest


@pytest.mark.parametrize(
    ("road", "hint"),
    [
        ("L055a-", "it is a piece of a road that is counted as a whole: use L055-"),
        ("L55-", "near are L055-"),
        ("main street+", r"allowed are roads with their direction: E12\+"),
    ],
)
def test_an_unknown_section_is_told_with_its_row(graph: EdgeGraph, road: str, hint: str) -> None:
    with pytest.raises(ScenarioError, match=rf"counts\.csv, row 3: unknown section {re.escape(road)}; {hint}"):
        require_sections({"L055+": 2, road: 3}, sections_of(graph), where="counts.csv")

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.network.catalog import Network
from sim.network.walking import Place, walking_distances

from .conftest import Morning


def with_access(network: Network, folder: Path, stop: str, lane: str, pos_m: float) -> Network:
    """Return the network with no access but this one."""
    file = folder / "one.add.xml"
    file.write_text(
        f'<additional><busStop id="{stop}" lane="{network.stops[stop].lane}" startPos="0" endPos="20">'
        f'<access lane="{lane}" pos="{pos_m}" length="15"/></busStop></additional>'
    )
    return replace(network, additional_files=(file,))


def distances(inputs: Inputs, network: Network, stops: list[str], places: list[Place]) -> np.ndarray:
    return walking_distances(network, inputs.graph, stops, places)


def test_a_walk_along_the_stops_own_road_is_the_difference_of_metres_either_way(morning: Morning) -> None:
    network = morning.inputs.network
    kerb = network.stops["B165-"]
    middle = (kerb.start_m + kerb.end_m) / 2
    places = [Place(kerb.edge, middle - 200), Place(kerb.edge, middle + 300)]
    assert distances(morning.inputs, network, ["B165-"], places)[0] == pytest.approx([200, 300])


def test_walks_between_kerbs_are_symmetric_and_keep_the_triangle_inequality(morning: Morning) -> None:
    network = morning.inputs.network
    stops = ["B165-", "B166-", "B172-", "B054-", "B001+", "B020+"]
    kerbs = [network.stops[stop] for stop in stops]
    places = [Place(kerb.edge, (kerb.start_m + kerb.end_m) / 2) for kerb in kerbs]
    found = distances(morning.inputs, network, stops, places)
    assert np.allclose(found, found.T)
    assert np.allclose(np.diag(found), 0)
    assert (found[:, :, np.newaxis] <= found[:, np.newaxis, :] + found.T[np.newaxis, :, :] + 1e-6).all()


def test_without_access_the_other_kerb_is_reached_by_the_junction_and_with_it_straight(
    morning: Morning, tmp_path: Path
) -> None:
    network = morning.inputs.network
    stop, other = network.stops["B165-"], network.stops["B165+"]
    across = Place(other.edge, (other.start_m + other.end_m) / 2)
    closed = replace(network, additional_files=())
    around = distances(morning.inputs, closed, ["B165-"], [across])[0, 0]
    length_m = morning.inputs.graph.length_m[morning.inputs.graph.index[stop.edge]]
    shorter_end = min(across.pos_m, length_m - across.pos_m)
    assert around == pytest.approx(2 * shorter_end, rel=0.2)
    open_ = with_access(network, tmp_path, "B165-", other.lane, across.pos_m)
    assert distances(morning.inputs, open_, ["B165-"], [across])[0, 0] == pytest.approx(15)


def test_nobody_walks_on_a_motor_road(morning: Morning) -> None:
    inputs = morning.inputs
    motor = [edge for edge in inputs.graph.ids if not inputs.graph.permits["pedestrian"][inputs.graph.index[edge]]]
    assert motor
    middle = Place(motor[0], float(inputs.graph.length_m[inputs.graph.index[motor[0]]]) / 2)
    assert np.isinf(distances(inputs, inputs.network, ["B001+"], [middle])).all()

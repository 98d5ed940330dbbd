from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sim.network.catalog import Network, load_network
from sim.system import sumo_binary, sumo_env


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("bitgreen")


def drive(network: Network, routes: str, folder: Path, *, end_s: int) -> list[dict[str, str]]:
    """Run SUMO on some routes and return what its trip information says of those that arrived."""
    trips = folder / "trips.xml"
    told(network, routes, folder, "--tripinfo-output", str(trips), end_s=end_s)
    return [trip.attrib for trip in ET.parse(trips).getroot() if trip.tag == "tripinfo"]  # noqa: S314 (our own)


def told(network: Network, routes: str, folder: Path, *more: str, end_s: int) -> str:
    """Run SUMO on some routes and return its warnings."""
    demand = folder / "demand.rou.xml"
    demand.write_text(f"<routes>{routes}</routes>", encoding="utf-8")
    options = ("-n", str(network.net_file), "-r", str(demand), "--end", str(end_s), "--no-step-log", *more)
    command = [str(sumo_binary("sumo")), *options]
    return subprocess.run(command, check=True, env=sumo_env(), capture_output=True, text=True).stderr


def test_a_car_takes_about_a_quarter_of_an_hour_between_ggm_and_songjeong(network: Network, tmp_path: Path) -> None:
    trips = '<vType id="car" vClass="passenger" speedFactor="1"/>' + "".join(
        f'<trip id="{start}{depart}" type="car" depart="{depart}" from="{start}" to="{end}"/>'
        for depart in (0, 600, 1200)
        for start, end in (("L005a+", "L063+"), ("L063-", "L005b-"))
    )
    arrived = drive(network, trips, tmp_path, end_s=3600)
    minutes = [float(trip["duration"]) / 60 for trip in arrived]
    assert len(minutes) == 6
    assert 13.5 < sum(minutes) / len(minutes) < 16.5
    assert max(minutes) < 20.0


def test_the_access_from_nr22_carries_1700_cars_an_hour(network: Network, tmp_path: Path) -> None:
    car = '<vType id="car" vClass="passenger" speedFactor="normc(1,0.1,0.8,1.2)"/>'
    flows = (
        ("works", "L053-", "L012+", 850),
        ("works-ggm", "L053-", "L004b+", 850),
        ("through", "L053-", "L048+", 500),
        ("back", "L048-", "L053+", 500),
        ("old-road", "L088b-", "L003+", 60),
    )
    routes = car + "".join(
        f'<flow id="{name}" type="car" begin="0" end="1800" vehsPerHour="{rate}" from="{start}" to="{end}" '
        'departLane="best" departSpeed="max"/>'
        for name, start, end, rate in flows
    )
    arrived = drive(network, routes, tmp_path, end_s=2100)
    for name, _, _, rate in flows:
        trips = [float(trip["timeLoss"]) for trip in arrived if trip["id"].rpartition(".")[0] == name]
        assert len(trips) >= 0.95 * rate / 2, name
        assert sum(trips) / len(trips) < 75, name


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_turns_right_from_nr22_too_fast_to_let_others_go_first(
    network: Network, tmp_path: Path, seed: int
) -> None:
    # the light of the cross street turns green when cars are a few metres from the turn
    flows = (
        ("works", "L052b-", "L001+", 2200),
        ("through", "L052b-", "L048+", 150),
        ("along", "L072-", "L001+", 200),
        ("left", "L048-", "L001+", 150),
        ("back", "L048-", "L052a+", 300),
    )
    routes = '<vType id="car" vClass="passenger"/>' + "".join(
        f'<flow id="{name}" type="car" begin="0" end="1800" period="exp({rate / 3600:.4f})" from="{start}" to="{end}" '
        'departLane="best" departSpeed="max"/>'
        for name, start, end, rate in flows
    )
    warnings = told(network, routes, tmp_path, "--seed", str(seed), end_s=1800)
    assert "emergency braking" not in warnings
    assert "collision" not in warnings

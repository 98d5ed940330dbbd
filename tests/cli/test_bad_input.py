"""Bad input: one clear message that names the place, what was found and what is allowed; nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Bitgreen


def supervision(change: str) -> list[str]:
    """Return the overrides that supervise `smoke`, with something wrong."""
    key, _, wrong = change.partition(": ")
    handling = "status: assumed, source: test"
    section = {"operators": "2", "incidents_per_1000_km": "20", "handling": "{mean_s: 90, sd_s: 60}", key: wrong}
    section["handling"] = section["handling"].replace("}", f", {handling}}}")
    return [f"supervision={{{', '.join(f'{name}: {value}' for name, value in section.items())}}}"]


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["network=gotham"], ["gotham", "bitgreen"]),
        (
            ["controllers.shuttle.use=magic"],
            ["controllers.shuttle.use", "magic", "insertion, lns, rtv, sumo, timetable"],
        ),
        (["controllers.shuttle.parameters.speed=3"], ["controllers.shuttle.parameters.speed", "alpha"]),
        (["fleet.cuont=3"], ["fleet.cuont", "unknown field", "count"]),
        (["fleet.count=0"], ["fleet.count", "greater than or equal to 1", "0"]),
        (["fleet.max_speed_mps=50 km/h"], ["fleet.max_speed_mps", "50 km/h"]),
        (["fleet.depot=garage"], ["fleet.depot", "garage", "depot"]),
        (["time.end_s='07:00'"], ["time", "end_s (07:00:00) must come after begin_s (07:30:00)"]),
        (["time.begin_s=dawn"], ["time.begin_s", "dawn"]),
        (["demand.commuters.destinations=[atlantis]"], ["demand.commuters.destinations", "atlantis", "ggm"]),
        (["demand.commuters.destinations=[kumho_hampyeong]"], ["kumho_hampyeong", "2028"]),
        (["demand.commuters.homes.oechi.junctions=[R99]"], ["demand.commuters.homes.oechi.junctions", "R99"]),
        (["demand.commuters.homes.oechi.share=0.9"], ["shares", "1.4"]),
        (["seeds.sumo=-1"], ["seeds.sumo", "-1"]),
        (["requests.areas=[atlantis]"], ["requests.areas", "atlantis", "ggm_block"]),
        (["fleet.areas=[atlantis]"], ["fleet.areas", "atlantis", "ggm_block"]),
        (
            [*supervision("breakdown_share: 0.1"), "controllers.shuttle.use=sumo"],
            ["supervision.breakdown_share", "0.1", "insertion or lns"],
        ),
        (supervision("operators: 0"), ["supervision.operators", "greater than or equal to 1", "0"]),
        (supervision("incidents_per_1000_km: -3"), ["incidents_per_1000_km", "greater than or equal to 0", "-3"]),
        (supervision("incidents_per_1000_km: 2000000"), ["incidents_per_1000_km", "less than or equal to", "2000000"]),
        (supervision("handling: {mean_s: 0, sd_s: 1}"), ["supervision.handling.mean_s", "greater than 0", "0"]),
        (
            supervision("handling: {mean_s: 9}"),
            ["supervision.handling", "lognormal handling time needs sd_s", "no sd_s"],
        ),
        (
            supervision("handling: {mean_s: 9, sd_s: 2, distribution: exponential}"),
            ["supervision.handling", "an exponential one has none", "sd_s 2"],
        ),
        (["nonsense"], ["path=value", "nonsense"]),
        (["title=[1"], ["title", "not YAML"]),
    ],
)
def test_a_wrong_value_is_named(bitgreen: Bitgreen, overrides: list[str], parts: list[str]) -> None:
    message = bitgreen.refusal("run", "smoke", *(part for text in overrides for part in ("--set", text)))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("freight.sites.ggm.bays=999", ["freight.sites.ggm.bays", "found 999", "dock.ggm has 20"]),
        ("freight.fleets.parts.count=900", ["freight.depots.trucks.parking", "places for 900 vehicles"]),
        ("freight.disruptions=[{kind: breakdown, fleet: tug, begin_s: '08:00', end_s: '09:00'}]", ["'tug'", "parts"]),
        ("controllers.freight.use=magic", ["controllers.freight.use", "magic", "greedy, rolling"]),
        ("permits.trucks.classes=[special_vehicle]", ["permits.trucks.classes", "no permit names av_truck"]),
        ("freight.sites.ggm.dock=depot.trucks", ["freight.sites.ggm.dock and freight.depots.trucks.parking"]),
        ("freight.fleets.parts.battery.propulsion_efficiency=0", ["propulsion_efficiency", "0.01, found 0"]),
        ("freight.fleets.parts.crew=none", ["no permit covers av_truck with crew none", "permits.trucks.crew allows"]),
    ],
)
def test_freight_that_cannot_be_is_named(bitgreen: Bitgreen, override: str, parts: list[str]) -> None:
    message = bitgreen.refusal("scenario", "validate", "parts-to-line", "--set", override)
    for part in parts:
        assert part in message


def test_a_shift_must_end_after_it_starts(bitgreen: Bitgreen) -> None:
    shift = "[{sites: ['*'], start_s: '08:00', end_s: '07:00', status: assumed, source: test}]"
    message = bitgreen.refusal("scenario", "validate", "smoke", "--set", f"demand.commuters.shifts={shift}")
    assert "demand.commuters.shifts.0" in message
    assert "start_s 08:00:00, end_s 07:00:00" in message


def test_an_unknown_scenario_lists_the_known(bitgreen: Bitgreen) -> None:
    message = bitgreen.refusal("run", "midnight")
    assert "'midnight'" in message
    assert "morning-shuttle" in message


def test_yaml_traps_are_errors_not_surprises(bitgreen: Bitgreen) -> None:
    twice = bitgreen.scenario("twice", "title: a\ntitle: b\n")
    assert "stands twice" in bitgreen.refusal("scenario", "validate", twice)
    circle = bitgreen.scenario("circle", "extends: circle\n")
    assert "extends itself" in bitgreen.refusal("scenario", "validate", circle)
    clock = bitgreen.scenario("clock", "extends: smoke\ntime: {begin_s: 10:30, end_s: 10:31}\n")
    assert bitgreen("scenario", "validate", clock).returncode == 0


def test_without_sumo_the_message_says_so(bitgreen: Bitgreen) -> None:
    # an empty package of the same name hides the wheel
    site = bitgreen.folder / "hide"
    (site / "sumo").mkdir(parents=True)
    (site / "sumo" / "__init__.py").touch()
    bitgreen.env["PYTHONPATH"] = str(site)
    message = bitgreen.refusal("run", "smoke")
    assert "SUMO is not installed" in message


def test_a_folder_that_cannot_be_written_is_named(bitgreen: Bitgreen) -> None:
    blocked = bitgreen.folder / "file"
    blocked.write_text("")
    assert "cannot write the run directory" in bitgreen.refusal("run", "smoke", "--out", str(blocked / "run"))


def test_help_lists_every_command(bitgreen: Bitgreen) -> None:
    text = bitgreen("--help").stdout
    for command in ("run", "gui", "morning", "compare", "report", "serve", "doctor", "scenario", "network"):
        assert command in text


def test_a_gui_without_a_screen_says_what_helps(bitgreen: Bitgreen) -> None:
    if "DISPLAY" in os.environ:
        pytest.skip("this machine has a screen")
    assert "xvfb" in bitgreen.refusal("gui", "smoke", "--play")


def test_home_must_hold_networks_and_scenarios(bitgreen: Bitgreen, tmp_path: Path) -> None:
    bitgreen.env["BITGREEN_HOME"] = str(tmp_path / "nowhere")
    assert "set BITGREEN_HOME" in bitgreen.refusal("scenario", "list")

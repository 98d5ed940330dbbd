"""What bare SUMO needs to replay a run's freight: roads open to its classes, and nothing that only commands can do."""

from __future__ import annotations

import re
from pathlib import Path

from sim.engine.freight.setup import FreightSetup
from sim.errors import EngineError
from sim.permits.lanes import compiles_to_lanes, lane_disallowed
from sim.scenario import Scenario

_LANE = re.compile(r'(<lane [^>]*?disallow=")([^"]*)(")')


def require_replayable(scenario: Scenario, setup: FreightSetup) -> None:
    """Refuse what the engine does by commands alone.

    Raises
    ------
    EngineError
        There are finished cars, which leave SUMO in the compound; robots, who are persons; or permits that open roads
        by place or hour or cap speeds.
    """
    document = setup.document
    found = ["finished cars"] if document.finished_cars is not None else []
    found += [f"robots ({name})" for name, fleet in document.fleets.items() if fleet.robot is not None]
    found += [
        f"a permit that is not for all roads, hours and speeds ({name})"
        for name, permit in scenario.permits.items()
        if not permit.zone.everywhere
        or permit.max_speed_kmh is not None
        or any(window.begin_s > 0 or window.end_s < scenario.time.horizon_s for window in permit.windows)
    ]
    if found:
        msg = f"freight with {', '.join(found)} cannot be replayed in bare SUMO"
        raise EngineError(msg)


def opened_net(net_file: Path, setup: FreightSetup, folder: Path) -> Path:
    """Write the net with its lanes open to the classes of the fleets, as the engine opens them, and return it."""
    classes = sorted({fleet.vehicle_class for fleet in setup.fleets.values() if compiles_to_lanes(fleet.vehicle_class)})

    def opened(match: re.Match[str]) -> str:
        barred = tuple(match[2].split())
        for name in classes:
            found = lane_disallowed(barred, name, is_open=True)
            barred = barred if found is None else found
        return f"{match[1]}{' '.join(barred)}{match[3]}"

    path = folder / "opened.net.xml"
    path.write_text(_LANE.sub(opened, net_file.read_text(encoding="utf-8")), encoding="utf-8")
    return path

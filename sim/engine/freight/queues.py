"""Queues on the road that reach further back than a site's gate: who stands in one, and who in another jam."""

from __future__ import annotations

from collections.abc import Collection

from sim.engine.freight.port import FreightPort

STANDING_MPS = 0.1
REACH_M, ACROSS_M = 20.0, 60.0
"""How far the next one of a queue may be ahead: on the same road, and across a junction, which is kept clear."""


def stands_behind(port: FreightPort, vehicle_id: str, queue: Collection[str]) -> bool:
    """Whether a standing vehicle has nothing but standing ones, each near the next, up to one of a queue."""
    passed: set[str] = set()
    while vehicle_id not in queue:
        passed.add(vehicle_id)
        found = port.leader(vehicle_id, ACROSS_M)
        if found is None or found[0] in passed or port.speed_mps(found[0]) >= STANDING_MPS:
            return False
        ahead, gap_m = found
        if gap_m > (REACH_M if port.edge(ahead) == port.edge(vehicle_id) else ACROSS_M):
            return False
        vehicle_id = ahead
    return True

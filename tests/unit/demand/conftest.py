"""The shipped network and a small document that draws on every part of the demand."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from sim.network.catalog import Network, load_network
from sim.network.graph import EdgeGraph

ASSUMED = {"status": "assumed", "source": "test"}
DOCUMENT: dict[str, Any] = {
    "name": "test",
    "title": "test",
    "network": "bitgreen",
    "time": {"begin_s": "06:00", "end_s": "10:00", "drain_s": 1800},
    "seeds": {"demand": 7, "sumo": 7},
    "demand": {
        "commuters": {
            "count": 2000,
            "rider_share": 0.2,
            "destinations": ["ggm", "cams", "labour_centre"],
            "shifts": [
                {"sites": ["ggm"], "start_s": "08:00", "end_s": "16:30", **ASSUMED},
                {"sites": ["*"], "start_s": "08:30", "end_s": "17:30", "share": 0.75, **ASSUMED},
                {"sites": ["*"], "start_s": "09:00", "end_s": "18:00", "share": 0.25, **ASSUMED},
            ],
            "homes": {
                "suwan": {
                    "name_en": "Suwan", "name_ko": "수완", "share": 0.7, "scope": "housing",
                    "junctions": ["R35", "R36"], "radius_m": 1200,
                },
                "wolya": {
                    "name_en": "Wolya", "name_ko": "월야", "share": 0.3, "scope": "villages",
                    "junctions": ["H3", "H4", "H5"], "radius_m": 700,
                },
            },
            "arrival": {
                "mean_s": 1200, "sd_s": 600, "earliest_s": 2400, "latest_s": 120, **ASSUMED,
            },
            "rider_budget": {"alpha": 1.4, "beta_s": 900, **ASSUMED},
            "car_budget": {"alpha": 1.2, "beta_s": 180, **ASSUMED},
        },
        "rail": {
            "station": "songjeong_station", "trains_per_h": 4, "riders_per_train": 3, "walk_out_s": 200,
            "destinations": ["ggm", "cams"],
        },
        "background": {
            "flows": [
                {"origin": "H11", "destination": "R15", "vehicles_per_h": 300, "truck_share": 0.2},
                {"origin": "R44", "destination": "R45", "vehicles_per_h": 200, "truck_share": 0.0},
            ],
            "profile": {"00:00": 1.0, "08:00": 2.0, "09:00": 0.5},
        },
    },
    "fleet": {"count": 4, "seats": 12},
    "controllers": {"shuttle": {"use": "insertion"}},
}  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    return deepcopy(DOCUMENT)


@pytest.fixture(scope="session")
def network() -> Network:
    return load_network("bitgreen")


@pytest.fixture(scope="session")
def graph(network: Network) -> EdgeGraph:
    return EdgeGraph.from_net(network.net_file)

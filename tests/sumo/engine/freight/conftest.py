from __future__ import annotations

from pathlib import Path

import pytest

from sim.network.catalog import Network
from tests.sumo.engine.freight.plant import Plant, build


@pytest.fixture(scope="session")
def plant_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return build(tmp_path_factory.mktemp("plant"))


@pytest.fixture
def plant(plant_network: Network, tmp_path: Path) -> Plant:
    return Plant(plant_network, tmp_path)

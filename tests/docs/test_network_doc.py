from __future__ import annotations

from pathlib import Path

import pytest

from sim.network.catalog import Network, load_network
from sim.network.check import check_network
from sim.network_figures import MORNING, NAME, page

PAGE = Path(__file__).parents[2] / "docs" / "network.md"


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(NAME)


def test_the_page_fits_the_network(network: Network) -> None:
    text = PAGE.read_text(encoding="utf-8")
    morning = text[text.index(MORNING) :]
    assert text == page(network, check_network(NAME).checks, morning), "python -m sim.network_figures"


def test_the_morning_was_measured_on_this_network(network: Network) -> None:
    morning = PAGE.read_text(encoding="utf-8").partition(MORNING)[2]
    assert f"network `{network.sha256[:12]}`" in morning, "python -m sim.network_figures --traffic"
    for figure in ("| teleports | 0 |", "| collisions | 0 |"):
        assert figure in morning

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from matplotlib.image import imread

from sim.errors import NotFoundError, OutputError
from sim.network.show import draw_network, road_frame


def test_the_map_is_drawn_without_a_missing_glyph_and_leaves_no_figure_open(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    draw_network("bitgreen", path)  # a missing glyph warns, and warnings are errors here
    height, width = imread(path).shape[:2]
    assert (width, height) > (1500, 800)
    assert plt.get_fignums() == []


def test_a_map_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        draw_network("bitgreen", tmp_path / "missing" / "map.png")


def test_roads_are_a_frame_in_utm_with_status_lanes_and_speed() -> None:
    roads = road_frame("bitgreen")
    assert roads.crs.to_epsg() == 32652
    assert len(roads) == 112
    row = roads.set_index("road").loc["L055"]
    assert (row["name"], row["status"], row["lanes"], row["speed_kmh"]) == ("어등대로", "confirmed", 3, 70)
    west, south, east, north = roads.to_crs(4326).total_bounds
    assert west > 126.58
    assert east < 126.89
    assert south > 35.08
    assert north < 35.25


def test_an_unknown_network_has_no_map(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        draw_network("atlantis", tmp_path / "map.png")

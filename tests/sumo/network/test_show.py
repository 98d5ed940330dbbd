from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from typer.testing import CliRunner

from sim.errors import NotFoundError, OutputError
from sim.network.catalog import Network, load_network
from sim.network.closeups import draw_close_ups
from sim.network.geo import read_net, road_frame, write_geopackage
from sim.network.labels import Label, Labels
from sim.network.show import draw_network
from sim.network_cli import network_app


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("bitgreen")


def test_the_map_is_drawn_without_a_missing_glyph_and_leaves_no_figure_open(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    assert draw_network(network, path) == []  # a missing glyph warns, and warnings are errors here
    height, width = imread(path).shape[:2]
    assert (width, height) > (2500, 1200)
    assert plt.get_fignums() == []
    assert [file.name for file in tmp_path.iterdir()] == ["map.png"]


def test_a_map_that_cannot_be_written_is_an_error(network: Network, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        draw_network(network, tmp_path / "missing" / "map.png")


def test_close_ups_show_the_interchanges_and_the_complex(network: Network, tmp_path: Path) -> None:
    pictures = draw_close_ups(network, tmp_path / "pictures")
    assert {"jipyeong-ic.png", "unsu-ic.png", "naju-ic.png", "plant-gate.png", "complex.png"} <= {
        p.name for p in pictures
    }
    assert len({path.read_bytes() for path in pictures}) == len(pictures)
    for path in pictures:
        tones = np.unique(imread(path)[::8, ::8, :3].reshape(-1, 3), axis=0)
        assert len(tones) > 20, path.name  # roads, not bare ground


def test_a_network_with_none_of_the_places_has_no_close_ups(network: Network, tmp_path: Path) -> None:
    bare = Network(
        name="bare", net_file=network.net_file, additional_files=(), sites={}, stops={}, lines={}, gateways={},
        junctions={}, attribution="", sha256="",
    )  # fmt: skip
    with pytest.raises(NotFoundError, match="'bare' has none of the places"):
        draw_close_ups(bare, tmp_path / "pictures")
    draw_network(bare, tmp_path / "bare.png")


def test_roads_are_a_frame_in_utm_with_status_lanes_and_speed(network: Network) -> None:
    roads = road_frame(read_net(network))
    assert roads.crs.to_epsg() == 32652
    assert roads["road"].is_unique
    row = roads[roads["survey_id"] == "L055"].iloc[0]
    assert (row["name"], row["status"], row["lanes"], row["speed_kmh"]) == ("어등대로", "confirmed", 3, 70)
    assert not row["oneway"]
    assert set(roads.loc[roads["name"] == "영광로", "motor_road"]) == {True}
    west, south, east, north = roads.to_crs(4326).total_bounds
    assert west > 126.58
    assert east < 126.89
    assert south > 35.08
    assert north < 35.25


def test_the_geopackage_holds_every_place_with_its_status_and_the_licence(network: Network, tmp_path: Path) -> None:
    path, again = tmp_path / "a.gpkg", tmp_path / "b.gpkg"
    write_geopackage(network, path)
    write_geopackage(network, again)
    assert path.read_bytes() == again.read_bytes()
    layers = {name for name, _ in pyogrio.list_layers(path)}
    assert {"roads", "junctions", "sites", "stops", "gateways", "about"} <= layers
    gateways = geopandas.read_file(path, layer="gateways").set_index("id")
    assert set(gateways.index) == set(network.gateways)
    key, gateway = next(iter(network.gateways.items()))
    assert gateways.loc[key, "entry_edges"].split() == list(gateway.entry_edges)
    for layer, places in (("sites", network.sites), ("stops", network.stops), ("car_parks", network.car_parks)):
        if places:
            frame = geopandas.read_file(path, layer=layer)
            assert frame.crs.to_epsg() == 32652
            assert set(frame["id"]) == set(places)
            assert frame.filter(like="status").notna().all(axis=None)
    sites = geopandas.read_file(path, layer="sites").to_crs(4326).set_index("id")
    for key, site in network.sites.items():
        point = sites.geometry[key]
        assert (point.x, point.y) == pytest.approx((site.lon, site.lat), abs=1e-5)
    about = pyogrio.read_dataframe(path, layer="about").set_index("key")["value"]
    assert "ODbL" in about["attribution"]
    assert about["sha256"] == network.sha256


@pytest.mark.parametrize(
    ("option", "path", "found"),
    [
        ("--out", "map.jpg", "allowed: a .png file"),
        ("--gpkg", "README.md", "allowed: a .gpkg file"),
        ("--gpkg", "net.shp", "allowed: a .gpkg file"),
        ("--gate", "gate.jpeg", "allowed: a .png file"),
        ("--out", "missing/map.png", "found no folder missing"),
        ("--out", "folder.png", "found a folder of this name"),
    ],
)
def test_a_file_is_what_its_name_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, path: str, found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("kept", encoding="utf-8")
    (tmp_path / "folder.png").mkdir()
    failed = CliRunner().invoke(network_app, ["show", option, path])
    assert isinstance(failed.exception, OutputError)
    assert found in str(failed.exception)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "kept"
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "folder.png"}


def test_the_map_is_drawn_when_asked_for_or_when_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    maps: list[Path] = []

    def draw(_: Network, path: Path) -> list[str]:
        maps.append(path)
        return []

    monkeypatch.setattr("sim.network.show.draw_network", draw)
    for options in (["--gpkg", "a.gpkg"], [], ["--gpkg", "b.gpkg", "--out", "map.png"]):
        assert CliRunner().invoke(network_app, ["show", *options]).exit_code == 0
    assert maps == [Path("bitgreen.png"), Path("map.png")]
    assert {file.name for file in tmp_path.iterdir()} == {"a.gpkg", "b.gpkg"}


def test_a_geopackage_that_cannot_be_written_is_an_error(network: Network, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_geopackage(network, tmp_path / "missing" / "a.gpkg")


def test_names_do_not_overlap_and_those_without_room_are_told() -> None:
    axes, canvas = blank_map()
    labels = Labels(axes, canvas, np.array([(0.0, 0.0)]))
    labels.beside(Label(f"works {number}", 50.0, 50.0, "black", 9.0) for number in range(200))
    boxes = labels.boxes
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])
    assert len(boxes) + len(labels.left_out) == 200
    assert len(boxes) > 15
    assert labels.left_out


def test_a_name_follows_its_road_where_it_is_straight_and_long_enough() -> None:
    axes, canvas = blank_map()
    labels = Labels(axes, canvas, np.array([(0.0, 0.0)]))
    assert labels.along("영광로", shapely.LineString([(10, 10), (90, 90)]), colour="black", size=8)
    assert axes.texts[-1].get_rotation() == pytest.approx(45.0, abs=1.0)
    assert not labels.along("영광로", shapely.LineString([(10, 10), (11, 11)]), colour="black", size=8)
    zigzag = shapely.LineString([(10 + 5 * step, 20 + 10 * (step % 2)) for step in range(16)])
    assert not labels.along("a long name", zigzag, colour="black", size=12)


def blank_map() -> tuple[Axes, FigureCanvasAgg]:
    figure = Figure(figsize=(6, 6), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, 100), ylim=(0, 100))
    figure.draw_without_rendering()
    return axes, canvas

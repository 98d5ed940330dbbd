"""A built network as geographic layers: roads, junctions and places in the net's own projection."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyogrio
import pyproj
import sumolib
from pydantic import BaseModel
from shapely import LineString, Point, Polygon

from sim.errors import OutputError
from sim.network.catalog import Network
from sim.network.edges import UNKNOWN, Edge, edges_by_id, layer_of, road_of, status_of, takes_cars, traffic_lanes

LICENCE_URL = "https://opendatacommons.org/licenses/odbl/1-0/"


def read_net(network: Network) -> sumolib.net.Net:
    """Read the net of a network without what lies inside junctions."""
    return sumolib.net.readNet(str(network.net_file))


def road_frame(net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    """Return the roads of a net, a two-way road once, in the net's projection.

    Columns: `road`, `survey_id`, `name`, `status`, `lanes` of a direction, `oneway`, `speed_kmh`, `layer` (1 above the
    ground), `motor_road` (closed to people on foot and bicycles), `length_m`, `geometry` of the centre.
    """
    roads: dict[str, list[Edge]] = {}
    for edge in edges_by_id(net):
        roads.setdefault(road_of(edge), []).append(edge)
    return _frame((_road(net, road, edges) for road, edges in sorted(roads.items())), net)


def _road(net: sumolib.net.Net, road: str, edges: list[Edge]) -> dict[str, Any]:
    edge = edges[0]
    shape = edge.getRawShape()
    return {
        "road": road,
        "survey_id": edge.getParam("survey_id") or "",
        "name": edge.getName() or "",
        "status": status_of(edge),
        "lanes": max(map(traffic_lanes, edges)) or 1,
        "oneway": len(edges) == 1,
        "speed_kmh": round(edge.getSpeed() * 3.6),
        "layer": layer_of(edge),
        "motor_road": takes_cars(edge) and not (edge.allows("pedestrian") or edge.allows("bicycle")),
        "length_m": round(sumolib.geomhelper.polyLength(shape), 1),
        "geometry": LineString([_world(net, point) for point in shape]),
    }


def _geographic_layers(network: Network) -> dict[str, pd.DataFrame]:
    """Return the layers of the GeoPackage by name; a layer with nothing in it is left out."""
    net = read_net(network)
    layers = {
        "roads": road_frame(net),
        "junctions": _junctions(network, net),
        "sites": _places(network.sites, net),
        "stops": _places(network.stops, net),
        "car_parks": _places(network.car_parks, net),
        "docks": _places(network.docks, net),
        "chargers": _places(network.chargers, net),
        "gateways": _gateways(network, net),
        "areas": _areas(network, net),
        "about": pd.DataFrame(
            [
                ("network", network.name),
                ("sha256", network.sha256),
                ("attribution", network.attribution),
                ("licence", LICENCE_URL),
                ("status", "how sure each row is: confirmed, likely, schematic, assumed, planned"),
            ],
            columns=["key", "value"],
        ),
    }
    return {name: layer for name, layer in layers.items() if not layer.empty}


def write_geopackage(network: Network, path: Path) -> None:
    """Write a network as GeoPackage; the file appears when it is whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    layers = _geographic_layers(network)
    part = path.with_name(f".{path.name}.{os.getpid()}.gpkg")
    # the date of every layer is a field of the format: fixed, so that equal networks give equal files
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1970-01-01T00:00:00Z"})
    try:
        with warnings.catch_warnings():
            # a network without projection has none to give
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            for layer, frame in layers.items():
                pyogrio.write_dataframe(frame, part, layer=layer, driver="GPKG")
        part.replace(path)
    except (OSError, pyogrio.errors.DataSourceError) as error:
        msg = f"{path}: the GeoPackage cannot be written: {error}"
        raise OutputError(msg) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        part.unlink(missing_ok=True)


def projection(net: sumolib.net.Net) -> pyproj.CRS | None:
    """Return the net's projection; None when it has none."""
    text = net._location.get("projParameter", "!")  # noqa: SLF001 (sumolib has no accessor)
    if text in {"!", "-", ""}:
        return None
    crs = pyproj.CRS.from_user_input(text)
    code = crs.to_epsg(min_confidence=20)
    return pyproj.CRS.from_epsg(code) if code else crs


def _junctions(network: Network, net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    return _frame(
        (
            {
                "id": node.getID(),
                "name": place.name if (place := network.junctions.get(node.getID())) else "",
                "type": node.getType(),
                "status": place.status if place else UNKNOWN,
                "geometry": Point(_world(net, node.getCoord())),
            }
            for node in sorted(net.getNodes(), key=lambda node: str(node.getID()))
        ),
        net,
    )


def _places(places: Mapping[str, BaseModel], net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    rows = []
    for key, place in sorted(places.items()):
        cells = place.model_dump(mode="json")
        point = Point(_world(net, (cells.pop("x"), cells.pop("y"))))
        rows.append({"id": key, **cells, "geometry": point})
    return _frame(rows, net)


def _gateways(network: Network, net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    """Return the gateways at their junctions; several edges stand in one cell, parted by blanks."""
    rows = []
    for key, gateway in sorted(network.gateways.items()):
        cells = {
            name: " ".join(value) if isinstance(value, tuple) else value for name, value in gateway.model_dump().items()
        }
        rows.append({"id": key, **cells, "geometry": Point(_world(net, net.getNode(key).getCoord()))})
    return _frame(rows, net)


def _areas(network: Network, net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    rows = []
    for key, area in sorted(network.areas.items()):
        cells = area.model_dump(mode="json", exclude={"shape"})
        rows.append({"id": key, **cells, "geometry": Polygon([_world(net, point) for point in area.shape])})
    return _frame(rows, net)


def _frame(rows: Iterable[dict[str, Any]], net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    """Return rows as a frame; without rows an empty one."""
    listed = list(rows)
    return geopandas.GeoDataFrame(listed, crs=projection(net)) if listed else geopandas.GeoDataFrame()


def _world(net: sumolib.net.Net, point: tuple[float, ...]) -> tuple[float, float]:
    """Return a point of the net in its projection."""
    dx, dy = net.getLocationOffset()
    return point[0] - dx, point[1] - dy

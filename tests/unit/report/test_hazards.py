from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from sim.freight_events import Violation
from sim.kpi.conflicts import Conflict
from sim.network.catalog import load_network
from sim.report.fonts import figure_style
from sim.report.freight.hazards import hazard_maps, radius_pt
from sim.report.freight.places import Place, places_of, told_apart
from sim.report.ground import Ground
from sim.report.runs import ServiceRun, load_runs
from tests.unit.report.freight_build import publish

Points = Sequence[tuple[float, float]]


def conflicts(points: Points, *, ttc_s: float | None = 1.0, pet_s: float | None = None) -> list[Conflict]:
    return [
        Conflict("tug.0", f"bg.{n}", "av_truck", "car", 0.0, 9.0, "merging", ttc_s, pet_s, 0.5, x, y, 5.0)
        for n, (x, y) in enumerate(points)
    ]


def around(x: float, y: float, count: int) -> Points:
    return [(x + n % 5, y + n // 5) for n in range(count)]


def totals(places: Sequence[Place]) -> list[int]:
    return [place.total for place in places]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ServiceRun:
    (found,) = load_runs([publish(tmp_path_factory.mktemp("hazards") / "parts")])
    return found


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with figure_style():
        yield


def drawn(run: ServiceRun, found: Sequence[Conflict]) -> Figure:
    figure = hazard_maps(Ground(load_network("bitgreen"), run.scenario), [replace(run, conflicts=list(found))])
    assert figure is not None
    return figure


def test_conflicts_at_one_signal_are_one_place_and_others_stay_apart() -> None:
    found = places_of(conflicts([*around(0, 0, 39), (500, 0), (500, 45), *around(900, 900, 3)]))
    assert totals(found) == [39, 3, 1, 1]
    assert (found[0].x, found[0].y) == pytest.approx((2, 3.4), abs=0.2)


def test_a_place_is_no_wider_than_twice_the_reach_however_long_the_chain() -> None:
    found = places_of(conflicts([(25.0 * n, 0) for n in range(12)]))
    assert sum(totals(found)) == 12
    assert max(totals(found)) == 3


def test_a_place_has_the_severest_measure_of_its_conflicts() -> None:
    late = conflicts(around(0, 0, 5), ttc_s=None, pet_s=1.0)
    assert places_of(late)[0].worst == "pet"
    assert places_of([*late, *conflicts([(1, 1)])])[0].worst == "ttc"
    assert places_of([]) == []


def test_places_whose_circles_would_cover_one_another_are_one() -> None:
    found = places_of(conflicts([*around(0, 0, 21), *around(50, 0, 2), *around(200, 0, 4)]))
    assert totals(found) == [21, 4, 2]
    joined = told_apart(found, lambda total: 12.0 * total**0.5)
    assert totals(joined) == [23, 4]
    assert joined[0].x == pytest.approx((21 * found[0].x + 2 * found[2].x) / 23)
    assert totals(told_apart(found, lambda _: 1.0)) == [21, 4, 2]


def test_the_ground_of_a_circle_grows_with_its_number() -> None:
    assert radius_pt(40) == pytest.approx(2 * radius_pt(10))
    assert radius_pt(1) < radius_pt(2)


def test_the_map_writes_how_many_conflicts_one_place_has(run: ServiceRun) -> None:
    site = load_network("bitgreen").sites["ggm"]
    far = [(site.x + 300 * n, site.y + 400) for n in (-2, -1, 1)]
    (axes,) = drawn(run, conflicts([*around(site.x + 150, site.y, 39), *far])).axes
    assert "39" in [text.get_text() for text in axes.texts]
    assert len([line for line in axes.lines if line.get_gid() == "place"]) == 4
    assert "42 conflicts at 4 places, 39 of them at one, 14 violations" in axes.get_title(loc="left")


def test_sites_have_id_and_name_and_cover_neither_one_another_nor_a_number(run: ServiceRun) -> None:
    sites = load_network("bitgreen").sites
    named = list(run.scenario.freight.sites) if run.scenario.freight else []
    figure = drawn(run, conflicts([spot for name in named for spot in around(sites[name].x, sites[name].y, 6)]))
    (axes,) = figure.axes
    texts = {text.get_text() for text in axes.texts}
    assert {f"{name} {sites[name].name_ko.split('(')[0].strip()}" for name in named} <= texts
    width_in, height_in = figure.get_size_inches()
    renderer = RendererAgg(width_in * 200, height_in * 200, 200)  # type: ignore[no-untyped-call]
    figure.set_dpi(200)
    figure.draw(renderer)
    written = [text for text in axes.texts if text.get_text() and (text.get_text().isdigit() or _is_tag(text))]
    for one, other in combinations(written, 2):
        boxes = [Text.get_window_extent(text, renderer) for text in (one, other)]
        assert not boxes[0].overlaps(boxes[1]), (one.get_text(), other.get_text())


def _is_tag(text: Text) -> bool:
    return isinstance(text, Annotation) and text.get_text() != "N"


def test_a_run_without_conflicts_says_so(run: ServiceRun) -> None:
    (axes,) = drawn(run, []).axes
    assert "0 conflicts, 14 violations" in axes.get_title(loc="left")


def test_nothing_measured_draws_nothing(run: ServiceRun) -> None:
    quiet = replace(run, conflicts=None, events=[one for one in run.events if not isinstance(one, Violation)])
    assert hazard_maps(Ground(load_network("bitgreen"), run.scenario), [quiet]) is None

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import pytest

from sim.documents import load_permit, load_scenario, permit_catalogue
from sim.fields import format_clock
from sim.network.catalog import load_network
from sim.permit_document import Permit, Window
from sim.report.fonts import figure_style
from sim.report.ground import Ground
from sim.report.permits.section import Section, permit_section
from sim.report.permits.words import hours_words, sheets_of
from sim.report.permits.zones import ZoneMap

OLD, NEW = "low-speed-zone-2021", "low-speed-zone-15"


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with figure_style():
        yield


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(load_network("bitgreen"), load_scenario("permit-ab"))


def ready(name: str) -> Permit:
    return load_permit(permit_catalogue()[name])


def section(ground: Ground | None, **sides: Mapping[str, Permit]) -> Section:
    found = permit_section(list(sides.items()), ground)
    assert found is not None
    return found


def lines(found: Section) -> dict[str, tuple[str, ...]]:
    return {line.title: line.texts for line in found.lines}


def test_without_permits_there_is_no_section(ground: Ground) -> None:
    assert permit_section([("a", {}), ("b", {})], ground) is None


def test_a_permit_is_told_with_all_that_it_bounds(ground: Ground) -> None:
    permit = ready(OLD)
    told = {title: texts[0] for title, texts in lines(section(ground, a={"zone": permit})).items()}
    assert told["Class"] == "Low-speed special vehicles"
    assert told["Hours"] == "10:00–12:00 and 14:00–16:00, every day"
    assert told["Speed cap"].startswith("At most 7 km/h (confirmed: ")
    assert told["Vehicles per operator"] == "At most 1 on the road for each operator of the fleet"
    assert told["When its hours end"].startswith("Hold: ")
    assert told["Source"] == permit.source
    assert f"what is known of it: {permit.status}" in told["Standing"]
    assert "Mass, load included" not in told


def test_a_zone_is_told_in_edges_and_km_of_the_network_and_drawn(ground: Ground) -> None:
    found = section(ground, a={"zone": ready(OLD)})
    zone = lines(found)["Zone"][0]
    assert zone.startswith("Roads of a polygon of 13 corners, 3.1 km²; it holds ")
    drawn = base64.b64decode(found.picture.partition(",")[2]).decode()
    assert 'id="zone"' in drawn


def test_a_permit_for_everywhere_needs_no_map(ground: Ground) -> None:
    names = [name for name in permit_catalogue() if ready(name).zone.everywhere and ready(name).surface == "road"]
    found = section(ground, a={"city": ready(names[0])})
    assert found.picture == ""
    assert lines(found)["Zone"] == ("All roads of the network that are open to the class",)


def test_two_sides_stand_beside_each_other_and_what_differs_is_marked(ground: Ground) -> None:
    found = section(ground, a={"zone": ready(OLD)}, b={"zone": ready(NEW)})
    assert [sheet.holders for sheet in found.sheets] == [("a",), ("b",)]
    differs = {line.title for line in found.lines if line.differs}
    assert "Speed cap" in differs
    assert not {"Class", "Zone", "Hours"} & differs


def test_a_permit_that_all_share_stands_once_and_a_side_without_any_is_named() -> None:
    both = [("a", {"zone": ready(OLD)}), ("b", {"zone": ready(OLD)})]
    assert [(sheet.name, sheet.holders) for sheet in sheets_of(both)] == [("zone", ())]
    found = permit_section([*both, ("c", {})], None)
    assert found is not None
    assert "Without permits: c." in found.note
    assert "No map of the zones" in found.note


def test_zones_that_are_alike_are_drawn_once(ground: Ground) -> None:
    sheets = sheets_of([("a", {"zone": ready(OLD)}), ("b", {"zone": ready(NEW)})])
    figure = ZoneMap(ground).figure(sheets)
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["zone (a) and zone (b)"]
    other = ready(OLD).model_copy(update={"zone": ready(OLD).zone.model_copy(update={"polygon": (), "areas": ()})})
    edges = tuple(sorted(ground.edges)[:40])
    other = other.model_copy(update={"zone": other.zone.model_copy(update={"edges": edges})})
    figure = ZoneMap(ground).figure(sheets_of([("a", {"zone": ready(OLD)}), ("b", {"zone": other})]))
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["zone (a)", "zone (b)"]
    drawn = {line.get_gid(): len(line.get_segments()) for line in figure.axes[1].collections}  # type: ignore[attr-defined]
    assert drawn["zone"] == 40


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([(0, 86_400)], "At all hours"),
        ([(0, 172_800)], "At all hours"),
        ([(36_000, 43_200)], "10:00–12:00, every day"),
        ([(79_200, 108_000)], f"22:00–{format_clock(108_000)[:5]}, every day"),
    ],
)
def test_hours_in_words(windows: list[tuple[int, int]], told: str) -> None:
    assert hours_words([Window(begin_s=begin, end_s=end) for begin, end in windows]) == told

from __future__ import annotations

from sim.report.known import Known, counted_by_status, groups_of
from sim.report.provenance import Figure


def figure(path: str, value: str = "180", status: str = "assumed", source: str = "docking") -> Figure:
    return Figure(path, value, status, source)


def test_figures_stand_under_the_part_that_they_are_of() -> None:
    found = groups_of([figure("freight.sites.a.gate_s"), figure("costs.km"), figure("freight.lines.x.lot", "8")])
    assert [group.title for group in found] == ["freight.sites", "costs", "freight.lines"]
    assert [line.path for group in found for line in group.lines] == ["a.gate_s", "km", "x.lot"]


def test_what_many_places_share_stands_once_with_their_names() -> None:
    sites = [figure(f"freight.sites.{name}.handling.fixed_s") for name in "abc"]
    (group,) = groups_of([*sites, figure("freight.sites.d.handling.fixed_s", "240")])
    assert group.lines == (
        Known("*.handling.fixed_s", ("a", "b", "c"), "180", "assumed", "docking"),
        Known("d.handling.fixed_s", (), "240", "assumed", "docking"),
    )
    assert group.counts == "4 assumed"


def test_figures_of_another_status_or_source_are_not_joined() -> None:
    base = figure("a.b.x.n")
    for other in (figure("a.b.y.n", status="likely"), figure("a.b.y.n", source="press"), figure("a.b.y.m")):
        (group,) = groups_of([base, other])
        assert [line.places for line in group.lines] == [(), ()]


def test_a_star_stands_where_most_names_differ() -> None:
    many = [figure(f"a.b.{site}.{part}.n") for site, part in ("xp", "yp", "zp", "xq")]
    (group,) = groups_of(many)
    assert [(line.path, line.places) for line in group.lines] == [("*.p.n", ("x", "y", "z")), ("x.q.n", ())]


def test_figures_are_counted_by_how_well_they_are_known() -> None:
    found = [figure("a", status=status) for status in ("confirmed", "assumed", "odd", "assumed")]
    assert counted_by_status(found) == "2 assumed, 1 confirmed, 1 odd"

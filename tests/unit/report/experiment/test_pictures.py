from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.text import Text

from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.distributions import distributions
from sim.report.experiment.forest import _LOOKS, Difference, forest
from sim.report.experiment.gallery import gallery
from sim.report.experiment.heatmap import heatmap
from sim.report.experiment.outcomes import Verdict
from sim.report.experiment.panels import Plain, wrapped
from sim.report.experiment.pareto import MOST_LABELS, front, pareto, spots_of
from sim.report.experiment.sensitivity import sensitivity
from sim.report.experiment.study import Measure, Study
from sim.report.fonts import figure_style
from sim.verdict import judge
from tests.unit.report.experiment.build import Variant, frames

LONG = "a scenario with a very long name that a researcher from 광주 gave it for good reasons, number"
FLEET = [Variant(f"fleet.count={n}", (n - 16) / 8, {"fleet.count": n}) for n in (8, 16, 24, 32)]


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with figure_style():
        yield


def study_of(variants: Sequence[Variant], seeds: int = 3) -> Study:
    return Study.from_frames(*frames(variants, seeds))


def some(study: Study, *keys: str) -> list[Measure]:
    return [study.measures[key] for key in keys]


def drawn(figure: Figure, gid: str) -> list[Line2D]:
    return [one for axes in figure.axes for one in axes.lines if one.get_gid() == gid]


def texts(figure: Figure) -> list[str]:
    return [one.get_text() for one in visible(figure)]


def visible(figure: Figure) -> list[Text]:
    """Return what is written in a figure, without the labels of ticks beyond an axis' limits."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += axes.texts
        if axes.get_visible() and axes.axison:
            found += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
            found += [label for axis in (axes.xaxis, axes.yaxis) for label in shown(axis)]
    return [one for one in found if one.get_visible() and one.get_text().strip()]


def shown(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def along(line: Line2D, *, y: bool = False) -> list[float]:
    return [float(value) for value in np.asarray(line.get_ydata() if y else line.get_xdata())]


# --- forest -------------------------------------------------------------------------------------------------


def difference(**changes: object) -> Difference:
    base: dict[str, object] = {
        "key": "wait_s", "title": "Wait (mean)", "unit": "s", "better": "lower", "reference": 1200.0, "mean": -120.0,
        "low": -180.0, "high": -60.0, "verdict": "better", "margin": 60.0,
    }  # fmt: skip
    return Difference(**(base | changes))  # type: ignore[arg-type]


def one_row(**changes: object) -> Figure:
    return forest([difference(**changes)], variant="b", reference="a")


def test_difference_stands_in_percent_with_its_figures_beside_it() -> None:
    figure = one_row()
    (mean,), (interval,) = drawn(figure, "mean"), drawn(figure, "interval")
    assert along(mean) == pytest.approx([-10])
    assert along(interval) == pytest.approx([-15, -5])
    assert {"20.0 min", "−2.0", "−3.0 to −1.0", "✓ better", "b against a"} <= set(texts(figure))


@pytest.mark.parametrize(("better", "width", "side"), [("lower", 5.0, "<"), ("higher", -5.0, ">")])
def test_margin_lies_on_the_side_of_harm_and_the_triangle_on_the_other(better: str, width: float, side: str) -> None:
    figure = one_row(better=better)
    (margin,) = [one for one in figure.axes[0].patches if one.get_gid() == "margin"]
    (triangle,) = drawn(figure, "better side")
    assert isinstance(margin, Rectangle)
    assert margin.get_width() == pytest.approx(width)
    assert triangle.get_marker() == side
    assert np.sign(along(triangle)[0]) == -np.sign(width)


def test_kpi_without_direction_has_neither_margin_nor_triangle() -> None:
    figure = one_row(better="neither", verdict="not judged", margin=None)
    assert drawn(figure, "better side") == []
    assert [one for one in figure.axes[0].patches if one.get_gid() == "margin"] == []


def test_difference_far_beyond_all_others_is_an_arrow_with_its_figure() -> None:
    rows = [difference(key=f"k{n}") for n in range(9)]
    figure = forest([*rows, difference(key="far", mean=-9600.0, low=-9700.0, high=-9500.0)], variant="b", reference="a")
    (arrow,) = drawn(figure, "beyond")
    assert arrow.get_marker() == "<"
    assert len(drawn(figure, "mean")) == 9
    assert "−800 %" in texts(figure)
    assert figure.axes[0].get_xlim()[1] < 100


@pytest.mark.parametrize("reference", [0.0, -3.0, None])
def test_reference_that_gives_no_percent_is_told(reference: float | None) -> None:
    figure = one_row(reference=reference, mean=2.0, low=1.0, high=3.0)
    assert drawn(figure, "mean") == []
    assert "no percent: the reference is not above 0" in texts(figure)
    assert ("+2.0 s" if reference is None else "+2.0") in texts(figure)


@pytest.mark.parametrize(("reference", "told"), [(0.4, "0.4 orders"), (2.0, "2.0 orders"), (37.2, "37.2 orders")])
def test_a_mean_has_the_digits_that_its_difference_needs(reference: float, told: str) -> None:
    figure = one_row(unit="orders", reference=reference, mean=-0.4, low=-0.8, high=0.0)
    assert told in texts(figure)


def test_one_seed_has_a_mark_and_no_interval() -> None:
    figure = one_row(low=None, high=None, verdict="open")
    assert len(drawn(figure, "mean")) == 1
    assert drawn(figure, "interval") == []
    assert "–" in texts(figure)


def test_verdicts_are_told_apart_without_colour() -> None:
    assert set(_LOOKS) == set(get_args(Verdict))
    words, _, markers = zip(*_LOOKS.values(), strict=True)
    hollow = [verdict in {"open", "not judged"} for verdict in _LOOKS]
    assert len(set(words)) == len(_LOOKS)
    assert len(set(zip(markers, hollow, strict=True))) == len(_LOOKS)


# --- distributions ------------------------------------------------------------------------------------------


def dots(figure: Figure, panel: int = 0) -> list[PathCollection]:
    return [one for one in figure.axes[panel].collections if isinstance(one, PathCollection)]


@pytest.mark.parametrize(("seeds", "boxes"), [(1, 0), (4, 0), (5, 3), (10, 3)])
def test_every_seed_is_a_dot_and_enough_of_them_have_a_box(seeds: int, boxes: int) -> None:
    study = study_of([Variant("a"), Variant("b", 1), Variant("c", -1)], seeds)
    figure = distributions(study, some(study, "wait_s"))
    assert [len(np.asarray(one.get_offsets())) for one in dots(figure)] == [seeds] * 3
    assert sum(isinstance(one, PathPatch) for one in figure.axes[0].patches) == boxes
    values = [value / 60 for value in study.values("wait_s", study.points[1]).values()]
    assert sorted(np.asarray(dots(figure)[1].get_offsets())[:, 0]) == pytest.approx(sorted(values))


def test_runs_of_one_seed_are_joined_between_two_variants() -> None:
    study = study_of([Variant("a"), Variant("b", 1, failed={2: "crashed"})], 4)
    figure = distributions(study, some(study, "wait_s"))
    pairs = drawn(figure, "pair")
    assert len(pairs) == 3
    first = [study.values("wait_s", point)[1, 1] / 60 for point in study.points]
    assert along(pairs[0]) == pytest.approx(first)
    three = study_of([Variant("a"), Variant("b", 1), Variant("c", 2)], 4)
    assert drawn(distributions(three, some(three, "wait_s")), "pair") == []


def test_variant_without_the_kpi_says_so() -> None:
    def change(variant: str, key: str, _: int, value: float) -> float | None:
        return None if (variant, key) == ("b", "ride_s") else value

    study = Study.from_frames(*frames([Variant("a"), Variant("b"), Variant("c")], 3, change=change))
    figure = distributions(study, some(study, "wait_s", "ride_s"))
    assert texts(figure).count("no run has it") == 1
    assert [len(dots(figure, panel)) for panel in (0, 1)] == [3, 2]


def test_direction_and_unit_stand_at_the_axis() -> None:
    study = study_of([Variant("a"), Variant("b", 1)])
    figure = distributions(study, some(study, "wait_s", "service_rate", "requests"))
    assert [axes.get_xlabel() for axes in figure.axes] == ["min   ◂ better", "%   better ▸", "requests"]


# --- sensitivity --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 3])
def test_sensitivity_joins_the_means_and_bands_their_intervals(seeds: int) -> None:
    study = study_of(FLEET[::-1], seeds)
    figure = sensitivity(study, "fleet.count", some(study, "wait_s"))
    (line,) = figure.axes[0].get_lines()
    assert along(line) == [8, 16, 24, 32]
    means = [np.mean(list(study.values("wait_s", point).values())) / 60 for point in study.points[::-1]]
    assert along(line, y=True) == pytest.approx(means)
    bands = [one for one in figure.axes[0].collections if isinstance(one, FillBetweenPolyCollection)]
    assert len(bands) == (seeds > 1)
    assert figure.axes[0].get_xlabel() == "fleet.count"
    assert figure.legends == []


def test_sensitivity_has_a_line_for_each_scenario() -> None:
    sweep = [
        Variant(f"{name} fleet.count={n}", n / 8 + shift, {"fleet.count": n})
        for n in (8, 16, 24)
        for name, shift in (("one", 0), ("two", 1))
    ]
    study = study_of(sweep)
    figure = sensitivity(study, "fleet.count", some(study, "wait_s", "ride_s"))
    assert [len(axes.get_lines()) for axes in figure.axes] == [2, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


def test_parameters_in_step_share_the_axis_title() -> None:
    study = study_of([Variant(f"{n}", n, {"a": n, "b": 2 * n}) for n in (1, 2, 3)])
    assert sensitivity(study, "a", some(study, "wait_s")).axes[0].get_xlabel() == "a (with b)"


# --- trade-off ----------------------------------------------------------------------------------------------


def test_front_holds_what_nothing_else_beats() -> None:
    study = study_of(FLEET)
    cost, rate, wait = some(study, "cost_per_served_rider_krw", "service_rate", "wait_s")
    labels = [spot.point.levels["fleet.count"] for spot in front(spots_of(study, cost, rate), cost, rate)]
    assert labels == [8, 16, 24, 32]  # a larger fleet costs more and serves more
    labels = [spot.point.levels["fleet.count"] for spot in front(spots_of(study, wait, rate), wait, rate)]
    assert labels == [32]  # and is best in both of what riders get


def test_front_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(4)
    study = study_of([Variant(f"v{n}", float(rng.normal())) for n in range(12)], 1)
    ride, rate = some(study, "ride_s", "service_rate")
    spots = spots_of(study, ride, rate)
    expected = {
        a.point.label for a in spots
        if not any(b.x.mean < a.x.mean and b.y.mean > a.y.mean for b in spots)
    }  # fmt: skip
    assert {spot.point.label for spot in front(spots, ride, rate)} == expected


def test_trade_off_labels_its_points_and_crosses_their_intervals() -> None:
    study = study_of(FLEET)
    figure = pareto(study, *some(study, "cost_per_served_rider_krw", "wait_s"))
    axes = figure.axes[0]
    assert {"8", "16", "24", "32", "better"} <= set(texts(figure))
    crosses = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    assert [(one.has_xerr, one.has_yerr) for one in crosses] == [(True, True)] * 4
    assert axes.get_xlabel() == "Cost per served rider, KRW   ◂ better"
    assert axes.get_ylabel() == "Wait (mean), min   ◂ better"
    single = pareto(study_of(FLEET, 1), *some(study, "cost_per_served_rider_krw", "wait_s"))
    crosses = [one for one in single.axes[0].containers if isinstance(one, ErrorbarContainer)]
    assert [(one.has_xerr, one.has_yerr) for one in crosses] == [(False, False)] * 4


def test_wide_intervals_of_few_seeds_do_not_push_the_points_together() -> None:
    study = study_of(FLEET, 2)
    x, y = some(study, "cost_per_served_rider_krw", "wait_s")
    figure = pareto(study, x, y)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    spots = np.array([(one.x.mean, one.y.mean / 60) for one in spots_of(study, x, y)])
    for limits, means in zip((axes.get_xlim(), axes.get_ylim()), spots.T, strict=True):
        assert limits[0] < means.min() < means.max() < limits[1]
        assert np.ptp(limits) <= 3.001 * np.ptp(means)


def test_points_of_two_scenarios_both_have_their_label() -> None:
    sweep = [
        Variant(f"{name} fleet.count={n}", n / 8 + shift, {"fleet.count": n})
        for n in (8, 16)
        for name, shift in (("one", 0), ("two", 1))
    ]
    study = study_of(sweep)
    figure = pareto(study, *some(study, "cost_per_served_rider_krw", "wait_s"))
    assert [texts(figure).count(label) for label in ("8", "16")] == [2, 2]
    assert {"one", "two", "front of the means"} <= set(texts(figure))
    lines = drawn(figure, "joined")
    assert len(lines) == 2
    ends = [[study.estimate(key, point) for key in ("cost_per_served_rider_krw", "wait_s")] for point in study.points]
    means = sorted((one.mean, other.mean / 60) for one, other in ends if one is not None and other is not None)
    joined = sorted((float(x), float(y)) for line in lines for x, y in np.asarray(line.get_xydata()))
    assert np.array(joined) == pytest.approx(np.array(means))


def test_points_of_two_numbers_are_not_joined() -> None:
    sweep = [Variant(f"a={a}, b={b}", a + b, {"a": a, "b": b}) for a in (1, 2) for b in (3, 4)]
    study = study_of(sweep)
    assert not drawn(pareto(study, *some(study, "cost_per_served_rider_krw", "wait_s")), "joined")


def test_among_many_points_the_front_alone_is_labelled() -> None:
    study = study_of([Variant(f"n={n}", n / 8, {"n": 100 + n}) for n in range(MOST_LABELS + 5)], 1)
    figure = pareto(study, *some(study, "wait_s", "service_rate"))
    labels = [text for text in texts(figure) if text.isdecimal() and 100 <= int(text) <= 200]
    assert 0 < len(labels) < 5


# --- heat map -----------------------------------------------------------------------------------------------


def grid_of(seeds: int = 3) -> Study:
    cells = [(a, b) for a in (8, 16, 24) for b in (0.1, 0.2) if (a, b) != (24, 0.2)]
    return study_of([Variant(f"a={a}, b={b}", a / 8 - 5 * b, {"a": a, "b": b}) for a, b in cells], seeds)


@pytest.mark.parametrize(("key", "best"), [("wait_s", min), ("service_rate", max), ("requests", None)])
def test_heat_map_writes_its_means_and_frames_the_best(key: str, best: object) -> None:
    study = grid_of()
    figure = heatmap(study, study.measures[key], x="a", y="b")
    estimates = [study.estimate(key, point) for point in study.points]
    axes = figure.axes[0]
    bold = [one.get_text() for one in axes.texts if one.get_fontweight() == "bold"]
    factor = {"wait_s": 1 / 60, "service_rate": 100, "requests": 1}[key]
    written = [f"{factor * one.mean:,.{0 if key == 'requests' else 1}f}" for one in estimates if one is not None]
    assert sorted(one.get_text() for one in axes.texts if "±" not in one.get_text()) == sorted(written)
    assert sum("±" in one.get_text() for one in axes.texts) == 5
    assert [one.get_hatch() for one in axes.patches if one.get_hatch()] == ["////"]
    means = [one.mean for one in estimates if one is not None]
    assert bold == ([] if best is None else [written[means.index(best(means))]])  # type: ignore[operator]


def test_heat_map_of_one_seed_has_no_intervals() -> None:
    study = grid_of(1)
    figure = heatmap(study, study.measures["wait_s"], x="a", y="b")
    assert len(figure.axes[0].texts) == 5
    assert not any("±" in one.get_text() for one in figure.axes[0].texts)


def test_heat_map_has_a_panel_for_each_scenario() -> None:
    cells = [(name, a, b) for a in (8, 16) for b in (1, 2) for name in ("one", "two")]
    study = study_of([Variant(f"{name} a={a}, b={b}", a + b, {"a": a, "b": b}) for name, a, b in cells])
    figure = heatmap(study, study.measures["wait_s"], x="a", y="b")
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["one", "two"]


# --- all of them --------------------------------------------------------------------------------------------


def _whole(count: int, seeds: int, *, long: bool, sweep: bool) -> list[Figure]:
    """Return every picture of an experiment."""
    labels = [f"{LONG if long else 'variant'} {n}" for n in range(count)]
    levels: list[dict[str, object]] = [
        {"fleet.count": 8 + 4 * (n // 2), "controllers.shuttle.parameters.max_detour_alpha": n % 2}
        for n in range(count)
    ]
    variants = [
        Variant(label, n / 3 - 1, levels[n] if sweep else {}, failed={1: "crashed"} if n == 1 and seeds > 1 else {})
        for n, label in enumerate(labels)
    ]
    keys = ("service_rate", "within_limits_rate", "wait_s", "wait_s.p95", "ride_s", "cost_per_served_rider_krw")
    results, runs = frames(variants, seeds, keys=keys)
    study = Study.from_frames(results, runs)
    contrasts = [Contrast.of(judge(results, labels[0], other, keys=keys)) for other in labels[-1:] if count > 1]
    found = gallery(study, list(study.measures.values()), contrasts)
    return [sheet.figure for section in found.sections for sheet in section.sheets]


@pytest.mark.parametrize(
    ("count", "seeds", "long", "sweep"),
    [(1, 3, False, False), (2, 1, True, False), (3, 10, False, False), (8, 3, True, False), (8, 3, True, True)],
)
def test_no_text_is_clipped_at_the_edge(count: int, seeds: int, *, long: bool, sweep: bool) -> None:
    figures = _whole(count, seeds, long=long, sweep=sweep)
    assert figures
    for figure in figures:
        width, height = figure.get_size_inches() * figure.dpi
        renderer = RendererAgg(width, height, figure.dpi)  # type: ignore[no-untyped-call]
        figure.draw(renderer)
        for one in visible(figure):
            box = one.get_window_extent(renderer)
            assert min(box.x0, box.y0) > -2, one
            assert box.x1 < width + 2, one
            assert box.y1 < height + 2, one


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("text", [LONG, "x" * 90, "a/" * 40 + " b", "", "short"])
def test_wrapped_labels_fit_and_keep_their_ends(text: str, lines: int) -> None:
    found = wrapped(text, 26, lines=lines).split("\n")
    assert len(found) <= lines
    assert all(len(line) <= 26 for line in found)
    assert not text or (found[0][0], found[-1][-1]) == (text[0], text[-1])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((1000.2, 1000.4, 1000.6), ["1,000.2", "1,000.4", "1,000.6"]),
        ((206.4008, 206.4012), ["206.4008", "206.4012"]),
        ((0.0, 2500.0, 5000.0), ["0", "2,500", "5,000"]),
        ((-0.25, -0.0, 0.25), ["−0.25", "0.00", "0.25"]),
        ((7.0,), ["7"]),
    ],
)
def test_ticks_are_whole_figures_without_an_offset(values: tuple[float, ...], told: list[str]) -> None:
    assert Plain().format_ticks(values) == told


def test_no_axis_of_close_values_has_an_offset() -> None:
    study = Study.from_frames(*frames(FLEET, change=lambda _, key, seed, value: (
        206.4008 + 1e-4 * seed if key in {"wait_s", "ride_s"} else value)))  # fmt: skip
    for figure in (
        distributions(study, some(study, "wait_s")),
        sensitivity(study, "fleet.count", some(study, "wait_s")),
        pareto(study, *some(study, "wait_s", "ride_s")),
    ):
        figure.draw_without_rendering()
        offsets = [axis.get_offset_text().get_text() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
        assert not any(offsets)

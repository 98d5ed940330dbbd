"""The trade-off of two KPIs over a sweep: means with intervals, and the front of those that nothing else beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.report.experiment.panels import GOOD, INK, SOFT, Plain, better_along, wrapped
from sim.report.experiment.study import Estimate, Measure, Point, Series, Study, written
from sim.report.figures import WIDTH_IN
from sim.report.numbers import Scale, scale_of

MOST_LABELS = 20
# offset in points from the mean, and how the label stands against it
_PLACES = (
    (6, 5, "left", "bottom"),
    (6, -5, "left", "top"),
    (-6, 5, "right", "bottom"),
    (-6, -5, "right", "top"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (16, 14, "left", "bottom"),
    (16, -14, "left", "top"),
    (-16, 14, "right", "bottom"),
    (-16, -14, "right", "top"),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of the design where two KPIs put it."""

    point: Point
    x: Estimate
    y: Estimate


def pareto(study: Study, x: Measure, y: Measure) -> Figure:
    """Draw two KPIs against each other; both must have a better direction.

    Labels are the levels of the numeric parameters, or the variant's name where it has none; among many points only
    those of the front have one.
    """
    spots = spots_of(study, x, y)
    scales = scale_of(x.unit, [one.x.mean for one in spots]), scale_of(y.unit, [one.y.mean for one in spots])
    figure = Figure(figsize=(0.8 * WIDTH_IN, 4.9), layout="constrained")
    axes = figure.subplots()
    best = [_at(one, scales) for one in front(spots, x, y)]
    axes.plot(*np.array(best).T, color=GOOD, linewidth=1.3, linestyle=(0, (5, 2)), label="front of the means", zorder=2)
    for series in study.series(study.numeric, partial=True):
        own = [spot for spot in spots if spot.point in series.points]
        if len(study.numeric) == 1:
            _join(axes, sorted(own, key=lambda spot: _level(spot, study.numeric[0])), series, scales)
        _crosses(axes, own, series, scales, best)
    axes.set_xlabel("   ".join(filter(None, [f"{x.title}, {scales[0].unit}", better_along(x.better)])))
    axes.set_ylabel("   ".join(filter(None, [f"{y.title}, {scales[1].unit}", better_along(y.better)])))
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.yaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(Plain())
    axes.yaxis.set_major_formatter(Plain())
    axes.margins(0.09)
    _keep_to_the_means(axes, [_at(one, scales) for one in spots])
    _point_to_the_better(axes, x, y)
    figure.legend(loc="outside lower center", ncols=3)
    told = spots if len(spots) <= MOST_LABELS else front(spots, x, y)
    _label(figure, axes, [(_text(study, spot.point), _at(spot, scales)) for spot in told])
    return figure


def spots_of(study: Study, x: Measure, y: Measure) -> list[Spot]:
    """Return the points that have both KPIs."""
    found = [(point, study.estimate(x.key, point), study.estimate(y.key, point)) for point in study.points]
    return [Spot(point, one, other) for point, one, other in found if one is not None and other is not None]


def front(spots: Sequence[Spot], x: Measure, y: Measure) -> list[Spot]:
    """Return the spots that no other beats in both means, along x; the means decide, not their intervals."""
    signs = [-1.0 if measure.better == "higher" else 1.0 for measure in (x, y)]
    harms = {spot.point.place: (signs[0] * spot.x.mean, signs[1] * spot.y.mean) for spot in spots}

    def beaten(harm: tuple[float, float]) -> bool:
        return any(other != harm and other[0] <= harm[0] and other[1] <= harm[1] for other in harms.values())

    return sorted(
        (spot for spot in spots if not beaten(harms[spot.point.place])), key=lambda spot: (spot.x.mean, spot.y.mean)
    )


def _keep_to_the_means(axes: Axes, places: Sequence[tuple[float, float]]) -> None:
    """Cut off what few seeds stretch: intervals go no farther beyond the means than these lie apart."""
    for axis, values in zip((axes.xaxis, axes.yaxis), np.array(places).T, strict=True):
        (low, high), room = axis.get_view_interval(), np.ptp(values)
        if room > 0:
            axis.set_view_interval(max(low, values.min() - room), min(high, values.max() + room), ignore=True)
    axes.autoscale(enable=False)


def _join(axes: Axes, spots: Sequence[Spot], series: Series, scales: tuple[Scale, Scale]) -> None:
    """Draw a thin line through one series, from level to level."""
    if len(spots) > 1:
        places = np.array([_at(spot, scales) for spot in spots])
        axes.plot(*places.T, color=series.colour, linewidth=0.9, alpha=0.7, zorder=2.2, gid="joined")


def _level(spot: Spot, parameter: str) -> float:
    return float(spot.point.levels.get(parameter, 0.0))


def _crosses(
    axes: Axes, spots: Sequence[Spot], series: Series, scales: tuple[Scale, Scale], best: Sequence[tuple[float, float]]
) -> None:
    """Draw one series: crosses of the intervals, filled marks on the front, hollow ones behind it."""
    for spot in spots:
        x, y = _at(spot, scales)
        axes.errorbar(
            x, y, xerr=_half(spot.x, scales[0]), yerr=_half(spot.y, scales[1]), fmt="none", ecolor=series.colour,
            elinewidth=0.9, alpha=0.6, zorder=2.5,
        )  # fmt: skip
    places = np.array([_at(spot, scales) for spot in spots]).reshape(-1, 2)
    fills = [series.colour if (x, y) in best else "white" for x, y in places]
    axes.scatter(
        places[:, 0], places[:, 1], s=38, marker=series.marker, facecolor=fills, edgecolor=series.colour,
        linewidth=1.3, zorder=3, label=wrapped(series.name, 60, lines=2),
    )  # fmt: skip


def _point_to_the_better(axes: Axes, x: Measure, y: Measure) -> None:
    """Draw a small arrow into the corner where both KPIs are best."""
    corner = np.array([0.99 if measure.better == "higher" else 0.01 for measure in (x, y)])
    inwards = np.where(corner > 0.5, -1.0, 1.0) * (0.035, 0.06)
    axes.annotate(
        "", tuple(corner), xytext=tuple(corner + inwards), xycoords="axes fraction", textcoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": GOOD, "linewidth": 1.6}, zorder=1,
    )  # fmt: skip
    words = corner + inwards
    axes.text(words[0], words[1], "better", transform=axes.transAxes, color=GOOD, fontsize=8, zorder=1,
              ha="right" if corner[0] > 0.5 else "left", va="top" if corner[1] > 0.5 else "bottom")  # fmt: skip


# --- labels -------------------------------------------------------------------------------------------------


def _label(figure: Figure, axes: Axes, labels: Sequence[tuple[str, tuple[float, float]]]) -> None:
    """Write each label where it covers least of what is drawn."""
    width, height = figure.get_size_inches() * figure.dpi
    renderer = RendererAgg(width, height, figure.dpi)  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the labels below are placed for these axes
    frame = axes.get_window_extent(renderer)
    points: NDArray[np.float64] = axes.transData.transform(np.array([place for _, place in labels]))
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in points]
    taken += [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    for text, place in labels:
        tries = [_write(axes, text, place, spot) for spot in _PLACES]
        extents = [one.get_window_extent(renderer) for one in tries]
        costs = [_cost(extent, frame, taken) + 0.05 * rank for rank, extent in enumerate(extents)]
        best = costs.index(min(costs))
        taken.append(extents[best])
        for rank, one in enumerate(tries):
            if rank != best:
                one.remove()


def _write(axes: Axes, text: str, place: tuple[float, float], spot: tuple[int, int, str, str]) -> Annotation:
    dx, dy, across, along = spot
    leader = {"arrowstyle": "-", "color": SOFT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}
    return axes.annotate(
        text, place, xytext=(dx, dy), textcoords="offset points", ha=across, va=along, fontsize=8, color=INK, zorder=5,
        arrowprops=leader if abs(dx) > 10 else None,
    )  # fmt: skip


def _cost(extent: Bbox, frame: Bbox, taken: Sequence[Bbox]) -> float:
    """Return how bad a place is: each thing covered 1, leaving the plot 3."""
    inside = frame.x0 <= extent.x0 and extent.x1 <= frame.x1 and frame.y0 <= extent.y0 and extent.y1 <= frame.y1
    return sum(bool(extent.overlaps(other)) for other in taken) + (0.0 if inside else 3.0)


def _text(study: Study, point: Point) -> str:
    levels = [written(point.levels[name]) for name in study.numeric if name in point.levels]
    return ", ".join(levels) or wrapped(point.short, 24, lines=2)


def _at(spot: Spot, scales: tuple[Scale, Scale]) -> tuple[float, float]:
    return scales[0].factor * spot.x.mean, scales[1].factor * spot.y.mean


def _half(estimate: Estimate, scale: Scale) -> float | None:
    return None if estimate.high is None else scale.factor * (estimate.high - estimate.mean)

"""The pictures of freight with their titles, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure

from sim.report.freight.bays import bay_chart
from sim.report.freight.cars import car_chart
from sim.report.freight.energy import energy_chart
from sim.report.freight.hazards import hazard_maps
from sim.report.freight.states import state_chart
from sim.report.freight.stock import stock_chart
from sim.report.ground import Ground
from sim.report.runs import ServiceRun

_BAYS = (
    "One row for each bay that was used, sites from top to bottom, in brackets the bays that a site has; a bar is"
    " a stay from dock in until the vehicle has left the bay. The red line along the row's foot is that vehicle's"
    " time since it came to the gate, the check there included: where the lines are long and dark, many wait and bays"
    " are short. A row without bars at a site's foot has those who had no bay yet when the run ended, and a hatched"
    " one how many bays were out of use; which ones a site chooses, as they fall free."
)
_STOCK = (
    "Pieces at the line: steps up are deliveries, slopes are cars built, level stretches are breaks and the hours"
    " before and after work. Below zero, shaded in the run's colour, the line would have stood; the working time "
    "spent there stands above each sheet, in the order of the runs."
)
_STATES = (
    "Means over five minutes of what the vehicles of freight fleets do; lorries from outside are not among them. "
    "Vehicles that are not on duty are left out, so that the height is the fleet on duty."
)
_ENERGY = (
    "Above, net use at the battery (consumed and auxiliaries less what came back by braking; of robots by their "
    "kilometres) in each hour, stacked by fleet; below, where any vehicle charges, the load of the charging hubs on "
    "the grid, means over a quarter of an hour by the clock, with the peak."
)
_CARS = (
    "Left, finished cars that stand in the compound: they come one by one and leave by the carrier. Right, share of"
    " all cars off the line that were in the compound within so many minutes, the wait at the line's end included;"
    " in words where all took as long."
)
_HAZARDS = (
    "Circles are places of conflicts of vehicles that carry the measuring device with any other, one for each pair and"
    " encounter by the severest measure beyond its threshold: conflicts within about 30 m are one place with their"
    " number, as are places whose circles would cover one another; its colour is that of the severest. Purple signs"
    " are violations as the permit monitor saw them, where they began. Sites by id and Korean name."
)


def freight_pictures(runs: Sequence[ServiceRun], ground: Ground | None) -> Iterator[tuple[str, Figure, str]]:
    """Yield title, figure and caption of each picture that the runs have something for."""
    drawn = (
        ("Stock at the line", stock_chart(runs), _STOCK),
        ("Bays", bay_chart(runs, ground), _BAYS),
        ("Freight vehicles over the day", state_chart(runs), _STATES),
        ("Energy by hour", energy_chart(runs), _ENERGY),
        ("Finished cars", car_chart(runs), _CARS),
    )
    for title, figure, caption in drawn:
        if figure is not None:
            yield title, figure, caption
    if ground is not None and (figure := hazard_maps(ground, runs)) is not None:
        yield "Conflicts and violations", figure, f"{_HAZARDS} {ground.network.attribution}."

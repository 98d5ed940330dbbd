"""The KPI catalogue: what each code means, its unit, its source, and which direction is better.

`python -m sim.kpi.catalogue > docs/kpis.md` writes the catalogue as a page.
"""

from __future__ import annotations

import sys

from sim.kpi.catalogue_freight import freight_entries
from sim.kpi.entry import DISTRIBUTION_STATS, Better, Kpi, Source


def _riders() -> list[Kpi]:
    """Return what riders get; counts and rates take every request in."""

    def kpi(code: str, unit: str, better: Better, source: Source, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Requests", unit=unit, better=better, source=source, title=title,
                   definition=definition, scoped_by="riders")  # fmt: skip

    return [
        kpi("service_rate", "share", "higher", "FleetPy", "Service rate",
            definition="requests_served / (requests − those who stayed away: who never came, or cancelled before the "
            "wish to travel)"),
        kpi("on_time_rate", "share", "higher", "own", "At the gate in time",
            definition="share of workers who are at the site when their shift starts; the unserved are late, who "
            "stayed away is left out. `@cars` counts the commuters who drive, every other scope the riders"),
        kpi("requests", "requests", "neither", "MATSim", "Requests",
            definition="requests submitted; a group makes one"),
        kpi("requests_served", "requests", "higher", "MATSim", "Served",
            definition="requests whose rider is at the destination"),
        kpi("requests_rejected", "requests", "neither", "MATSim", "Rejected",
            definition="requests that the service refused"),
        kpi("requests_cancelled", "requests", "neither", "FleetPy", "Cancelled",
            definition="requests that ended by the rider: withdrawn, the offer declined, not come, given up"),
        kpi("requests_no_show", "requests", "neither", "MATSim", "Did not come",
            definition="requests whose rider was not there; of the cancelled, absent where there are none"),
        kpi("requests_gave_up", "requests", "lower", "MATSim", "Gave up",
            definition="requests whose rider waited longer than the rider's patience; of the cancelled, absent where "
            "there are none"),
        kpi("requests_unfinished", "requests", "neither", "own", "Unfinished",
            definition="requests that are neither served nor rejected nor cancelled when the run ends; a "
                       "rider still on board or walking counts here"),
        kpi("requests_walked", "requests", "neither", "own", "Walked all the way",
            definition="served requests whose rider never boarded a vehicle (part of requests_served)"),
        kpi("riders_served", "riders", "higher", "FleetPy", "Riders served",
            definition="people at the destination: requests_served, each of a group counted"),
        kpi("rejection_rate", "share", "neither", "MATSim", "Rejection rate",
            definition="requests_rejected / (requests − those who stayed away)"),
        kpi("within_limits_rate", "share", "higher", "own", "Served within limits",
            definition="share of all requests, without those who stayed away, whose rider was served with wait_s and "
            "ride_s within the scenario's `requests`, those of the rider's class where it has its own: max_wait_s, "
            "max_ride_s and max_detour_alpha × direct drive + max_detour_beta_s; who has a limit to arrive by is "
            "there in time"),
        kpi("share_wait_below_600s", "share", "higher", "MATSim", "Waits below 10 min",
            definition="share of all requests, without those who stayed away, whose rider was served with wait_s < "
            "600"),
    ]  # fmt: skip


def _times() -> list[Kpi]:
    """Return the riders' times, all distributions over requests."""

    def kpi(code: str, better: Better, source: Source, title: str, *, definition: str, unit: str = "s") -> Kpi:
        return Kpi(code=code, section="Riders' time", unit=unit, better=better, source=source, title=title,
                   definition=definition, distribution=True, scoped_by="riders")  # fmt: skip

    return [
        kpi("wait_s", "lower", "own", "Wait",
            definition="all time from the start of the clock to the arrival that is neither walked nor ridden: at "
            "home for a departure, at stops, at transfers. The clock starts with the wish to travel; for a ride "
            "booked ahead with the promised begin of the pick-up window, less the walk to a meeting point, where "
            "that is later. A rider who is not served waits to the end of the drain, or until withdrawing; who "
            "stayed away does not wait"),
        kpi("wait_served_s", "lower", "MATSim", "Wait of the served",
            definition="wait_s over served requests only"),
        kpi("access_walk_s", "lower", "FleetPy", "Access walk",
            definition="walked before the last boarding, so with the walks of transfers; also the whole "
                       "walk of a rider who never boards; over served requests"),
        kpi("egress_walk_s", "lower", "FleetPy", "Egress walk",
            definition="last alighting to arrival; over served requests"),
        kpi("ride_s", "lower", "MATSim", "Ride",
            definition="boarding to alighting, all rides of the journey; over served requests that rode"),
        kpi("direct_ride_s", "neither", "MATSim", "Direct drive",
            definition="drive from origin to destination by free flow; over served requests that rode"),
        kpi("detour_abs_s", "lower", "FleetPy", "Detour",
            definition="ride_s − direct_ride_s; congestion and intermediate stops count in; over served "
                       "requests that rode"),
        kpi("detour_rel", "lower", "FleetPy", "Relative detour", unit="share",
            definition="detour_abs_s / direct_ride_s; over served requests that rode"),
        kpi("total_travel_s", "lower", "own", "Door to door",
            definition="start of the clock to arrival = access_walk_s + wait_s + ride_s + egress_walk_s; over "
                       "served requests"),
        kpi("wait_plus_ride_s", "lower", "own", "Wait and ride",
            definition="total_travel_s without the walks: the riders' side of what pooling trades for vehicle-km; over "
                       "served requests"),
    ]  # fmt: skip


def _promises() -> list[Kpi]:
    """Return what promises are worth."""

    def kpi(code: str, unit: str, better: Better, source: Source, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Promises", unit=unit, better=better, source=source, title=title,
                   definition=definition, distribution=unit == "s", scoped_by="riders")  # fmt: skip

    return [
        kpi("promise_kept_rate", "share", "higher", "own", "Promises kept",
            definition="share of promised requests that were picked up and dropped off no later than first "
            "promised, to within one time step; an unserved one is a broken promise, unless the rider never came, or "
            "withdrew before the promised window was over: those are no part of this section"),
        kpi("promise_window_s", "s", "lower", "own", "Promised window",
            definition="width of the promised pick-up window: a wide one is easily kept; over promised requests"),
        kpi("booking_shift_s", "s", "lower", "own", "Bookings moved",
            definition="how much later than the wish a rider who booked ahead has to leave: promised begin of the "
            "pick-up window, less the walk to a meeting point, after the wish. The wait does not count it, so that "
            "it is told here; without riders whose limit is the arrival"),
        kpi("response_s", "s", "lower", "own", "Response",
            definition="submission of the request to the first promise, where there is one"),
        kpi("pickup_delay_vs_promise_s", "s", "lower", "MATSim", "Late pick-up",
            definition="first boarding after the latest promised, 0 if in time; over promised requests "
                       "that were picked up"),
        kpi("dropoff_delay_vs_promise_s", "s", "lower", "own", "Late drop-off",
            definition="last alighting after the latest promised, 0 if in time; over promised requests "
                       "that were served"),
        kpi("offers_declined", "requests", "lower", "FleetPy", "Offers declined",
            definition="requests whose rider declined the offer, of those that got one; they are cancelled"),
    ]  # fmt: skip


def _fleet() -> list[Kpi]:
    """Return what vehicles do."""

    def kpi(code: str, unit: str, better: Better, source: Source, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Fleet", unit=unit, better=better, source=source, title=title,
                   definition=definition, distribution=code == "dwell_s")  # fmt: skip

    return [
        kpi("fleet_size", "vehicles", "neither", "MATSim", "Vehicles",
            definition="vehicles that were on duty"),
        kpi("vehicle_hours", "h", "lower", "MATSim", "Vehicle-hours",
            definition="sum of the vehicles' duty time"),
        kpi("vkm_total", "km", "lower", "MATSim", "Vehicle-km",
            definition="driven by the fleet, by odometer"),
        kpi("vkm_empty", "km", "lower", "MATSim", "Empty vehicle-km",
            definition="driven with nobody on board"),
        kpi("vkm_reposition", "km", "lower", "FleetPy", "Repositioning vehicle-km",
            definition="driven with nobody on board to a place where nobody has asked for the vehicle: to wait for "
            "requests, for a break, or at the end of its duty"),
        kpi("vkm_by_load", "km", "neither", "MATSim", "Vehicle-km by load",
            definition="driven with exactly so many riders on board as the stat says, from 0 to the seats; "
            "each of a group counts"),
        kpi("empty_ratio", "share", "lower", "MATSim", "Empty ratio", definition="vkm_empty / vkm_total"),
        kpi("pax_km", "km", "neither", "MATSim", "Passenger-km",
            definition="travelled on board by everybody who boarded, each of a group; equals the sum of load × "
                       "distance over the vehicles"),
        kpi("direct_pax_km", "km", "higher", "FleetPy", "Direct passenger-km",
            definition="direct distance of the served requests that rode, × size of the group"),
        kpi("pax_km_per_vkm", "pax", "higher", "MATSim", "Passenger-km per vehicle-km",
            definition="pax_km / vkm_total (d_p/d_t; FleetPy's occupancy)"),
        kpi("l_det", "ratio", "lower", "MATSim", "Vehicle-km per direct passenger-km",
            definition="vkm_total / direct_pax_km"),
        kpi("occupancy_distance_weighted", "pax", "higher", "own", "Load when loaded",
            definition="pax_km / (vkm_total − vkm_empty): how many are on board while anybody is"),
        kpi("shared_ride_rate", "share", "neither", "FleetPy", "Shared rides",
            definition="share of served requests that rode with another request over some distance; a group alone does "
            "not share"),
        kpi("fleet_utilisation", "share", "neither", "own", "Utilisation",
            definition="share of the duty time with anybody on board (FleetPy adds empty running, which "
                       "events do not show)"),
        kpi("rides_per_vehicle_revenue_hour", "1/h", "higher", "NTD", "Rides per revenue hour",
            definition="served requests that rode / vehicles' hours from first boarding to last alighting"),
        kpi("dwell_s", "s", "lower", "SUMO", "Dwell",
            definition="standing time of each stop where riders boarded or alighted, with what a bus waits for its "
            "timetable; where the last rider leaves an idle vehicle, to that moment"),
        kpi("plans_replanned", "plans", "neither", "own", "Plans re-timed",
            definition="plans that were checked against new travel times, summed over the updates"),
        kpi("infeasible_after_update", "riders", "lower", "own", "Limits broken by updates",
            definition="riders' limits that plans break on new travel times, summed over the updates"),
        kpi("repaired_after_update", "riders", "neither", "own", "Broken limits repaired",
            definition="riders' limits that plans broke at one update of the travel times and keep again at the next, "
            "neither boarded nor alighted in between; summed over the updates"),
    ]  # fmt: skip


def _supervision() -> list[Kpi]:
    """Return what remote operators and the vehicles that need them do; absent without supervision."""

    def kpi(
        code: str, unit: str, better: Better, source: Source, title: str, *, definition: str, distribution: bool = False
    ) -> Kpi:
        return Kpi(code=code, section="Remote supervision", unit=unit, better=better, source=source, title=title,
                   definition=definition, distribution=distribution)  # fmt: skip

    return [
        kpi("incidents", "incidents", "neither", "MATSim", "Incidents",
            definition="halts of driverless vehicles that called for an operator"),
        kpi("breakdowns", "vehicles", "lower", "own", "Breakdowns",
            definition="vehicles that no operator could help on: their riders changed to others, they were towed away"),
        kpi("vkm_per_incident", "km", "higher", "own", "Vehicle-km per incident", definition="vkm_total / incidents"),
        kpi("incident_queue_s", "s", "lower", "MATSim", "Wait for an operator", distribution=True,
            definition="call of a vehicle to an operator's taking over; one that still waits when the run ends has "
                       "waited until then"),
        kpi("incident_handling_s", "s", "lower", "MATSim", "Handling", distribution=True,
            definition="an operator's taking over to the vehicle's driving on or giving up; over handled incidents"),
        kpi("operator_hours", "h", "lower", "MATSim", "Operator-hours",
            definition="operators × time from the first vehicle's start to the end of the run"),
        kpi("operator_utilisation", "share", "neither", "MATSim", "Operator utilisation",
            definition="hours of handling, that under way included / operator_hours"),
        kpi("vehicles_waiting_for_operator", "vehicles", "lower", "own", "Vehicles waiting for an operator",
            distribution=True,
            definition="how many wait, over time: stats are weighted by time, without interpolation"),
        kpi("halted_share", "share", "lower", "own", "Vehicle-hours lost",
            definition="share of vehicle_hours in which a vehicle waited for an operator or was being helped"),
    ]  # fmt: skip


def _cost() -> list[Kpi]:
    """Return cost and energy; each absent without its rates, or when the fleet has no battery model."""

    def kpi(code: str, unit: str, source: Source, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Cost and energy", unit=unit, better="lower", source=source,
                   title=title, definition=definition)  # fmt: skip

    return [
        kpi("cost_per_served_rider_krw", "KRW", "own", "Cost per served rider",
            definition="(vehicle_hours, vkm_total, electricity from the grid and, with supervision, "
                       "operator_hours at the scenario's rates) / riders_served"),
        kpi("cost_per_vehicle_hour_krw", "KRW/h", "own", "Cost per vehicle-hour",
            definition="the same cost / vehicle_hours"),
        kpi("energy_kwh", "kWh", "SUMO", "Energy",
            definition="consumed − regenerated, at the battery; SUMO draws no auxiliary load from a vehicle that "
            "stands off the road"),
        kpi("energy_kwh_per_100km", "kWh/100 km", "SUMO", "Energy per 100 km",
            definition="100 × energy_kwh / vkm_total"),
        kpi("co2e_kg", "kg", "ISO 14083", "CO2e",
            definition="energy_kwh / charging efficiency × grid factor: electricity as drawn from the grid"),
        kpi("co2e_g_per_pax_km", "g/km", "ISO 14083", "CO2e per passenger-km",
            definition="co2e_kg / direct_pax_km; the standard takes the direct distance, so that no detour"
                       " looks like output"),
    ]  # fmt: skip


def _batteries() -> list[Kpi]:
    """Return what charging is like; absent when the fleet has no batteries."""

    def kpi(code: str, unit: str, better: Better, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Batteries", unit=unit, better=better, source="own", title=title,
                   definition=definition)  # fmt: skip

    return [
        kpi("charges", "charges", "neither", "Charges",
            definition="stays of vehicles at a charger, from the first to the last second of charging"),
        kpi("charged_kwh", "kWh", "neither", "Charged",
            definition="what has come into batteries at chargers"),
        kpi("charging_share", "share", "lower", "Time at chargers",
            definition="share of the duty time of vehicles with a battery that they charged"),
        kpi("charge_share_min", "share", "higher", "Lowest state of charge",
            definition="least share of its capacity that a battery held when it came to a charger or when its "
                       "vehicle's duty ended"),
    ]  # fmt: skip


def _others() -> list[Kpi]:
    """Return the effect on everybody else, and the machine's share."""

    def kpi(code: str, unit: str, better: Better, title: str, *, definition: str) -> Kpi:
        return Kpi(code=code, section="Other traffic", unit=unit, better=better, source="SUMO", title=title,
                   definition=definition, distribution=code == "time_loss_others_s")  # fmt: skip

    return [
        kpi("time_loss_others_s", "s", "lower", "Time loss of others",
            definition="lost against free flow by each vehicle outside the fleet, with its wait to enter "
                       "the network; those still under way count with what they have lost so far"),
        kpi("time_loss_others_added_s", "s", "lower", "Time loss added",
            definition="mean difference of the same vehicles' time loss against the run without the "
                       "service; only in a comparison that has such a run"),
        kpi("others_arrived", "vehicles", "neither", "Others arrived",
            definition="vehicles outside the fleet that arrived"),
        kpi("teleports", "vehicles", "lower", "Teleports",
            definition="vehicles that SUMO moved because they stood too long"),
        kpi("collisions", "collisions", "lower", "Collisions", definition="collisions that SUMO registered"),
        Kpi(code="dispatch_ms", section="Machine", unit="ms", better="lower", source="own", title="Dispatch",
            definition="wall time of each call of the controller", distribution=True),
    ]  # fmt: skip


CATALOGUE: dict[str, Kpi] = {
    entry.code: entry
    for part in (_riders, _times, _promises, _fleet, _supervision, _cost, _batteries, freight_entries, _others)
    for entry in part()
}
ALIASES: dict[str, str] = {entry.alias: entry.code for entry in CATALOGUE.values() if entry.alias}

_HEAD = """# KPIs

Every KPI is a pure function of what a run left in its directory: its events and, for other traffic,
`vehicles.parquet`, for conflicts `conflicts.parquet`. It can be measured again from an old run without SUMO
(`sim.kpi.measure.measure_run`), or while a run goes on.

One record has `code, stat, scope, value, unit, n`. Its flat key is `code.stat@scope`; the stats `mean` and
`value` and the scope `all` are left out: `wait_s`, `wait_s.p95`, `wait_s.p95@villages`,
`service_rate@housing`, `vkm_by_load.0`.

- **Stats.** A distribution (**d**) has {stats}, with linear interpolation;
  any other KPI has the one stat `value`. `vkm_by_load` has a stat for each load.
- **Scopes.** Riders' KPIs (**s**) are also given for riders from the `station_corridor`, `housing` and
  `villages`, for trips `inside_complex`, for rides `booked` ahead and for those with a `wheelchair`; `cars` holds
  the commuters who drive. Freight's are given **by** order (its family, and its kind: `part` or `consignment`), family,
  site, vehicle class, hub, rule or pair: `dock_utilisation@ggm`, `otif@bumper`, `violations@over_speed`.
- **Aliases.** A short code in brackets may stand for the code: `L1` for `otif`, `D2.p95@ggm`.
- **Absent, never NaN or 0.** Nothing to count (`n` = 0), no battery model, no rates, no promise,
  no supervision: no record.
- **n** is what the value rests on: the requests, rides, vehicles or stops counted; 1 where it is the run.
- **The clock starts with the wish to travel** (`RequestSubmitted.earliest_s`) for every service, so that a
  timetable's wait at home counts like a shuttle's. Who booked ahead and was promised a later pick-up knows it and
  stays at home: then the clock starts when it is time to leave, and `booking_shift_s` tells how far the wish was
  moved, so that no service wins by moving people.
- **Requests and riders.** A group makes one request, which counts once in rates, times and outcomes; loads,
  passenger-km, `riders_served` and the cost of a rider count everybody.
- **Who stayed away counts for nobody.** Riders who cancel by the time of their wish to travel, or never come, do so
  with every service: they are requests, and cancelled, but no part of rates and waits. Who cancels later, gives up
  or declines an offer was there, and was not served.
- **One outcome for each request**: requests = served + rejected + cancelled + unfinished. A run whose events
  do not balance is an error.
- **Nobody wins by dropping the hard ones**: who is not served waits to the end of the drain in `wait_s`; a rider
  who withdraws does so at a time that no service can change, and waits until then. Rides, walks,
  `total_travel_s` and `wait_plus_ride_s` are those of the served, so read them beside `service_rate`.
- **While a run goes on** `requests` are all submitted so far, rates and waits rest on the settled ones, and
  `requests_unfinished` is absent.
- Not measured: `kerb_blocked_s`, as no event says that traffic keeps a vehicle at the kerb.
"""


def markdown() -> str:
    """Return the catalogue as the page `docs/kpis.md`."""
    lines = [_HEAD.format(stats=", ".join(f"`{stat}`" for stat in DISTRIBUTION_STATS))]
    section = ""
    for kpi in CATALOGUE.values():
        if kpi.section != section:
            section = kpi.section
            lines += ["", f"## {section}", "", "| code | title | unit | better | | source | definition |"]
            lines += ["|---|---|---|---|---|---|---|"]
        cells = [f"`{kpi.code}`", kpi.title, kpi.unit, kpi.better, _marks(kpi), kpi.source, kpi.definition]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _marks(kpi: Kpi) -> str:
    scope = {None: "", "riders": "s"}.get(kpi.scoped_by, f"by {kpi.scoped_by}")
    marks = ("d" if kpi.distribution else "", scope, f"({kpi.alias})" if kpi.alias else "")
    return " ".join(mark for mark in marks if mark)


if __name__ == "__main__":
    sys.stdout.write(markdown())

"""The catalogue's part on freight: orders, sites, vehicles, energy, safety, permits, finished cars.

Formulas are those of logistics practice and of ISO 14083; where one differs here, its definition says so.
"""

from __future__ import annotations

from sim.kpi.entry import Better, Kpi, ScopedBy, Source


def freight_entries() -> list[Kpi]:
    """Return the KPIs of freight; each absent in runs without what it counts."""
    return [*_orders(), *_sites(), *_vehicles(), *_energy(), *_hubs(), *_platoons(), *_safety(), *_permits(),
            *_finished_cars()]  # fmt: skip


def _orders() -> list[Kpi]:
    """Return what shippers get."""

    def kpi(
        code: str, unit: str, better: Better, title: str, *, definition: str, alias: str = "",
        scoped_by: ScopedBy = "order", source: Source = "own",
    ) -> Kpi:  # fmt: skip
        return Kpi(code=code, section="Orders", unit=unit, better=better, source=source, title=title,
                   definition=definition, distribution=unit == "s", scoped_by=scoped_by, alias=alias)  # fmt: skip

    return [
        kpi("otif", "share", "higher", "On time, in full", alias="L1", source="SCOR",
            definition="share of the orders due, those whose window ends by the end of the drain, that were on time "
            "and in full; failed and open ones are misses"),
        kpi("orders_on_time_rate", "share", "higher", "On time", alias="L2", source="SCOR",
            definition="share of the orders due that were unloaded by the end of their window, in the bay no earlier "
            "than its begin less the scenario's on_time_tolerance_s"),
        kpi("orders_in_full_rate", "share", "higher", "In full", alias="L3", source="SCOR",
            definition="share of the orders due of which all pallets were delivered, at whatever time"),
        kpi("orders_released", "orders", "neither", "Orders",
            definition="orders released; released = delivered + failed + open"),
        kpi("orders_delivered", "orders", "neither", "Delivered", definition="orders unloaded at their destination"),
        kpi("orders_late", "orders", "lower", "Delivered late",
            definition="orders unloaded after the end of their window; part of orders_delivered"),
        kpi("orders_failed", "orders", "lower", "Failed", definition="orders given up"),
        kpi("orders_open", "orders", "neither", "Open",
            definition="orders neither delivered nor failed when the run ended"),
        kpi("tardiness_s", "s", "lower", "Tardiness", alias="L4",
            definition="max(0, end of unloading − end of the window); over delivered orders"),
        kpi("order_lead_time_s", "s", "lower", "Order lead time", alias="L5",
            definition="release to end of unloading; over delivered orders"),
        kpi("stock_out_min", "min", "lower", "Line without parts", alias="L6", scoped_by="family",
            definition="working time of the line, within the run's time span, with the stock of a part family below "
            "zero: stock at the begin + pieces delivered − pieces per car × cars at the line's rate. The line is "
            "taken to go on. The sum over the families"),
        kpi("stock_outs", "stock-outs", "lower", "Stock-outs", alias="L6n", scoped_by="family",
            definition="times that the stock of a part family fell below zero"),
    ]  # fmt: skip


def _sites() -> list[Kpi]:
    """Return what happens between gate and gate; trucks of fleets and lorries from outside alike."""

    def kpi(
        code: str, unit: str, better: Better, title: str, alias: str, *, definition: str, distribution: bool = True
    ) -> Kpi:
        return Kpi(code=code, section="Freight sites", unit=unit, better=better, source="own", title=title,
                   definition=definition, distribution=distribution, scoped_by="site", alias=alias)  # fmt: skip

    return [
        kpi("truck_turn_time_s", "s", "lower", "Truck turn time", "D1",
            definition="gate in to gate out; gate in is the arrival in the staging lot, a bay or the end of the queue"),
        kpi("dock_queue_s", "s", "lower", "From gate to bay", "D2",
            definition="gate in to dock in: gate_check_s + bay_wait_s. Who still waits when the run ends, or now, has "
            "waited until then; who left without a bay is not counted"),
        kpi("gate_check_s", "s", "neither", "Check at the gate", "D2g",
            definition="the part of dock_queue_s that the site's gate_s takes: min(gate_s, dock_queue_s)"),
        kpi("bay_wait_s", "s", "lower", "Wait for a bay", "D2b",
            definition="dock_queue_s − gate_check_s: from the end of the check at the gate to dock in, with the way "
            "from the staging lot; open waits as there"),
        kpi("dock_occupancy_s", "s", "lower", "Dock occupancy", "D3",
            definition="dock in until the vehicle has left the bay"),
        kpi("dock_utilisation", "share", "neither", "Dock utilisation", "D4", distribution=False,
            definition="time that bays were occupied, stays under way included / (bays × hours of the site within the "
            "run); outages are not taken off. Absent for a site whose bays are not known"),
        kpi("detention_s", "s", "lower", "Detention", "D5",
            definition="max(0, truck_turn_time_s − the site's free_time_s)"),
        kpi("appointment_adherence", "share", "higher", "Appointments kept", "D6", distribution=False,
            definition="share of the stays with an appointment that were in the bay within the site's tolerance of "
            "its begin, earlier or later"),
        kpi("spill_back_veh_s", "veh·s", "lower", "Spill-back", "D7", distribution=False,
            definition="time that vehicles stood on the road because a site had neither a bay nor a place to wait, "
            "however far back from its gate, from the first halt in the queue until they were called"),
    ]  # fmt: skip


def _vehicles() -> list[Kpi]:
    """Return what freight fleets do; lorries from outside are not among them."""

    def kpi(
        code: str, unit: str, better: Better, title: str, *, definition: str, alias: str = "", source: Source = "own"
    ) -> Kpi:
        return Kpi(code=code, section="Freight vehicles", unit=unit, better=better, source=source, title=title,
                   definition=definition, scoped_by="class", alias=alias)  # fmt: skip

    return [
        kpi("freight_vehicles", "vehicles", "neither", "Freight vehicles", definition="vehicles of freight fleets"),
        kpi("freight_km", "km", "lower", "Distance", definition="driven by freight fleets, by odometer"),
        kpi("freight_empty_ratio", "share", "lower", "Empty distance", alias="F1",
            definition="km with nothing on board / freight_km"),
        kpi("load_factor", "share", "higher", "Load factor", alias="F2",
            definition="Σ mass on board × km / Σ payload × km"),
        kpi("load_factor_pallets", "share", "higher", "Load factor by pallets", alias="F2p",
            definition="Σ pallets on board × km / Σ room for pallets × km"),
        kpi("transport_tkm", "tkm", "higher", "Transport activity", alias="F3", source="ISO 14083",
            definition="Σ mass × shortest feasible distance over delivered orders, not the km driven: the shortest "
            "way of the vehicle's class from dock to dock, whatever its permits; of robots that on foot"),
        kpi("distance_adjustment_factor", "ratio", "lower", "Distance adjustment factor", alias="DAF",
            source="ISO 14083",
            definition="Σ km that delivered orders were on board / Σ their shortest feasible distance, as in "
            "transport_tkm; 1 is the shortest way. Calls on the way and roads that permits close make it longer"),
        kpi("freight_utilisation", "share", "neither", "Time in mission", alias="F4",
            definition="time from leaving a depot for a first call to the return / duty time"),
        kpi("modal_share", "share", "neither", "Share of transport", alias="F5", source="ISO 14083",
            definition="share of transport_tkm by vehicle class; given for classes alone"),
    ]  # fmt: skip


def _energy() -> list[Kpi]:
    """Return what freight fleets use, and what that emits."""

    def kpi(code: str, unit: str, title: str, *, definition: str, alias: str = "", source: Source = "ISO 14083") -> Kpi:
        return Kpi(code=code, section="Freight energy", unit=unit, source=source, title=title,
                   better="neither" if code == "freight_charge_change_kwh" else "lower", definition=definition,
                   scoped_by="class", alias=alias)  # fmt: skip

    return [
        kpi("freight_energy_kwh", "kWh", "Net energy", source="SUMO",
            definition="consumed + auxiliaries while standing off the road − regenerated, at the battery; absent "
            "while vehicles are on duty, as all of this section"),
        kpi("freight_energy_kwh_per_100km", "kWh/100 km", "Net energy per 100 km", alias="E1", source="SUMO",
            definition="100 × freight_energy_kwh / km of the same vehicles"),
        kpi("energy_kwh_per_tkm", "kWh/tkm", "Energy intensity", alias="E2",
            definition="freight_energy_kwh / transport_tkm of the same vehicles, empty km included"),
        kpi("freight_charge_change_kwh", "kWh", "Charge gained", source="own",
            definition="what batteries held at the end of duty − at its begin: what was charged late or early"),
        kpi("freight_batteries_empty", "vehicles", "Batteries run empty", source="own",
            definition="vehicles that used more than their battery held. SUMO lets them drive on, and so does the run, "
            "but it fails the quality gate"),
        kpi("freight_shortfall_kwh", "kWh", "Used beyond the charge", source="own",
            definition="the part of freight_energy_kwh that batteries did not hold"),
        kpi("freight_fuel_kg", "kg", "Fuel", source="SUMO", definition="fuel burnt by freight fleets"),
        kpi("ghg_g_per_tkm_ttw", "g/tkm", "CO2e per tkm, tank to wheel", alias="E3t",
            definition="(electricity × its TTW factor + fuel × its TTW factor) / transport_tkm, with the factors of "
            "the scenario. Electricity is freight_energy_kwh / efficiency of the hubs, as metered, or as the "
            "scenario has it where nothing was charged. Empty km included, hubs (HOC) not"),
        kpi("ghg_g_per_tkm_wtw", "g/tkm", "CO2e per tkm, well to wheel", alias="E3",
            definition="the same with the well-to-wheel factors"),
    ]  # fmt: skip


def _hubs() -> list[Kpi]:
    """Return what the chargers take from the grid."""

    def kpi(
        code: str, unit: str, better: Better, title: str, *, definition: str, alias: str, source: Source = "own"
    ) -> Kpi:
        return Kpi(code=code, section="Charging hubs", unit=unit, better=better, source=source, title=title,
                   definition=definition, scoped_by="hub", alias=alias)  # fmt: skip

    return [
        kpi("charged_grid_kwh", "kWh", "neither", "Charged, at the grid", alias="E4",
            definition="what the hubs' chargers took from the grid; read it beside freight_charge_change_kwh, as a "
            "fleet that ends the day with empty batteries has charged less"),
        kpi("hub_peak_kw", "kW", "lower", "Peak over 15 min", alias="E5", source="KEPCO",
            definition="largest mean load from the grid over a quarter of an hour by the clock; metered energy counts "
            "evenly over its interval. `all` are the hubs together"),
        kpi("hub_peak_5min_kw", "kW", "lower", "Peak over 5 min", alias="E5f",
            definition="the same over five minutes by the clock"),
    ]  # fmt: skip


def _platoons() -> list[Kpi]:
    """Return how driverless trucks drive together; none without `freight.platooning`."""

    def kpi(code: str, unit: str, better: Better, title: str, *, definition: str, alias: str) -> Kpi:
        return Kpi(code=code, section="Platoons", unit=unit, better=better, source="own", title=title,
                   definition=definition, distribution=unit == "s", alias=alias)  # fmt: skip

    return [
        kpi("platoon_share", "share", "neither", "Driven in platoons", alias="P1",
            definition="km of driverless trucks that follow another, or are followed, / all their km on roads. Who "
            "comes near a truck counts from the moment it has closed up"),
        kpi("platoon_size", "vehicles", "neither", "Vehicles in a platoon", alias="P2",
            definition="time that vehicles were in platoons / time that there were platoons"),
        kpi("platoon_formation_s", "s", "lower", "Time to close up", alias="P2f",
            definition="from coming near the truck ahead until it was closed up; over those that did"),
        kpi("platoon_time_gap_s", "s", "neither", "Time gap in platoons", alias="P2g",
            definition="bumper to bumper / speed of a follower that has closed up, each second above least_speed_mps; "
            "in bins of 0.1 s, the last from 3.9 s on"),
        kpi("platoon_splits_per_100km", "1/100 km", "lower", "Splits", alias="P2s",
            definition="followers that fell back or turned off, neither of the two being at its goal, / 100 km driven "
            "in platoons"),
        kpi("platoon_cut_ins_per_100km", "1/100 km", "lower", "Cut-ins", alias="P2c",
            definition="followers that lost their leader to somebody who drove between them / 100 km driven in "
            "platoons"),
    ]  # fmt: skip


def _safety() -> list[Kpi]:
    """Return surrogate safety, from the run's table of conflicts."""

    def kpi(code: str, title: str, *, definition: str, alias: str, unit: str = "1/1000 km") -> Kpi:
        return Kpi(code=code, section="Conflicts", unit=unit, better="lower", source="SSM", title=title,
                   definition=definition, scoped_by="pair" if code == "conflicts" else None, alias=alias)  # fmt: skip

    return [
        kpi("ttc_conflicts_per_1000km", "Time to collision below 1.5 s", alias="S1",
            definition="encounters, one for each unordered pair and time, with a least time to collision below 1.5 s "
            "/ 1000 km of freight fleets, robots apart, and of finished cars stored"),
        kpi("ttc_below_3s_per_1000km", "Time to collision below 3 s", alias="S1b", definition="the same below 3 s"),
        kpi("pet_conflicts_per_1000km", "Post-encroachment below 1.5 s", alias="S2",
            definition="encounters on crossing or merging ways with a post-encroachment time below 1.5 s / 1000 km"),
        kpi("drac_conflicts_per_1000km", "Braking above 3.4 m/s²", alias="S3",
            definition="encounters that needed a deceleration (DRAC) above 3.4 m/s² / 1000 km"),
        kpi("conflicts", "Conflicts", alias="S4", unit="conflicts",
            definition="encounters below 1.5 s (TTC or PET) or above 3.4 m/s²; by pair: `av-av`, `av-human`, "
            "`human-human`; a pair that no vehicle with the device can be in was not measured and is absent. Measured "
            "are encounters of freight fleets, robots apart, and of finished cars, with whomever; those of lorries "
            "from outside with one another or with cars are not, nor lateral conflicts and those with people on foot"),
        kpi("both_in_conflict_area", "Both within a conflict area", alias="S5", unit="encounters",
            definition="encounters with both vehicles at the same time within the area where their ways cross or "
            "merge, as the SSM device reckons along lanes. It calls them collisions, 0 s away, even of vehicles that "
            "stand there apart: so they have no time to collision, and are in conflicts by braking or "
            "post-encroachment alone. SUMO's own collisions are counted in `collisions`"),
    ]  # fmt: skip


def _permits() -> list[Kpi]:
    """Return what the permit monitor saw, and what remote operators had to do."""

    def kpi(
        code: str, unit: str, better: Better, title: str, *, definition: str, alias: str, scoped_by: ScopedBy,
        distribution: bool = False,
    ) -> Kpi:  # fmt: skip
        return Kpi(code=code, section="Permits", unit=unit, better=better, source="own", title=title,
                   definition=definition, distribution=distribution, scoped_by=scoped_by, alias=alias)  # fmt: skip

    return [
        kpi("violations", "violations", "lower", "Violations", alias="X1", scoped_by="rule",
            definition="breaches of a permit's rules as the independent monitor saw them, each from begin to end"),
        kpi("violation_s", "s", "lower", "Time in violation", alias="X1s", scoped_by="rule",
            definition="how long the violations lasted, summed"),
        kpi("violation_severity", "s × excess", "lower", "Severity of violations", alias="X1v", scoped_by="rule",
            definition="Σ duration × largest excess, for each rule in its own unit: km/h for over_speed, vehicles for "
            "operators, kg for mass, seconds to the window for hours; geofence, crew and surface are broken or not and "
            "count 1, so that theirs are seconds. Not given for all rules together, whose units differ"),
        kpi("freight_interventions_per_operator_h", "1/h", "lower", "Interventions of an operator", alias="X2",
            scoped_by="class",
            definition="incidents of vehicles watched from afar / hours of their operators, who are on duty from the "
            "start of the first vehicle of their fleet on; given with freight.supervision"),
        kpi("freight_interventions_at_once", "vehicles", "lower", "Interventions at once", alias="X2m",
            scoped_by="class", definition="most incidents open at the same time, waiting for an operator or handled"),
        kpi("freight_operator_queue_s", "s", "lower", "Wait of freight for an operator", alias="X2q", scoped_by="class",
            distribution=True,
            definition="from a vehicle's call until an operator takes it over; one still open at the end has waited "
            "until then"),
        kpi("freight_operator_utilisation", "share", "neither", "Operators busy", alias="X2u", scoped_by="class",
            definition="time that operators handled incidents / their hours"),
        kpi("unmanned_exposure_h", "h", "neither", "Unmanned on the road", alias="X3", scoped_by="class",
            definition="vehicle-hours on roads with nobody on board: crew `remote` or `none`"),
        kpi("unmanned_exposure_km", "km", "neither", "Unmanned distance", alias="X3k", scoped_by="class",
            definition="vehicle-km on roads with nobody on board"),
    ]  # fmt: skip


def _finished_cars() -> list[Kpi]:
    """Return the way of new cars to the compound, and the gate that a run's quality has to pass."""

    def kpi(code: str, unit: str, better: Better, title: str, *, definition: str, alias: str = "",
            section: str = "Finished cars") -> Kpi:  # fmt: skip
        return Kpi(code=code, section=section, unit=unit, better=better, source="own", title=title,
                   definition=definition, distribution=code == "line_to_compound_s", alias=alias)  # fmt: skip

    return [
        kpi("finished_cars_stored", "vehicles", "higher", "Cars stored",
            definition="finished cars that came to the compound"),
        kpi("line_to_compound_s", "s", "lower", "Line to compound", alias="V1",
            definition="off the line to the place in the compound, with the wait at the line's end; over those stored"),
        kpi("compound_fill_max", "share", "neither", "Fullest compound",
            definition="most cars in the compound / its capacity, those there at the begin included"),
        kpi("run_quality", "gate", "higher", "Run quality", alias="Q1", section="Quality gate",
            definition="1 where nothing was teleported, nothing was lost, no battery ran empty and all balances "
            "close, else 0; given for ended runs with freight"),
    ]  # fmt: skip

"""Margins: how much worse a KPI may become before a change counts as harm.

A margin is a choice of whoever answers for the service, not a finding; each default gives its reason and is `assumed`.
An experiment may set its own: `margins: {wait_s.p95: {relative: 0.05, absolute: 6}}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from sim.fields import Model, Status


class Margin(Model):
    """The larger of a share of the reference's mean and an absolute floor in the KPI's own unit.

    The floor keeps a small reference from turning seconds into harm; rates and counts have no share.
    """

    relative: float = Field(0.0, ge=0, le=10, description="share of the reference's mean")
    absolute: float = Field(0.0, ge=0, description="floor in the KPI's unit; shares from 0 to 1")
    reason: str = "set by the experiment"
    status: Status = "assumed"

    def harm(self, reference_mean: float) -> float:
        """Return the margin in the KPI's unit."""
        return max(self.relative * abs(reference_mean), self.absolute)


def margin_of(key: str, margins: Mapping[str, Margin]) -> Margin | None:
    """Return the margin of a flat key, or else that of the key without its scope, or else that of its code.

    What is set for an experiment goes before the defaults, however narrow those are.
    """
    over_all = key.partition("@")[0]
    names = (key, over_all, over_all.partition(".")[0])
    return next((table[name] for table in (margins, DEFAULTS) for name in names if name in table), None)


def _default(relative: float, absolute: float, reason: str) -> Margin:
    return Margin(relative=relative, absolute=absolute, reason=reason)


_RATE = "one rider in a hundred"
_TAIL = "the tail rests on one rider in twenty, so its floor is twice that of the mean"
_COST = "a change below 2 % is lost in the accuracy of the cost rates"
_EVENT = "nothing of the kind may be added"
_ORDER = "one order in a hundred"
_YARD = "a twentieth; a minute between gate and gate"
_ENERGY = "the battery model is not calibrated to better than 2 %"
_CONFLICT = "a tenth, or 5 in 1000 km: conflicts are few, and their models plain"

DEFAULTS: dict[str, Margin] = {
    "service_rate": _default(0, 0.01, _RATE),
    "on_time_rate": _default(0, 0.01, _RATE),
    "requests_served": _default(0.01, 1, _RATE),
    "within_limits_rate": _default(0, 0.02, "two riders in a hundred: it judges two limits at once"),
    "wait_s": _default(0.05, 6, "a twentieth; riders do not notice 6 s"),
    "wait_s.p95": _default(0.05, 12, _TAIL),
    "share_wait_below_600s": _default(0, 0.02, "two riders in a hundred: waits crowd around a threshold"),
    "access_walk_s": _default(0.05, 6, "a twentieth; 6 s are 8 m of walk"),
    "ride_s": _default(0.05, 6, "a twentieth; riders do not notice 6 s"),
    "ride_s.p95": _default(0.05, 12, _TAIL),
    "egress_walk_s": _default(0.05, 6, "a twentieth; 6 s are 8 m of walk"),
    "total_travel_s": _default(0.05, 15, "a twentieth; a quarter of a minute from door to door"),
    "total_travel_s.p95": _default(0.05, 30, _TAIL),
    "wait_plus_ride_s": _default(0.05, 15, "a twentieth; a quarter of a minute from the wish to the last alighting"),
    "detour_rel": _default(0, 0.02, "2 % of the direct drive"),
    "requests_gave_up": _default(0, 2, "a rider or two who leave"),
    "promise_kept_rate": _default(0, 0.01, "one promise in a hundred"),
    "promise_window_s": _default(0.05, 15, "a twentieth; a quarter of a minute"),
    "booking_shift_s": _default(0.05, 15, "a twentieth; a quarter of a minute"),
    "pickup_delay_vs_promise_s.p95": _default(0.05, 15, "a twentieth; a quarter of a minute"),
    "dropoff_delay_vs_promise_s.p95": _default(0.05, 15, "a twentieth; a quarter of a minute"),
    "offers_declined": _default(0, 2, "a rider or two who leave"),
    "vehicle_hours": _default(0.02, 0, _COST),
    "vkm_total": _default(0.02, 0, _COST),
    "empty_ratio": _default(0, 0.02, "2 percentage points of the distance driven"),
    "pax_km_per_vkm": _default(0.02, 0, _COST),
    "rides_per_vehicle_revenue_hour": _default(0.02, 0, _COST),
    "incident_queue_s": _default(0.1, 6, "a tenth; riders on board do not notice 6 s"),
    "vehicles_waiting_for_operator": _default(0.1, 0.05, "a tenth, or one vehicle for 3 minutes of an hour"),
    "halted_share": _default(0, 0.005, "half a percentage point of the vehicles' time"),
    "cost_per_served_rider_krw": _default(0.02, 0, _COST),
    "energy_kwh_per_100km": _default(0.02, 0, "the battery model is not calibrated to better than 2 %"),
    "co2e_g_per_pax_km": _default(0.02, 0, "the battery model is not calibrated to better than 2 %"),
    "otif": _default(0, 0.01, _ORDER),
    "orders_on_time_rate": _default(0, 0.01, _ORDER),
    "orders_in_full_rate": _default(0, 0.01, _ORDER),
    "orders_late": _default(0.01, 1, "an order or two"),
    "orders_failed": _default(0, 1, "an order or two"),
    "tardiness_s": _default(0.05, 30, "a twentieth; half a minute"),
    "order_lead_time_s": _default(0.05, 60, "a twentieth; a minute of an hour"),
    "order_lead_time_s.p95": _default(0.05, 120, "the tail rests on one order in twenty"),
    "stock_out_min": _default(0, 1, "a minute in which the line would have stood"),
    "stock_outs": _default(0, 0, _EVENT),
    "truck_turn_time_s": _default(0.05, 60, _YARD),
    "truck_turn_time_s.p95": _default(0.05, 120, _YARD),
    "dock_queue_s": _default(0.05, 60, _YARD),
    "bay_wait_s": _default(0.05, 60, _YARD),
    "detention_s": _default(0.05, 60, _YARD),
    "appointment_adherence": _default(0, 0.02, "two stays in a hundred"),
    "spill_back_veh_s": _default(0.1, 60, "a tenth, or a vehicle for a minute"),
    "freight_km": _default(0.02, 0, _COST),
    "freight_empty_ratio": _default(0, 0.02, "2 percentage points of the distance driven"),
    "load_factor": _default(0, 0.02, "2 percentage points of the payload"),
    "load_factor_pallets": _default(0, 0.02, "2 percentage points of the room for pallets"),
    "transport_tkm": _default(0.01, 0, _ORDER),
    "distance_adjustment_factor": _default(0.02, 0, "2 % of the shortest distance"),
    "freight_energy_kwh": _default(0.02, 0, _ENERGY),
    "freight_energy_kwh_per_100km": _default(0.02, 0, _ENERGY),
    "energy_kwh_per_tkm": _default(0.02, 0, _ENERGY),
    "freight_fuel_kg": _default(0.02, 0, "the emission model is not calibrated to better than 2 %"),
    "ghg_g_per_tkm_ttw": _default(0.02, 0, _ENERGY),
    "ghg_g_per_tkm_wtw": _default(0.02, 0, _ENERGY),
    "hub_peak_kw": _default(0.05, 5, "a twentieth; demand is billed in steps of a few kW"),
    "ttc_conflicts_per_1000km": _default(0.1, 5, _CONFLICT),
    "pet_conflicts_per_1000km": _default(0.1, 5, _CONFLICT),
    "drac_conflicts_per_1000km": _default(0.1, 5, _CONFLICT),
    "conflicts": _default(0.1, 5, _CONFLICT),
    "both_in_conflict_area": _default(0.1, 5, _CONFLICT),
    "violations": _default(0, 0, _EVENT),
    "violation_s": _default(0, 0, _EVENT),
    "freight_interventions_per_operator_h": _default(0.1, 0.1, "a tenth, or one call in ten hours"),
    "freight_operator_queue_s": _default(0.1, 6, "a tenth; 6 s of a truck in its lane"),
    "finished_cars_stored": _default(0.01, 1, "one car in a hundred"),
    "line_to_compound_s": _default(0.05, 6, "a twentieth"),
    "run_quality": _default(0, 0, "a run that does not pass is no evidence"),
    "time_loss_others_s": _default(0.02, 1, "a fiftieth, or 1 s a vehicle: others did not ask for the service"),
    "time_loss_others_added_s": _default(0, 1, "1 s a vehicle: others did not ask for the service"),
    "teleports": _default(0, 0, _EVENT),
    "collisions": _default(0, 0, _EVENT),
}

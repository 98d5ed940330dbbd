"""`bitgreen permits` from end to end: a short freight run under two permits, and without its freight."""

from __future__ import annotations

import json

import pandas as pd

from tests.cli.conftest import Bitgreen

SITES = "{parts_cluster: {}, certification: {}}"
FLEET = """{vehicle_class: special_vehicle, count: 2, depot: trucks, capacity_pallets: 2, payload_kg: 500,
      kinds: [consignment],
      length_m: 4, width_m: 1.6, max_speed_mps: 4.17, crew: remote, operators: 2,
      battery: {capacity_kwh: 20, mass_kg: 1200, auxiliary_w: 800, front_area_m2: 3, drag_coefficient: 0.7,
        rolling_coefficient: 0.012, propulsion_efficiency: 0.85, recuperation_efficiency: 0.5}}"""
SHORT = f"""\
title: Two orders between neighbours
network: bitgreen
time: {{begin_s: "10:00", end_s: "10:20", drain_s: 2400}}
demand:
  background: {{flows: [{{origin: H11, destination: R44, vehicles_per_h: 120, truck_share: 0.2}}]}}
freight:
  sites: {SITES}
  depots: {{trucks: {{parking: depot.trucks}}}}
  fleets:
    special:
      {FLEET}
  orders:
    - {{id: one, kind: consignment, family: box, origin: parts_cluster, destination: certification, pallets: 1,
       mass_kg: 100, released_s: "10:00", earliest_s: "10:00", latest_s: "10:50", pieces: 0}}
    - {{id: two, kind: consignment, family: box, origin: certification, destination: parts_cluster, pallets: 1,
       mass_kg: 100, released_s: "10:05", earliest_s: "10:05", latest_s: "10:55", pieces: 0}}
controllers: {{freight: {{use: greedy, period_s: 10}}}}
permits: {{zone: {{extends: low-speed-zone-2021}}}}
"""


def test_the_same_days_under_two_permits(bitgreen: Bitgreen) -> None:
    call = ["permits", bitgreen.scenario("short", SHORT), "--seeds", "1-2", "--json", "--workers", "2"]
    call += ["--a", "low-speed-zone-2021", "--b", "low-speed-zone-15"]
    done = bitgreen(*call)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["runs"], told["finished"]) == (6, 6)
    (comparison,) = told["comparisons"]
    found = {row["key"]: row for row in comparison["differences"]}
    assert found["orders_delivered"]["reference"] == 2
    assert found["order_lead_time_s"]["difference"] < -120  # a kilometre at 7 and at 15 km/h: 8.6 and 4 minutes
    assert found["violations"] == found["violations"] | {"reference": 0, "difference": 0, "seeds": 2}
    assert "time_loss_others_added_s" in found

    folder = bitgreen.folder / "runs" / "experiments" / "permits-short"
    assert "low-speed-zone-15" in (folder / "report.html").read_text(encoding="utf-8")
    results = pd.read_parquet(folder / "results.parquet")
    speeds = {"permit=low-speed-zone-2021": 7.0, "permit=low-speed-zone-15": 15.0}
    for variant, one in results.pivot_table(index="variant", columns="key", values="value").iterrows():
        assert one["unmanned_exposure_km"] / one["unmanned_exposure_h"] < speeds[str(variant)]
    again = json.loads(bitgreen(*call).stdout)
    assert again["comparisons"] == told["comparisons"]


def test_without_freight_there_is_nothing_to_permit(bitgreen: Bitgreen) -> None:
    said = bitgreen.refusal("permits", "smoke", "--a", "trucks-at-night", "--b", "trucks-all-day")
    assert "smoke moves no goods; allowed is a scenario with freight" in said

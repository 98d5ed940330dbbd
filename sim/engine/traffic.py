"""Everybody outside the service as SUMO reads them: commuters' cars, walkers, background traffic; car park search."""

from __future__ import annotations

from collections.abc import Iterator

from sim.demand.population import BackgroundTrip, Car, Escort, Population, Walker
from sim.network.catalog import CarPark, Network

Line = tuple[float, str, str]
FOREVER_S = 1_000_000


def traffic(population: Population, network: Network) -> Iterator[str]:
    """Yield routes, vehicles and walkers in the order of departure that SUMO wants."""
    ways = {edges: f"way.{number}" for number, edges in enumerate(sorted({t.edges for t in population.background}))}
    for edges, name in ways.items():
        if edges:
            yield f'<route id="{name}" edges="{" ".join(edges)}"/>'
    lines: list[Line] = [_background(trip, ways[trip.edges]) for trip in population.background]
    for car in population.cars:
        lines += _car(car, network)
    lines += [_walker(walker) for walker in population.walkers]
    yield from (text for _, _, text in sorted(lines))


def search(network: Network) -> Iterator[str]:
    """Yield the rerouter that sends a car from a full car park on to one with a free place, as its driver sees it."""
    parks = sorted(network.car_parks.items())
    if len(parks) < 2:
        return
    edges = sorted({park.edge for _, park in parks})
    yield f'<rerouter id="parking.search" edges="{" ".join(edges)}">'
    yield f'  <interval begin="0" end="{FOREVER_S}">'
    for name, _ in parks:
        yield f'    <parkingAreaReroute id="{name}" visible="false"/>'
    yield "  </interval>"
    yield "</rerouter>"


def _background(trip: BackgroundTrip, way: str) -> Line:
    start = f'id="{trip.vehicle_id}" type="{trip.vehicle_class}" depart="{trip.depart_s:.2f}"'
    if trip.edges:
        text = f'<vehicle {start} route="{way}" departLane="best" departSpeed="max"/>'
        return trip.depart_s, trip.vehicle_id, text
    return trip.depart_s, trip.vehicle_id, f"<trip {start} {_from(trip)} {_to(trip)}/>"


def _from(trip: BackgroundTrip) -> str:
    # a home or a gate lies beside the road: nobody starts at full speed in the middle of an edge
    where = (
        'departLane="best" departSpeed="max"' if trip.origin_pos_m is None else f'departPos="{trip.origin_pos_m:.1f}"'
    )
    return f'from="{trip.origin_edge}" {where}'


def _to(trip: BackgroundTrip) -> str:
    end_m = trip.destination_pos_m
    return f'to="{trip.destination_edge}"' + ("" if end_m is None else f' arrivalPos="{end_m:.1f}"')


def _car(car: Car, network: Network) -> Iterator[Line]:
    """Yield a car: one vehicle there and back where it can be parked, else one each way."""
    park = network.car_parks[car.park] if car.park is not None else None
    home = f'to="{car.origin_edge}" arrivalPos="{car.origin_pos_m:.1f}"'
    gate = f'to="{car.destination_edge}" arrivalPos="{car.destination_pos_m:.1f}"'
    escort = _halt(car.escort) if car.escort is not None else ()
    if car.inbound:
        start = f'from="{car.origin_edge}" departPos="{car.origin_pos_m:.1f}"'
        if park is None:
            yield _trip(car.vehicle_id, car.depart_s, f"{start} {gate}", *escort)
        else:
            until_s = car.leave_s if car.leave_s is not None else FOREVER_S
            stay = f'  <stop parkingArea="{car.park}" until="{until_s:.0f}"/>'
            after = (home, *escort) if car.leave_s is not None else (f'to="{park.edge}"',)
            yield _trip(car.vehicle_id, car.depart_s, f"{start} {after[0]}", *escort, stay, *after[1:])
    if car.leave_s is not None and not (car.inbound and park is not None):
        yield _homeward(car, car.leave_s, park, home, escort)


def _homeward(car: Car, leave_s: float, park: CarPark | None, home: str, escort: tuple[str, ...]) -> Line:
    if park is None:
        start = f'from="{car.destination_edge}" departPos="{car.destination_pos_m:.1f}"'
        return _trip(car.return_id, leave_s, f"{start} {home}", *escort)
    out = f'  <stop parkingArea="{car.park}" duration="1"/>'
    return _trip(car.return_id, leave_s, f'from="{park.edge}" departPos="stop" {home}', out, *escort)


def _trip(vehicle_id: str, depart_s: float, ends: str, *stops: str) -> Line:
    head = f'<trip id="{vehicle_id}" type="car" depart="{depart_s:.2f}" {ends}'
    return depart_s, vehicle_id, "\n".join([f"{head}>", *stops, "</trip>"]) if stops else f"{head}/>"


def _halt(escort: Escort) -> tuple[str, ...]:
    return (
        f'  <stop edge="{escort.edge}" endPos="{escort.pos_m:.1f}" duration="{escort.dwell_s:.0f}" parking="true"/>',
    )


def _walker(walker: Walker) -> Line:
    way = f'from="{walker.origin_edge}" to="{walker.destination_edge}" arrivalPos="{walker.destination_pos_m:.1f}"'
    text = (
        f'<person id="{walker.person_id}" type="rider" depart="{walker.depart_s:.2f}" '
        f'departPos="{walker.origin_pos_m:.1f}"><walk {way}/></person>'
    )
    return walker.depart_s, walker.person_id, text

"""The one port to SUMO: libsumo for headless runs, TraCI for `sumo` and sumo-gui.

Nothing else in the sandbox imports `libsumo` or `traci`. All calls are the same on every engine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from sim.errors import EngineError, SetupError
from sim.system import missing_libraries, sumo_binary, sumo_env, sumo_home

EngineName = Literal["libsumo", "traci", "gui"]
Point = tuple[str, float]
"""An edge and a position on it, metres."""

# Values of libsumo.constants; the module itself cannot be imported before the engine is chosen.
_TIME = 0x66
_DEPARTED, _ARRIVED = 0x74, 0x7A
_TELEPORT_STARTING = 0x76
_STOP_STARTING, _STOP_ENDING = 0x69, 0x6B
_DEPARTED_PERSONS, _ARRIVED_PERSONS = 0x25, 0x27
_COLLIDING = 0x81
_ACTIVE = 0x7D
_WATCHED = (
    _TIME, _DEPARTED, _ARRIVED, _TELEPORT_STARTING, _STOP_STARTING, _STOP_ENDING, _DEPARTED_PERSONS,
    _ARRIVED_PERSONS, _COLLIDING, _ACTIVE,
)  # fmt: skip

NEW_AND_RETRIEVED = 3  # asking for new ones only (1) forgets those once seen (SUMO issues 11429, 11501)
COMFORT_BRAKE_MPS2 = 3.0  # below the 4.5 m/s² of SUMO's cars, so that there is always room
HALT_ROOM_M = 20.0  # SUMO refuses an idle taxi a place to stand that close to the end of a lane
PARKING, CHARGING = 1, 32  # SUMO's flags for a stop beside the lane, and at a charging station
DRIVING_STAGE = 3
HELD_S = 1e6  # longer than any run


class StepFacts(NamedTuple):
    """What one step reported; `expected` counts vehicles and persons that are still to come or under way."""

    time_s: float
    departed: tuple[str, ...]
    arrived: tuple[str, ...]
    teleported: tuple[str, ...]
    stop_started: tuple[str, ...]
    stop_ended: tuple[str, ...]
    persons_departed: tuple[str, ...]
    persons_arrived: tuple[str, ...]
    colliding: tuple[str, ...]
    expected: int


def load_library() -> Any:
    """Load libsumo without starting it: a fifth of a second that processes forked later need not wait for."""
    os.environ["SUMO_HOME"] = str(sumo_home())
    import libsumo

    return libsumo


class SumoPort(AbstractContextManager["SumoPort"]):
    """A running SUMO.

    Parameters
    ----------
    engine
        `libsumo` (in this process), `traci` (headless process) or `gui` (sumo-gui).
    options
        SUMO options without the leading dashes; an empty value stands for a switch.
    log
        File that takes what SUMO prints.

    Raises
    ------
    SetupError
        SUMO or a system library is missing, or there is no display for the GUI.
    EngineError
        SUMO refuses the inputs; the message holds its own error lines.
    """

    def __init__(self, engine: EngineName, options: Mapping[str, str], *, log: Path) -> None:
        missing = missing_libraries()
        if missing:
            msg = f"SUMO needs system libraries that are missing: {', '.join(str(m) for m in missing)}"
            raise SetupError(msg)
        self.engine = engine
        self._log = log
        arguments = [
            part for key, value in options.items() for part in ((f"--{key}", value) if value else (f"--{key}",))
        ]
        self._lib: Any = self._start(engine, arguments)
        self._sim = self._lib.simulation
        self._kerb_lanes: dict[str, int] = {}
        self._resumed: list[str] = []
        self._sim.subscribe(list(_WATCHED))

    def _start(self, engine: EngineName, arguments: list[str]) -> Any:
        try:
            if engine == "libsumo":
                library = load_library()
                library.start(["sumo", *arguments])
                return library
            import traci

            if engine == "gui":
                _require_display()
            binary = str(sumo_binary("sumo-gui" if engine == "gui" else "sumo"))
            with _environment(sumo_env()), self._log.with_suffix(".console.log").open("w") as console:
                traci.start([binary, *arguments], label="run", stdout=console, numRetries=60)
            return traci.getConnection("run")
        except SetupError:
            raise
        except ImportError as error:
            msg = f"SUMO's Python packages cannot be loaded: {error}; run `make run` or `bitgreen doctor`"
            raise SetupError(msg) from error
        except Exception as error:
            msg = f"SUMO did not start: {error}\n{self.log_errors()}".rstrip()
            raise EngineError(msg) from error

    def log_errors(self) -> str:
        """Return the error lines of SUMO's log."""
        if not self._log.exists():
            return ""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if line.startswith("Error"))

    def step(self) -> StepFacts:
        """Advance one step and return what happened in it, stamped with the time at which the step began."""
        begin_s = self.time_s
        try:
            self._sim.step()
        except Exception as error:
            msg = f"SUMO failed in the step at {begin_s} s: {error}\n{self.log_errors()}".rstrip()
            raise EngineError(msg) from error
        facts = self._sim.getSubscriptionResults()
        resumed, self._resumed = self._resumed, []
        return StepFacts(
            time_s=begin_s,
            departed=facts[_DEPARTED],
            arrived=facts[_ARRIVED],
            teleported=facts[_TELEPORT_STARTING],
            stop_started=facts[_STOP_STARTING],
            stop_ended=(*facts[_STOP_ENDING], *resumed),
            persons_departed=facts[_DEPARTED_PERSONS],
            persons_arrived=facts[_ARRIVED_PERSONS],
            colliding=facts[_COLLIDING],
            expected=facts[_ACTIVE],
        )

    @property
    def time_s(self) -> float:
        """Simulated time, seconds after midnight."""
        return float(self._sim.getTime())

    @property
    def library(self) -> Any:
        """The module that speaks to SUMO, libsumo or a TraCI connection: they have the same domains and calls."""
        return self._lib

    @property
    def refusal(self) -> type[Exception]:
        """The exception class with which SUMO refuses a command."""
        if self.engine == "libsumo":
            return self._lib.TraCIException  # type: ignore[no-any-return]
        import traci

        return traci.TraCIException  # type: ignore[no-any-return]

    # --- vehicles ----------------------------------------------------------------------------------------------

    def road(self, vehicle_id: str) -> tuple[str, float]:
        """Return the edge (internal ones start with ':') and the position of the front bumper on it, metres."""
        domain = self._lib.vehicle
        return domain.getRoadID(vehicle_id), domain.getLanePosition(vehicle_id)

    def can_halt(self, vehicle_id: str, *, room_m: float = HALT_ROOM_M) -> bool:
        """Whether a vehicle can come to rest that far ahead of the end of its edge; within a junction it is on none."""
        edge, pos_m = self.road(vehicle_id)
        if not edge or edge.startswith(":"):  # none at all while it is being teleported
            return False
        halt_m = pos_m + room_m + self.speed_mps(vehicle_id) ** 2 / (2 * COMFORT_BRAKE_MPS2)
        return halt_m < float(self._lib.lane.getLength(f"{edge}_0"))  # one that is parked is on no lane

    def stops_within(self, vehicle_id: str, ahead_m: float) -> bool:
        """Whether a vehicle has its next stop on the edge where it is, less than that far ahead of its braking way."""
        edge, pos_m = self.road(vehicle_id)
        for stop in self._lib.vehicle.getStops(vehicle_id, 1):
            reach_m = pos_m + self.speed_mps(vehicle_id) ** 2 / (2 * COMFORT_BRAKE_MPS2) + ahead_m
            return bool(stop.lane.rpartition("_")[0] == edge and stop.endPos < reach_m)
        return False

    def planned_edge(self, vehicle_id: str) -> str:
        """Return the edge of its route a vehicle is on, also while it is being teleported and on no road."""
        domain = self._lib.vehicle
        return str(domain.getRoute(vehicle_id)[max(0, domain.getRouteIndex(vehicle_id))])

    def odometer_m(self, vehicle_id: str) -> float:
        """Return the distance driven since insertion, metres."""
        return max(0.0, float(self._lib.vehicle.getDistance(vehicle_id)))

    def on_board(self, vehicle_id: str) -> tuple[str, ...]:
        """Return the persons in a vehicle."""
        return tuple(self._lib.vehicle.getPersonIDList(vehicle_id))

    def speed_mps(self, vehicle_id: str) -> float:
        """Return a vehicle's speed."""
        return float(self._lib.vehicle.getSpeed(vehicle_id))

    def charge_wh(self, vehicle_id: str) -> float:
        """Return what a vehicle's battery holds, Wh."""
        return float(self._lib.vehicle.getParameter(vehicle_id, "device.battery.chargeLevel"))

    def charging_at(self, vehicle_id: str) -> str | None:
        """Return the charging station at which a vehicle stands and charges, None where it does not."""
        station = str(self._lib.vehicle.getParameter(vehicle_id, "device.battery.chargingStationId"))
        return None if station == "NULL" else station

    def brake(self, vehicle_id: str, over_s: float) -> bool:
        """Slow a vehicle down for this long; return whether it is to stand then, and until `release`."""
        goal_mps = max(0.0, self.speed_mps(vehicle_id) - COMFORT_BRAKE_MPS2 * over_s)
        self._lib.vehicle.setSpeed(vehicle_id, goal_mps)
        return goal_mps == 0

    def release(self, vehicle_id: str) -> None:
        """Let a vehicle that was braked choose its speed again."""
        self._lib.vehicle.setSpeed(vehicle_id, -1)

    def top_speed_mps(self, vehicle_id: str) -> float:
        """Return the speed that a vehicle never exceeds."""
        return float(self._lib.vehicle.getMaxSpeed(vehicle_id))

    def type_of(self, vehicle_id: str) -> str:
        """Return a vehicle's type."""
        return str(self._lib.vehicle.getTypeID(vehicle_id))

    def set_type(self, vehicle_id: str, type_id: str) -> None:
        """Give a vehicle another type; its devices stay."""
        self._lib.vehicle.setType(vehicle_id, type_id)

    def battery_wh(self, vehicle_id: str) -> tuple[float, float]:
        """Return the energy consumed and regenerated since insertion, Wh."""
        domain = self._lib.vehicle
        return (
            float(domain.getParameter(vehicle_id, "device.battery.totalEnergyConsumed")),
            float(domain.getParameter(vehicle_id, "device.battery.totalEnergyRegenerated")),
        )

    # --- taxis -------------------------------------------------------------------------------------------------

    def taxi_state(self, vehicle_id: str) -> int:
        """Return 0 for empty, bit 1 for on the way to riders, bit 2 for occupied."""
        return int(self._lib.vehicle.getParameter(vehicle_id, "device.taxi.state"))

    def open_reservations(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the id and the persons of every reservation that no taxi has."""
        return [(r.id, tuple(r.persons)) for r in self._lib.person.getTaxiReservations(NEW_AND_RETRIEVED)]

    def dispatch_taxi(self, vehicle_id: str, reservations: Sequence[str]) -> None:
        """Send a taxi; each reservation stands once for riders on board and twice for riders to pick up.

        Unsafe unless guarded: SUMO 1.28 accepts a reservation that another taxi has and then crashes.
        """
        self._lib.vehicle.dispatchTaxi(vehicle_id, list(reservations))

    def take_back(self, person_id: str) -> None:
        """Take a waiting rider back from the taxi that was sent for; SUMO makes a new reservation at once."""
        persons = self._lib.person
        persons.replaceStage(person_id, 0, persons.getStage(person_id, 0))

    def hold(self, vehicle_id: str) -> None:
        """Let a taxi that stands at a stop stand there, off the lane, until `let_go`."""
        domain = self._lib.vehicle
        (stop,) = domain.getStops(vehicle_id, 1)  # as it was asked for, or SUMO takes it for another one
        edge, _, lane = stop.lane.rpartition("_")
        domain.setStop(vehicle_id, edge, stop.endPos, int(lane), HELD_S, PARKING)

    def let_go(self, vehicle_id: str) -> None:
        """Let a held taxi drive on to its next stop."""
        self.resume(vehicle_id)

    def resume(self, vehicle_id: str) -> None:
        """End a stop; SUMO ends it at once and forgets to tell: the next step begins with an empty list."""
        self._lib.vehicle.resume(vehicle_id)
        if not self._lib.vehicle.isStopped(vehicle_id):
            self._resumed.append(vehicle_id)

    def visit(self, vehicle_id: str, edge: str, pos_m: float, *, charger: str | None, redirected: bool) -> None:
        """Send a taxi to a place where it stands off the lane, before all else that it is to do.

        A new dispatch takes the place out of its way again, with `end_visit` after it. `redirected` tells that it is on
        the way to another such place, which this one replaces.
        """
        domain = self._lib.vehicle
        if charger is None:
            stop = edge, pos_m, self._kerb_lane(edge), HELD_S, PARKING
        else:
            stop = charger, 1.0, 0, HELD_S, PARKING | CHARGING
        if domain.isStopped(vehicle_id):
            domain.insertStop(vehicle_id, 1, *stop)
            self.resume(vehicle_id)
        elif redirected:
            domain.replaceStop(vehicle_id, 0, *stop)
        else:
            domain.insertStop(vehicle_id, 0, *stop)

    def end_visit(self, vehicle_id: str) -> None:
        """Let a taxi that has been dispatched leave a place that it visits, or drive there no more.

        Mostly the dispatch has seen to it, at once and untold like `resume`. One that believes in riders who are none
        appends the new stops to its own.
        """
        domain = self._lib.vehicle
        stops = domain.getStops(vehicle_id, 1)
        if not stops or stops[0].duration < HELD_S / 2:
            if not domain.isStopped(vehicle_id):
                self._resumed.append(vehicle_id)
            return
        if domain.isStopped(vehicle_id):
            self.resume(vehicle_id)
        else:
            domain.replaceStop(vehicle_id, 0, "")

    def _kerb_lane(self, edge: str) -> int:
        """Return the outermost lane that taxis may use."""
        if edge not in self._kerb_lanes:
            lanes = self._lib.lane
            for index in range(self._lib.edge.getLaneNumber(edge)):
                allowed, barred = lanes.getAllowed(f"{edge}_{index}"), lanes.getDisallowed(f"{edge}_{index}")
                if "taxi" in allowed or not (allowed or "taxi" in barred):
                    self._kerb_lanes[edge] = index
                    break
            else:
                msg = f"no lane of edge {edge} lets taxis stop"
                raise EngineError(msg)
        return self._kerb_lanes[edge]

    # --- persons -----------------------------------------------------------------------------------------------

    def add_rider(
        self, person_id: str, door: Point, goal: Point, *, boarding: Point | None, alighting: Point | None
    ) -> list[bool]:
        """Let a person leave home with the next step; see `_send`."""
        self._lib.person.add(person_id, door[0], door[1], typeID="rider")
        return self._send(person_id, door, goal, boarding=boarding or door, alighting=alighting or goal)

    def hand_over(self, person_id: str, goal: Point, *, boarding: Point, alighting: Point) -> list[bool]:
        """Let a rider get out of a vehicle where it stands, and go on from there; see `_send`."""
        persons = self._lib.person
        old = int(persons.getRemainingStages(person_id))
        place = str(persons.getRoadID(person_id)), float(persons.getLanePosition(person_id))
        rides = self._send(person_id, place, goal, boarding=boarding, alighting=alighting)
        for stage in reversed(range(old)):
            persons.removeStage(person_id, stage)
        return rides

    def remove_vehicle(self, vehicle_id: str) -> None:
        """Take a vehicle out of the simulation."""
        self._lib.vehicle.remove(vehicle_id)

    def _send(self, person_id: str, door: Point, goal: Point, *, boarding: Point, alighting: Point) -> list[bool]:
        """Let a person go to the boarding place on foot, by taxi, and on foot to the goal.

        SUMO places a person where the last step on foot led, up to a metre beside the boarding place, and the taxi's
        stop there: riders would board at the stop next to it and leave the taxi waiting for them. A second of standing
        at the end of the walk, part of it, puts them where they are to be.

        Returns
        -------
        For each walk and ride of the journey whether it is a ride.
        """
        persons = self._lib.person
        access, egress = self._walk(door, boarding), self._walk(alighting, goal)
        for stage in access:
            persons.appendStage(person_id, stage)
        if access:
            persons.appendWaitingStage(person_id, 1.0)
        for stage in [self._ride(boarding, alighting), *egress]:
            persons.appendStage(person_id, stage)
        return [*(False for _ in access), True, *(False for _ in egress)]

    def _ride(self, start: Point, end: Point) -> Any:
        stage = self._sim.Stage()
        stage.type, stage.line, stage.edges = DRIVING_STAGE, "taxi", [start[0], end[0]]
        stage.departPos, stage.arrivalPos = start[1], end[1]
        return stage

    def _walk(self, start: Point, end: Point) -> list[Any]:
        if start == end:
            return []
        return list(self._sim.findIntermodalRoute(start[0], end[0], departPos=start[1], arrivalPos=end[1]))

    def stages_left(self, person_id: str) -> int:
        """Return how many stages of a person's plan are left, the present one included."""
        return int(self._lib.person.getRemainingStages(person_id))

    def person_edge(self, person_id: str) -> str:
        """Return the edge a person is on."""
        return str(self._lib.person.getRoadID(person_id))

    def remove_person(self, person_id: str) -> None:
        """Take a waiting person out of the simulation."""
        self._lib.person.removeStages(person_id)

    # --- edges -------------------------------------------------------------------------------------------------

    def edge_counts(self, edges: Sequence[str]) -> tuple[list[int], list[float]]:
        """Return vehicles and mean speed (m/s) on each edge in the last step."""
        domain = self._lib.edge
        count, speed = domain.getLastStepVehicleNumber, domain.getLastStepMeanSpeed
        counts = list(map(count, edges))
        return counts, [speed(edge) if n else 0.0 for edge, n in zip(edges, counts, strict=True)]

    def version(self) -> str:
        """Return SUMO's version as it names itself."""
        return str(self._lib.getVersion()[1])

    def close(self) -> None:
        """End SUMO, so that it completes its output files."""
        lib, self._lib = self._lib, None
        if lib is not None:
            lib.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set the environment for a child process only: this process's own PROJ must not see SUMO's older database."""
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _require_display() -> None:
    if not os.environ.get("DISPLAY"):
        hint = "xvfb-run -a bitgreen gui …" if shutil.which("xvfb-run") else "install xvfb and use xvfb-run -a"
        msg = f"sumo-gui needs a screen: DISPLAY is not set; without one: {hint}"
        raise SetupError(msg)

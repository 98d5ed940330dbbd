"""The choice of one trip for each vehicle that costs least in all, as an integer program solved by HiGHS.

No clock has a part in it: one thread, one seed, and a bound on the nodes of the tree. The linear relaxation comes
first. Often it is integral already; if not, its reduced costs rule out every trip that no choice better than the
plans at hand can hold (Dantzig, Fulkerson and Johnson 1954), so that the tree has few left to branch on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

from sim.dispatch.problem import Floats
from sim.dispatch.trips import Trip
from sim.errors import ControllerError

Mask = NDArray[np.bool_]

INTEGRAL = 1e-6
"""How far from a whole number a variable of the relaxation may lie."""


def choose(trips: Sequence[Trip], penalty: Mapping[int, float], *, held: int, nodes: int) -> list[int]:
    """Return which trip each vehicle takes, so that the costs of trips and of requests left out are least.

    The first `held` trips are the plans at hand, one by vehicle. Where the tree ends before it has found a better
    choice, they come out.
    """
    program = _Program(trips, penalty, held)
    relaxed = program.solve(np.ones(len(program.cost), np.bool_), integral=False, nodes=nodes)
    if relaxed is None:
        return list(range(held))
    values, reduced, least = relaxed
    if (np.abs(values - np.round(values)) > INTEGRAL).any():
        gap = max(0.0, float(program.cost @ program.start) - least)
        kept = (reduced <= gap * (1 + INTEGRAL) + INTEGRAL) | (program.start > 0)
        solved = program.solve(kept, integral=True, nodes=nodes)
        if solved is None:
            return list(range(held))
        values = solved[0]
    taken = np.flatnonzero(np.round(values[: len(trips)])).tolist()
    return sorted(taken, key=lambda n: trips[n].vehicle)


class _Solved(NamedTuple):
    """Values and reduced costs of the columns, and the objective."""

    values: Floats
    reduced: Floats
    objective: float


class _Program:
    """Columns are the trips and then the requests that may be left out; rows the vehicles and then the requests.

    A request may be left out only if its penalty does not already cost more than the plans at hand could save: large
    penalties stay out of the arithmetic.
    """

    def __init__(self, trips: Sequence[Trip], penalty: Mapping[int, float], held: int) -> None:
        row = {r: held + n for n, r in enumerate(penalty)}
        served = {r for trip in trips[:held] for r in trip.members}
        least = np.full(held, np.inf)
        np.minimum.at(least, [trip.vehicle for trip in trips], [trip.cost for trip in trips])
        before = sum(trip.cost for trip in trips[:held]) + sum(penalty[r] for r in row if r not in served)
        spare = [r for r in row if penalty[r] <= before - least.sum() or r not in served]
        sizes = [1 + len(trip.members) for trip in trips] + [1] * len(spare)
        index = [n for trip in trips for n in (trip.vehicle, *map(row.__getitem__, trip.members))]
        self.rows = held + len(row)
        self.cost = np.array([trip.cost for trip in trips] + [penalty[r] for r in spare])
        self.start = np.zeros(len(self.cost))
        self.start[:held] = 1.0
        self.start[len(trips) :] = [r not in served for r in spare]
        self._sizes = np.array(sizes, np.int64)
        self._index = np.array(index + [row[r] for r in spare], np.int64)

    def solve(self, kept: Mask, *, integral: bool, nodes: int) -> _Solved | None:
        """Solve the program with some of its columns; None where the tree ended before anything was found."""
        highs = _highs(nodes)
        columns = np.flatnonzero(kept)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(columns), self.rows
        lp.col_cost_ = self.cost[columns]
        lp.col_lower_, lp.col_upper_ = np.zeros(len(columns)), np.full(len(columns), highspy.kHighsInf)
        lp.row_lower_ = lp.row_upper_ = np.ones(self.rows)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(self._sizes[columns])])
        lp.a_matrix_.index_ = self._index[np.repeat(kept, self._sizes)]
        lp.a_matrix_.value_ = np.ones(int(self._sizes[columns].sum()))
        if integral:
            lp.col_upper_ = np.ones(len(columns))
            lp.integrality_ = [highspy.HighsVarType.kInteger] * len(columns)
        # Presolve takes longer than it spares the simplex, and pays before branching.
        highs.setOptionValue("presolve", "on" if integral else "off")
        highs.passModel(lp)
        if integral:
            highs.setSolution(len(columns), np.arange(len(columns)), self.start[columns])
        highs.run()
        info, solution = highs.getInfo(), highs.getSolution()
        optimal = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if not optimal and not (integral and info.primal_solution_status == highspy.kSolutionStatusFeasible):
            return None
        values, reduced = np.zeros(len(kept)), np.zeros(len(kept))
        values[columns] = solution.col_value
        if not integral:
            reduced[columns] = solution.col_dual
        return _Solved(values, reduced, float(info.objective_function_value))


def _highs(nodes: int) -> highspy.Highs:
    """Return a solver that decides the same on any machine."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # its stub leaves out that nothing is returned
    options: dict[str, float | str] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": 0,
        "mip_max_nodes": nodes,
        "mip_rel_gap": 0.0,
    }
    for name, value in options.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            msg = f"HiGHS {highs.version()} does not take its option {name} = {value}"
            raise ControllerError(msg)
    return highs

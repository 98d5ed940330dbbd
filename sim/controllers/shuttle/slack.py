"""Slack of promises: how much time plans keep free before what was promised, and which promises they break."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.controllers.shuttle.knowledge import LearningParameters
from sim.controllers.shuttle.ride import Ride
from sim.dispatch.problem import Floats, Problem
from sim.events import PlansRetimed


def slack_share(ride: Ride, use: LearningParameters) -> float:
    """Return by which share what lies before the stops of a ride may take longer; breaks are promised to nobody."""
    if ride.errand is not None:
        return 0.0
    booked = ride.request.submitted_s < ride.request.earliest_s
    return max(use.promise_slack_share, use.booking_slack_share) if booked else use.promise_slack_share


def kept_free(latest_s: Floats, *, now_s: float, share: Floats | float) -> Floats:
    """Return the latest starts of plans whose times until then may become longer by a share and still be in time."""
    tight_s: Floats = np.minimum(now_s + (latest_s - now_s) / (1 + share), latest_s)
    return np.where(share > 0, tight_s, latest_s)


def with_slack(problem: Problem, shares: Sequence[float], *, now_s: float) -> Problem:
    """Return a problem whose plans are to keep a share, by request, of the time to each latest start free before it.

    `due_s` stays: that is when a promise is broken.
    """
    if not any(shares):
        return problem
    latest_s = kept_free(problem.requests.latest_s, now_s=now_s, share=np.repeat(shares, 2))
    return problem._replace(requests=problem.requests._replace(latest_s=latest_s))


class Breaches:
    """The riders whose limits plans break, from one update of the travel times to the next."""

    def __init__(self) -> None:
        self._waits: dict[str, bool] = {}

    def retimed(
        self, time_s: float, plans: Sequence[Sequence[int]], rides: Sequence[Ride], before: Problem, relaxed: Problem
    ) -> PlansRetimed:
        """Return what an update has come to.

        Parameters
        ----------
        plans, rides
            As they are laid out.
        before, relaxed
            The problem, and the same with the limits that the plans break lifted.
        """
        given, after = before.requests, relaxed.requests
        late = (after.latest_s > given.due_s).reshape(-1, 2).any(axis=1) | (after.max_ride_s > given.max_ride_s)
        planned = {stop // 2 for plan in plans for stop in plan if given.riders[stop // 2] > 0}
        waits = {rides[row].request.id: not rides[row].on_board for row in planned}
        broken = {rides[row].request.id for row in planned if late[row]}
        # who has boarded late is served late: what became of that is no repair
        repaired = sum(waits.get(name) == waited for name, waited in self._waits.items() if name not in broken)
        self._waits = {name: waits[name] for name in sorted(broken)}
        return PlansRetimed(time_s=time_s, plans=sum(map(bool, plans)), infeasible=len(broken), repaired=repaired)

"""What carries out many runs: one protocol, on this machine (`sim.runner.local`) or on a cluster (`sim.runner.ray`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sim.runner.order import Finished, Order, RunFailed

Report = Callable[[str, Mapping[str, Any]], None]
"""Receives the run id and how far the run is."""
Ended = Callable[[Order, Finished | RunFailed], None]
"""Receives an order and how its run ended."""


class Backend(Protocol):
    """Carries out orders, some at a time; the results do not depend on which backend it was."""

    def carry_out(self, orders: Sequence[Order], *, report: Report, ended: Ended) -> None:
        """Return once every order has ended; each that was begun ends exactly once.

        Both callbacks are called in the caller's thread. Ctrl-C, or a fault in a callback, ends the runs under way in
        order, tells how they ended and is raised again; orders that were not begun are not told of.
        """

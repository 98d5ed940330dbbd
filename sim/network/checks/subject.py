"""A built network as the checks see it."""

from __future__ import annotations

from dataclasses import dataclass

import sumolib

from sim.network.build import BuildReport
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.network.survey import Tables


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything the checks look at; an imported network has neither tables nor a build to repeat."""

    network: Network
    net: sumolib.net.Net
    graph: EdgeGraph
    tables: Tables | None
    build: BuildReport | None

    @property
    def surveyed(self) -> bool:
        """Whether the network is made from tables, where every fault can be mended."""
        return self.tables is not None

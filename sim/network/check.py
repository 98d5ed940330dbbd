"""Checks of a built network: does it follow from its tables, hang together, and lie where the survey says."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import sumolib

from sim.network.build import BuildReport, build_network, built_tables
from sim.network.catalog import Network, has_tables
from sim.network.checks.access import access_checks
from sim.network.checks.geometry import geometry_checks
from sim.network.checks.places import place_checks
from sim.network.checks.record import Check, CheckReport, judged, skipped
from sim.network.checks.signals import signal_checks
from sim.network.checks.subject import Subject
from sim.network.checks.warnings import loading_check, warning_check
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid


def check_network(name: str, *, overlays: Sequence[str] = ()) -> CheckReport:
    """Check the committed build of a network, or the one with overlays, against its tables, if any, and in itself.

    Raises
    ------
    NotFoundError, NetworkError
        There is no such network, or it cannot be read or built at all.
    """
    network = load_overlaid(name, overlays)
    with tempfile.TemporaryDirectory(prefix="bitgreen-network-") as scratch:
        build = build_network(name, out=Path(scratch), overlays=overlays) if has_tables(name) else None
        follows = _follows_from_tables(network, build)
    net = sumolib.net.readNet(str(network.net_file), withInternal=True, withPedestrianConnections=True)
    subject = Subject(
        network=network,
        net=net,
        graph=EdgeGraph.of_net(net),
        tables=built_tables(name, overlays) if has_tables(name) else None,
        build=build,
    )
    checks = (
        follows,
        warning_check(subject),
        loading_check(subject),
        *access_checks(subject),
        *geometry_checks(subject),
        *place_checks(subject),
        *signal_checks(subject),
    )
    return CheckReport(name, checks)


def _follows_from_tables(network: Network, build: BuildReport | None) -> Check:
    name = "built files follow from the tables"
    if build is None:
        return skipped(name, "no tables: an imported network")
    old = build.stale(network.net_file.parent)
    return judged(name, f"{len(old)} stale", ok=not old, detail=old)

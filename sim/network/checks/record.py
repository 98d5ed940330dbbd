"""One question about a network and its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["ok", "failed", "noted", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question; `figure` is the answer in short, `detail` the cases, worst first.

    `noted` is what lies in data that are not ours to mend (an imported network); `skipped` is what this network has
    no data for. Only `failed` makes a network fail.
    """

    name: str
    outcome: Outcome
    figure: str
    detail: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the network may be used as it is."""
        return self.outcome != "failed"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All checks of one network."""

    name: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.ok for check in self.checks)

    def and_also(self, other: CheckReport) -> CheckReport:
        """Return this report with another one's checks after its own."""
        return CheckReport(self.name, (*self.checks, *other.checks))

    def document(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {"network": self.name, "ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def judged(name: str, figure: str, *, ok: bool, detail: Iterable[str] = (), ours: bool = True) -> Check:
    """Return a check that passed or failed; of data that are not ours a fault is `noted`."""
    return Check(name, "ok" if ok else "failed" if ours else "noted", figure, tuple(detail))


def skipped(name: str, reason: str) -> Check:
    """Return a check that this network has no data for."""
    return Check(name, "skipped", reason)

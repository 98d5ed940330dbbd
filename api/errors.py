"""Faults that only the service knows."""

from __future__ import annotations

from sim.errors import SandboxError


class NotFinishedError(SandboxError):
    """A run has no results yet, or never will."""

    code = "not_finished"


class QueueFullError(SandboxError):
    """As many runs wait as may wait."""

    code = "queue_full"


class ConflictError(SandboxError):
    """A run is no longer in the state that a transition starts from."""

    code = "conflict"

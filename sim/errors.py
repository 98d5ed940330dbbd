"""The one error tree: every fault a user can meet is a `SandboxError` with a stable code."""

from __future__ import annotations


class SandboxError(Exception):
    """A fault with a stable `code`; the message names the place, what was found and what is allowed."""

    code = "sandbox_error"


class SetupError(SandboxError):
    """The machine lacks something the sandbox needs: a system library, SUMO, a writable folder."""

    code = "setup"


class NotFoundError(SandboxError):
    """A name that nothing answers to: scenario, network, run, controller, KPI."""

    code = "not_found"


class ScenarioError(SandboxError):
    """A scenario document, or something that it names, is not valid."""

    code = "scenario_invalid"


class NetworkError(SandboxError):
    """A network's tables or its build are not valid."""

    code = "network_invalid"


class EngineError(SandboxError):
    """SUMO failed or left the state the engine relies on."""

    code = "engine"


class InvariantError(EngineError):
    """The executor's books and SUMO's state no longer agree."""

    code = "invariant"


class ControllerError(SandboxError):
    """A controller raised or commanded something that cannot be done."""

    code = "controller_error"


class OutputError(SandboxError):
    """A run directory cannot be written, is already taken, or is not complete."""

    code = "output"

"""Keeps what a backend tells, for tests to look at."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.runner.order import Finished, Order, RunFailed


@dataclass
class Told:
    """Progress and ends by run id; an order that ends twice is a fault, and so is a call from another thread."""

    progress: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ends: dict[str, Finished | RunFailed] = field(default_factory=dict)
    thread: threading.Thread = field(default_factory=threading.current_thread)

    def report(self, run_id: str, progress: Mapping[str, Any]) -> None:
        assert run_id not in self.ends
        assert threading.current_thread() is self.thread
        self.progress[run_id] = progress

    def ended(self, order: Order, end: Finished | RunFailed) -> None:
        assert order.run_id not in self.ends
        assert threading.current_thread() is self.thread
        self.ends[order.run_id] = end

    def finished(self, run_id: str) -> Finished:
        end = self.ends[run_id]
        assert isinstance(end, Finished), end
        return end

    def failed(self, run_id: str) -> RunFailed:
        end = self.ends[run_id]
        assert isinstance(end, RunFailed), end
        return end

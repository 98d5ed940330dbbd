"""A warm process that runs are forked from: what every run imports, compiles and reads is there already.

A run that starts by itself spends a second on imports and a third of one on its network before SUMO begins. Forked
from here it has both, and is still a process of its own, in a session of its own: this process never starts SUMO,
which one process can do once.

Called with the descriptor of a line, it serves that line until it closes. Called with that of a listening socket, the
lock that holds others off its address and a number of seconds, it serves whoever connects, and ends when nobody has for
so long.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sim.errors import SandboxError

REQUEST_BYTES = 65_536


def main() -> None:
    """Serve requests for runs."""
    descriptor, *shared = sys.argv[1:]
    end = socket.socket(fileno=int(descriptor))
    if not shared:
        _Nursery([end]).serve()
    elif os.fork() == 0:  # whoever came first may leave, and take its children along
        lock, idle_s = shared
        _Nursery([], _Door(end, Path(lock), float(idle_s))).serve()


@dataclass(frozen=True, slots=True)
class _Door:
    """Where lines begin: the listening socket, the lock of its address, how long nobody comes before it is closed."""

    socket: socket.socket
    lock: Path
    idle_s: float


class _Nursery:
    """The lines to those who want runs, the door at which more begin, and the runs that have not ended yet."""

    def __init__(self, lines: list[socket.socket], door: _Door | None = None) -> None:
        self._lines, self._door = lines, door
        self._running: dict[int, int] = {}  # process -> where its code is awaited
        self._woken, self._wake = os.pipe()

    def serve(self) -> None:
        """Fork runs until nobody can ask for one any more."""
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        _warm()
        while self._lines or (self._door is not None and (self._running or not self._leave(self._door))):
            ready = self._ready(None)
            if self._woken in ready:
                os.read(self._woken, REQUEST_BYTES)
                self._reap()
            for line in [line for line in self._lines if line.fileno() in ready]:
                self._answer(line)
            if self._door is not None and self._door.socket.fileno() in ready:
                self._lines.append(self._door.socket.accept()[0])

    def _sockets(self) -> list[socket.socket]:
        return self._lines if self._door is None else [*self._lines, self._door.socket]

    def _ready(self, timeout_s: float | None) -> list[int]:
        return select.select([self._woken, *(one.fileno() for one in self._sockets())], [], [], timeout_s)[0]

    def _leave(self, door: _Door) -> bool:
        """Wait for somebody to come; if nobody does, take down the address and return True."""
        if self._ready(door.idle_s):
            return False
        with door.lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if self._ready(0):  # came while the lock was awaited
                return False
            Path(door.socket.getsockname()).unlink(missing_ok=True)
        return True

    def _answer(self, line: socket.socket) -> None:
        """Fork the run that is asked for on a line, or take leave of a line that has closed."""
        try:
            request, descriptors, _, _ = socket.recv_fds(line, REQUEST_BYTES, 4)
        except ConnectionError:
            request, descriptors = b"", []
        if not request:
            self._lines.remove(line)
            line.close()
            return
        _prepare(*json.loads(request))
        self._fork(descriptors)

    def _fork(self, descriptors: Sequence[int]) -> None:
        *streams, status = descriptors
        gc.freeze()  # what stands here is shared with every run as long as the collector leaves it alone
        pid = os.fork()
        if pid == 0:
            self._become_run(streams, status)
        self._running[pid] = status
        close_all(streams)

    def _become_run(self, streams: Sequence[int], status: int) -> None:
        """Be a run's process from here on; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            os.write(status, f"{os.getpid()}\n".encode())  # its starter may signal the group from here on
            for one in self._sockets():
                one.close()
            close_all([self._woken, self._wake, *self._running.values(), status])
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            close_all(streams)
            sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 (stays open to the end)
            from sim.runner.child import main as run  # noqa: PLC0415

            code = run()
        except BaseException:  # noqa: BLE001 (the supervisor of a process: whatever it is, it must not reach the others)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        """Tell the codes of the runs that have ended."""
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            told = self._running.pop(pid)
            with suppress(BrokenPipeError):  # nobody is there any more who wants to know
                os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(told)


def _warm() -> None:
    """Import and compile what runs need."""
    import sim.runner.child  # noqa: F401, PLC0415
    from sim.controllers.shuttle.rolling import compile_kernels  # noqa: PLC0415
    from sim.engine.sumo import load_library  # noqa: PLC0415

    load_library()  # which the runs start
    compile_kernels()


def _prepare(network: str, overlays: list[str]) -> None:
    """Read a network, once; the run itself tells what is wrong with it."""
    from sim.engine.resolve import graph_of  # noqa: PLC0415
    from sim.network.overlaid import load_overlaid  # noqa: PLC0415

    with suppress(SandboxError, OSError):
        graph_of(load_overlaid(network, overlays))


def read_line(descriptor: int) -> str:
    """Return a line without its end, or nothing where the other side has closed."""
    found = b""
    while not found.endswith(b"\n"):
        more = os.read(descriptor, 1)
        if not more:
            return ""
        found += more
    return found.decode().strip()


def close_all(descriptors: Sequence[int]) -> None:
    """Close them."""
    for one in descriptors:
        os.close(one)


if __name__ == "__main__":
    main()

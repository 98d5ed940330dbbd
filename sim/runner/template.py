"""A warm process that runs are forked from: what every run imports, compiles and reads is there already.

A run that starts by itself spends a second on imports and a third of one on its network before SUMO begins. Forked
from the template it has both, and is still a process of its own, in a session of its own: the template never starts
SUMO, which one process can do once.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from sim.errors import SandboxError
from sim.runner.order import Order

START_S = 60.0
REQUEST_BYTES = 65_536


class Forked:
    """A forked run as its starter sees it: the part of `subprocess.Popen` that is asked for."""

    def __init__(self, pid: int, streams: Sequence[IO[str]], status: int) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = streams
        self.returncode: int | None = None
        self._status = status

    def wait(self, timeout: float | None = None) -> int:
        """Return the code with which the process ended, negative for a signal, as `Popen.wait` does."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(["run"], timeout or 0.0)
            # without the template nobody learns the code; what ends it by force ends its runs likewise
            self.returncode = int(_read_line(self._status) or -signal.SIGKILL)
            os.close(self._status)
        return self.returncode

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


class Template:
    """Forks runs; begins with the first of them, and ends with `close` or with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def start(self, order: Order) -> Forked:
        """Fork the process of a run, which waits for its order on `stdin`.

        Raises
        ------
        OSError
            No process can be started.
        """
        with self._lock:
            try:
                return self._fork(order)
            except ConnectionError:  # it was killed since the last run: once more with a new one
                self._end()
                return self._fork(order)

    def close(self) -> None:
        """End the template; the runs that it has forked go on."""
        with self._lock:
            self._end()

    def _fork(self, order: Order) -> Forked:
        line = self._line or self._begin()
        pipes = [os.pipe() for _ in range(4)]
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err), (status, theirs_status) = pipes
        request = json.dumps([order.scenario.network, order.scenario.overlays]).encode()
        try:
            socket.send_fds(line, [request], [theirs_in, theirs_out, theirs_err, theirs_status])
        except OSError as error:
            for pair in pipes:
                _close(pair)
            raise ConnectionResetError from error
        _close((theirs_in, theirs_out, theirs_err, theirs_status))
        pid = _read_line(status)
        if not pid:
            _close((ours_in, ours_out, ours_err, status))
            msg = "the process that runs are forked from has ended"
            raise ConnectionResetError(msg)
        streams = [os.fdopen(ours_in, "w"), os.fdopen(ours_out), os.fdopen(ours_err)]
        return Forked(int(pid), streams, status)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sim.runner.template", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # threads of a linear algebra library would not survive the fork, and a run has one core
                env={"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"} | os.environ,
                start_new_session=True,
            )
        self._line = ours
        return ours

    def _end(self) -> None:
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait(START_S)
        self._line = self._process = None


def main() -> None:
    """Serve requests for runs until the line closes."""
    with socket.socket(fileno=int(sys.argv[1])) as line:
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        _warm()
        running: dict[int, int] = {}
        while True:
            ready = select.select([line.fileno(), woken], [], [])[0]
            if woken in ready:
                os.read(woken, REQUEST_BYTES)
                _reap(running)
            if line.fileno() in ready:
                request, descriptors, _, _ = socket.recv_fds(line, REQUEST_BYTES, 4)
                if not request:
                    return
                _prepare(*json.loads(request))
                _fork(line, [woken, wake], descriptors, running)


def _warm() -> None:
    """Import and compile what runs need."""
    import sim.runner.child  # noqa: F401, PLC0415
    from sim.controllers.shuttle.insertion import compile_kernels  # noqa: PLC0415
    from sim.engine.sumo import load_library  # noqa: PLC0415

    load_library()  # which the runs start
    compile_kernels()


def _prepare(network: str, overlays: list[str]) -> None:
    """Read a network, once; the run itself tells what is wrong with it."""
    from sim.engine.resolve import graph_of  # noqa: PLC0415
    from sim.network.overlaid import load_overlaid  # noqa: PLC0415

    with suppress(SandboxError, OSError):
        graph_of(load_overlaid(network, overlays))


def _fork(line: socket.socket, own: Sequence[int], descriptors: Sequence[int], running: dict[int, int]) -> None:
    *streams, status = descriptors
    gc.freeze()  # what stands here is shared with every run as long as the collector leaves it alone
    pid = os.fork()
    if pid == 0:
        _become_run(line, [*own, *running.values()], streams, status)
    running[pid] = status
    _close(streams)


def _become_run(line: socket.socket, foreign: Sequence[int], streams: Sequence[int], status: int) -> None:
    """Be a run's process from here on; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.write(status, f"{os.getpid()}\n".encode())  # its starter may signal the group from here on
        line.close()
        _close([*foreign, status])
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _close(streams)
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 (stays open to the end)
        from sim.runner.child import main as run  # noqa: PLC0415

        code = run()
    except BaseException:  # noqa: BLE001 (the supervisor of a process: whatever it is, it must not reach the template)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(running: dict[int, int]) -> None:
    """Tell the codes of the runs that have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody is there any more who wants to know
            os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(told)


def _read_line(descriptor: int) -> str:
    """Return a line without its end, or nothing where the other side has closed."""
    found = b""
    while not found.endswith(b"\n"):
        more = os.read(descriptor, 1)
        if not more:
            return ""
        found += more
    return found.decode().strip()


def _close(descriptors: Sequence[int]) -> None:
    for one in descriptors:
        os.close(one)


if __name__ == "__main__":
    main()

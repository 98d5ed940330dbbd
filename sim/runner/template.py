"""Runs forked from a warm process (`sim.runner.forking`), as those see it who start them.

A template belongs to the process that made it and ends with it, or is shared by all on this machine who are made of
the same: a cluster's node has one, for its actors come and go with their runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sim.runner.forking import close_all, read_line
from sim.runner.order import Order

START_S = 60.0
IDLE_S = 10.0


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
            self.returncode = int(read_line(self._status) or -signal.SIGKILL)
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
                close_all(pair)
            raise ConnectionResetError from error
        close_all((theirs_in, theirs_out, theirs_err, theirs_status))
        pid = read_line(status)
        if not pid:
            close_all((ours_in, ours_out, ours_err, status))
            msg = "the process that runs are forked from has ended"
            raise ConnectionResetError(msg)
        streams = [os.fdopen(ours_in, "w"), os.fdopen(ours_out), os.fdopen(ours_err)]
        return Forked(int(pid), streams, status)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs)
        self._line = ours
        return ours

    def _end(self) -> None:
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait(START_S)
        self._line = self._process = None


class SharedTemplate(Template):
    """Forks runs from the one template on this machine that is `made_of` the same, begun by whoever comes first.

    It has the first comer's environment, working directory and import path, so that whoever differs in one of them
    has another one. It ends when nobody has come for `idle_s`.
    """

    def __init__(self, made_of: str, *, idle_s: float = IDLE_S) -> None:
        super().__init__()
        self._idle_s = idle_s
        same = [made_of, sys.executable, str(Path.cwd()), *sys.path]
        # what a cluster tells its single workers is for them alone
        same += sorted(f"{name}={value}" for name, value in os.environ.items() if not name.startswith("RAY_"))
        self._name = hashlib.sha256("\0".join(same).encode()).hexdigest()[:16]

    def _begin(self) -> socket.socket:
        place = _private_folder() / f"{self._name}.socket"
        lock = place.with_suffix(".lock")
        line = socket.socket(socket.AF_UNIX)
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                line.connect(str(place))
            except (FileNotFoundError, ConnectionRefusedError):
                place.unlink(missing_ok=True)
                with socket.socket(socket.AF_UNIX) as door:
                    door.bind(str(place))
                    door.listen()
                    _start(door, str(lock), str(self._idle_s)).wait(START_S)
                line.connect(str(place))
        self._line = line
        return line

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def _start(end: socket.socket, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sim.runner.forking", str(end.fileno()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[end.fileno()],
        # threads of a linear algebra library would not survive the fork, and a run has one core
        env={"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"} | os.environ,
        start_new_session=True,
    )


def _private_folder() -> Path:
    """Return a folder that nobody else can enter: who can connect to a template can have it run anything."""
    folder = Path(tempfile.gettempdir()) / f"bitgreen-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or not folder.is_dir():
        msg = f"{folder} must be a folder of this user's that nobody else can enter"
        raise PermissionError(msg)
    return folder

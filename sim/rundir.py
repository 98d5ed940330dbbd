"""A run directory: what lies where, how it is written and published.

While a run goes on, everything lies in a hidden folder beside the final place. Publishing turns the event stream
into Parquet, writes the manifest last and renames the folder in one step: no manifest, no run.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from sim import freight_events  # noqa: F401 (its kinds are to be known here)
from sim.errors import NotFoundError, OutputError
from sim.events import Event, dump, from_row

MANIFEST = "manifest.json"
EVENTS = "events.parquet"
EVENT_STREAM = "events.jsonl"
COMMANDS = "commands.jsonl"
VEHICLES = "vehicles.parquet"
TRAJECTORIES = "trajectories.parquet"
KPIS = "kpis.json"
SUMO_LOG = "sumo.log"
PERFORMANCE = "performance.json"
INPUTS = "inputs"

_SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("kind", pa.string()),
        ("person_id", pa.string()),
        ("request_id", pa.string()),
        ("vehicle_id", pa.string()),
        ("data", pa.string()),
    ]
)


class RunDir:
    """Writes one run; a context manager that publishes nothing by itself.

    Parameters
    ----------
    final
        Where the finished run will stand; must not exist yet.

    Raises
    ------
    OutputError
        The place is taken or cannot be written.
    """

    def __init__(self, final: Path) -> None:
        self.final = final.resolve()
        self.work = _work(self.final)
        if self.final.exists():
            msg = f"the run directory {final} exists already; nothing is overwritten: name another"
            raise OutputError(msg)
        with _disk(final):
            self.final.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock(final)
            shutil.rmtree(self.work, ignore_errors=True)  # what a killed run left
            self.work.mkdir()
            self.inputs.mkdir()
            self._events: IO[str] = (self.work / EVENT_STREAM).open("w", encoding="utf-8")
            self._commands: IO[str] = (self.work / COMMANDS).open("w", encoding="utf-8")

    def _take_lock(self, final: Path) -> IO[str]:
        """Hold a lock that the operating system frees when this process ends, however it ends."""
        lock = _lock(self.final).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            msg = f"another process is writing the run directory {final}"
            raise OutputError(msg) from None
        return lock

    @property
    def inputs(self) -> Path:
        """Folder of the files SUMO reads."""
        return self.work / INPUTS

    def write_events(self, events: Iterable[Event]) -> None:
        """Append events to the stream and hand them to the operating system, so that they survive a kill."""
        lines = [dump(one) + "\n" for one in events]
        if lines:
            with _disk(self.final):
                self._events.writelines(lines)
                self._events.flush()

    def write_command(self, time_s: float, name: str, **values: object) -> None:
        """Append a command that was carried out in the step at `time_s`."""
        with _disk(self.final):
            self._commands.write(json.dumps({"time_s": time_s, "command": name, **values}, ensure_ascii=False) + "\n")

    def write_json(self, name: str, document: object) -> None:
        """Write a JSON document into the run."""
        with _disk(self.final):
            (self.work / name).write_text(_json(document), encoding="utf-8")

    def seal_events(self) -> list[Event]:
        """Close the streams, turn the events into Parquet and return them."""
        with _disk(self.final):
            self._events.close()
            self._commands.close()
            stream = self.work / EVENT_STREAM
            events = list(_read_stream(stream))
            pq.write_table(_table(events), self.work / EVENTS, compression="zstd")
            stream.unlink()
        return events

    def publish(self, manifest: Mapping[str, Any]) -> Path:
        """Write the manifest, make everything durable and move the run to its place."""
        self.write_json(MANIFEST, manifest)
        with _disk(self.final):
            for path in sorted(self.work.rglob("*")):
                if path.is_file():
                    _sync(path)
            os.rename(self.work, self.final)  # noqa: PTH104 (fails when the target has come into being)
            _sync(self.final.parent)
        return self.final

    def discard(self) -> None:
        """Remove what was written; keeps a published run."""
        for stream in (self._events, self._commands):
            with suppress(OSError):  # on a full disk the last lines cannot be written, and need not be
                stream.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.work.exists():
            self.discard()
        Path(self._lock.name).unlink(missing_ok=True)
        self._lock.close()


def write_document(path: Path, document: object) -> None:
    """Write a JSON document in one step.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(_json(document), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise OutputError(msg) from error


def clear_remains(final: Path) -> None:
    """Remove what a killed process has left of a run that was to stand at `final`."""
    shutil.rmtree(_work(final), ignore_errors=True)
    _lock(final).unlink(missing_ok=True)


def read_manifest(run: Path) -> dict[str, Any]:
    """Return a published run's manifest.

    Raises
    ------
    NotFoundError
        There is no such run, or it was never published.
    OutputError
        The manifest is damaged.
    """
    document = _load(run, MANIFEST)
    if not isinstance(document, dict):
        msg = f"{run / MANIFEST} must hold a mapping, found {type(document).__name__}"
        raise OutputError(msg)
    return document


def read_kpis(run: Path) -> list[dict[str, Any]]:
    """Return the KPI records of a published run."""
    read_manifest(run)
    document = _load(run, KPIS)
    if not isinstance(document, list):
        msg = f"{run / KPIS} must hold a list, found {type(document).__name__}"
        raise OutputError(msg)
    return document


def read_events(run: Path) -> list[Event]:
    """Return the events of a published run in the order in which they were written."""
    read_manifest(run)
    table = pq.read_table(run / EVENTS, columns=["data"])
    return [from_row(json.loads(text)) for text in table.column("data").to_pylist()]


def _work(final: Path) -> Path:
    return final.with_name(f".{final.name}.partial")


def _lock(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")


def _load(run: Path, name: str) -> Any:  # noqa: ANN401 (JSON)
    try:
        return json.loads((run / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"no published run at {run}: {name} is missing"
        raise NotFoundError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"{run / name} cannot be read: {error}"
        raise OutputError(msg) from None


def _read_stream(path: Path) -> Iterator[Event]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield from_row(json.loads(line))


def _table(events: list[Event]) -> pa.Table:
    rows = [
        {
            "time_s": one.time_s,
            "kind": one.kind,
            "person_id": getattr(one, "person_id", None),
            "request_id": getattr(one, "request_id", None),
            "vehicle_id": getattr(one, "vehicle_id", None),
            "data": dump(one),
        }
        for one in events
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _json(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals into an `OutputError` that names the run directory."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else error.strerror
        msg = f"cannot write the run directory {place}: {reason}; nothing was published"
        raise OutputError(msg) from error

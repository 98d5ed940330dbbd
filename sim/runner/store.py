"""A place of published runs by key: a folder, or any URL that fsspec knows, such as `s3://bucket/prefix`.

The manifest is the commit on either. In a folder a run comes into being by a rename; elsewhere its files are uploaded
and the manifest last, so that an upload that was cut off is no run and the next one writes over it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from fsspec.core import url_to_fs

from sim.errors import NotFoundError, OutputError, SetupError
from sim.rundir import KPIS, MANIFEST
from sim.runner import bucket
from sim.runner.order import FINISHED

PROBE = ".writable"
Shape = TypeVar("Shape", dict[str, Any], list[dict[str, Any]])
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class DamagedRunError(OutputError):
    """A run was committed, but a file that tells its result is missing, cannot be read or lacks something."""


class RunStore:
    """Published runs by key.

    Parameters
    ----------
    url
        A folder, or an fsspec URL. Credentials and endpoints are found where fsspec's libraries look for them.

    Raises
    ------
    SetupError
        The URL's kind is not known, or the library that speaks to it is not installed.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        if not self.url.rpartition("://")[2].strip("/ "):
            msg = f"the store of runs {self.url!r} names no place; allowed is a folder or a URL of fsspec"
            raise SetupError(msg)
        self._folder = _local_folder(self.url)
        place = str(self._folder) if self._folder is not None else self.url
        try:
            # other machines write too: what was listed a moment ago says nothing
            self._files, root = url_to_fs(place, use_listings_cache=False, **bucket.options(place))
        except (ImportError, ValueError) as error:
            msg = f"the store of runs {self.url} cannot be opened: {error}; allowed is a folder or a URL of fsspec"
            raise SetupError(msg) from None
        bucket.repeat_once(self._files, place)
        self._root = root.rstrip("/")

    @property
    def folder(self) -> Path | None:
        """The store's folder, or None where it is none on this machine."""
        return self._folder

    @property
    def lasting(self) -> bool:
        """Whether what is written here outlives this process, and other processes find it."""
        return not any(part.partition("://")[0] == "memory" for part in self.url.split("::"))

    def require_writable(self, key: str) -> None:
        """Write a file to where the run of this key is to come, and remove it again where that is allowed.

        Raises
        ------
        OutputError
            The store cannot be written.
        """
        path = self._path(key, PROBE)
        try:
            with self._access():
                if self._folder is not None:  # in which a run's own folder comes into being with the run alone
                    self._folder.mkdir(parents=True, exist_ok=True)
                    with tempfile.TemporaryFile(dir=self._folder):
                        return
                if bucket.has_folders(self.url):
                    self._files.makedirs(self._path(key), exist_ok=True)
                self._files.pipe_file(path, b"")
            with suppress(FileNotFoundError, NotImplementedError, OutputError), self._access():
                self._files.rm_file(path)
        except (FileNotFoundError, NotImplementedError) as error:  # a place that can only be read, say
            msg = f"the store of runs {self.url} cannot be written: {str(error) or type(error).__name__}"
            raise OutputError(msg) from None

    def local_path(self, key: str) -> Path | None:
        """Return where the run of this key stands or would stand, or None where the store is no local folder."""
        return None if self._folder is None else self._folder / _checked(key)

    def has(self, key: str) -> bool:
        """Whether a run was committed under this key, finished or interrupted: its manifest says which."""
        try:
            self.manifest(key)
        except NotFoundError:
            return False
        return True

    def keys(self) -> list[str]:
        """Return the keys of all committed runs, sorted."""
        if self._folder is not None:
            found = [path.parent.name for path in self._folder.glob(f"*/{MANIFEST}")]
        else:
            with self._access():
                # all at once: level by level, a bucket would be asked once for every run
                paths = [PurePosixPath(path).relative_to(self._root) for path in self._files.find(self._root)]
            found = [path.parts[0] for path in paths if len(path.parts) == 2 and path.name == MANIFEST]
        return sorted(key for key in found if KEY.fullmatch(key))

    def manifest(self, key: str) -> dict[str, Any]:
        """Return a run's manifest.

        Raises
        ------
        NotFoundError
            No run was committed under this key.
        DamagedRunError
            The file is there and holds something else.
        """
        return self._document(key, MANIFEST, dict)

    def kpis(self, key: str) -> list[dict[str, Any]]:
        """Return a run's KPI records.

        Raises
        ------
        NotFoundError
            No run was committed under this key.
        DamagedRunError
            The file is there and holds something else.
        """
        return self._document(key, KPIS, list)

    def file(self, key: str, name: str, scratch: Path) -> Path:
        """Return one file of a run on this machine: where it lies, or a copy of it in `scratch`; it may be missing."""
        place = self.local_path(key)
        if place is not None:
            return place / name
        copy = scratch / f"{_checked(key)}-{name}"
        with self._access(), suppress(FileNotFoundError):
            self._files.get_file(self._path(key, name), str(copy))
        return copy

    def publish(self, key: str, folder: Path) -> None:
        """Copy a published run into the store; one that was committed before stays as it is.

        Raises
        ------
        NotFoundError
            `folder` holds no published run.
        OutputError
            The store cannot be written; nothing was committed.
        """
        if not (folder / MANIFEST).is_file():
            msg = f"no published run at {folder}: {MANIFEST} is missing"
            raise NotFoundError(msg)
        if self.has(key):
            return
        try:
            with self._access():
                place = self.local_path(key)
                if place is None:
                    self._upload(key, folder)
                else:
                    _copy(folder, place)
        except FileNotFoundError as error:
            msg = f"the run {folder} cannot be copied into the store of runs {self.url}: {error}"
            raise OutputError(msg) from error

    def _upload(self, key: str, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name != MANIFEST:
                place = self._path(key, name)
                if bucket.has_folders(self.url):
                    self._files.makedirs(str(PurePosixPath(place).parent), exist_ok=True)
                self._files.put_file(str(path), place)
        self._files.pipe_file(self._path(key, MANIFEST), (folder / MANIFEST).read_bytes())

    def fetch(self, key: str, into: Path) -> Path:
        """Copy a run from the store to `into`, which must not exist yet; return it.

        Raises
        ------
        NotFoundError
            No run was committed under this key.
        OutputError
            `into` is taken, or one of the two places fails; nothing is left at `into`.
        """
        self.manifest(key)
        if into.exists():
            msg = f"{into} exists already; nothing is overwritten: name another"
            raise OutputError(msg)
        try:
            with self._access():
                into.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(prefix=f".{into.name}.", dir=into.parent) as name:
                    work = Path(name) / into.name
                    self._download(key, work)
                    work.rename(into)
        except FileNotFoundError as error:
            msg = f"the run {key} in {self.url} went away while it was fetched: {error}"
            raise NotFoundError(msg) from error
        return into

    def _download(self, key: str, work: Path) -> None:
        root = self._path(key)
        for path in self._files.find(root):
            place = work / PurePosixPath(path).relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(path, str(place))

    def discard(self, key: str) -> None:
        """Make way for the run of this key: remove one that was interrupted, set aside what is no run at all.

        A finished run stays, and so does what another process is writing just now: runs of a driver that has died may
        go on. An upload that was cut off needs no removal.
        """
        place = self.local_path(key)
        if place is not None and not place.exists():
            return  # asked first: a folder comes into being with its manifest, so one that lacks it later is none
        try:
            if self.manifest(key).get("status") == FINISHED:
                return
        except NotFoundError:
            if place is not None:
                self.set_aside(key)
            return
        with self._access(), suppress(FileNotFoundError):  # another driver may remove it too
            self._files.rm_file(self._path(key, MANIFEST))  # first, so that no half of a run is one
            self._files.rm(self._path(key), recursive=True)

    def set_aside(self, key: str) -> str:
        """Make way for the run of this key where a damaged one lies; return where what is left of that one is.

        A folder is renamed. Elsewhere the manifest is removed, and the run that is made anew writes over the rest.

        Raises
        ------
        OutputError
            The store cannot be written.
        """
        place = self.local_path(key)
        with self._access():
            if place is None:
                with suppress(FileNotFoundError):
                    self._files.rm_file(self._path(key, MANIFEST))
                return self._path(key)
            with suppress(FileNotFoundError):
                if place.is_dir() and not any(place.iterdir()):
                    place.rmdir()
                    return str(place)
                spare = (place.with_name(f".{key}.damaged-{number}") for number in count(1))
                return str(place.rename(next(one for one in spare if not one.exists())))
        return str(place)

    def _path(self, key: str, *names: str) -> str:
        return "/".join((self._root, _checked(key), *names))

    def _document(self, key: str, name: str, shape: type[Shape]) -> Shape:
        path = self._path(key, name)
        try:
            with self._access():
                content = self._files.cat_file(path)
        except FileNotFoundError:
            msg = f"no published run {key} in {self.url}: {name} is missing"
            raise NotFoundError(msg) from None
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            msg = f"{path} cannot be read: {error}"
            raise DamagedRunError(msg) from None
        if not isinstance(document, shape):
            wanted = {dict: "a mapping", list: "a list"}[shape]
            msg = f"{path} must hold {wanted}, found {type(document).__name__}"
            raise DamagedRunError(msg)
        return document

    @contextmanager
    def _access(self) -> Iterator[None]:
        """Turn what the place refuses into an `OutputError` that names the store; what is not there stays as it is."""
        try:
            yield
        except bucket.refusals() as error:
            if isinstance(error, FileNotFoundError) and not bucket.is_bucket_missing(error):
                raise
            msg = f"the store of runs {self.url} cannot be used: {error}"
            raise OutputError(msg) from error


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        msg = f"the key of a run is letters, digits, '.', '_' and '-', the first a letter or digit; found {key!r}"
        raise OutputError(msg)
    return key


def _local_folder(url: str) -> Path | None:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"file", "local"}:
        return Path(rest).resolve()
    return None if separator else Path(url).resolve()


def _copy(folder: Path, place: Path) -> None:
    """Copy a run into a folder of this machine, where it comes into being by a rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as name:
        work = Path(name) / place.name
        shutil.copytree(folder, work)
        os.rename(work, place)  # noqa: PTH104 (fails when the target has come into being)

"""Networks with overlays, built when first asked for and kept in the user's cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from sim.errors import SetupError
from sim.home import cache_folder
from sim.network.build import build_network
from sim.network.catalog import Network, load_network, network_folder
from sim.network.overlays import Overlay, read_overlays

SUMS = "sha256.txt"
"""Names and hashes of a cached build's files: what a full disk or a power cut left half is built anew."""


def load_overlaid(name: str, overlays: Sequence[str] = ()) -> Network:
    """Read a network with overlays on it; without any it is the committed one.

    The first call with the same tables, overlays, SUMO and build code takes netconvert's seconds. Processes may do
    so at the same time: each builds in a folder of its own, and one of them wins.

    Raises
    ------
    NotFoundError
        No network or overlay has this name.
    NetworkError
        An overlay is not valid, contradicts another, or the result cannot be built.
    SetupError
        The cache cannot be written.
    """
    if not overlays:
        return load_network(name)
    read = read_overlays(name, overlays)
    target = cache_folder() / "networks" / name / _key(name, read)
    if not _is_whole(target):
        _build(name, [overlay.name for overlay in read], target)
    return load_network(name, folder=target, overlays=tuple(overlay.name for overlay in read))


def _build(name: str, overlays: Sequence[str], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        msg = f"{target.parent}: networks with overlays cannot be kept there: {error.strerror}; "
        msg += "BITGREEN_CACHE_DIR names another folder"
        raise SetupError(msg) from error
    try:
        report = build_network(name, out=work, overlays=overlays)
        sums = [f"{_sha256(file)}  {file.name}\n" for file in report.files]
        (work / SUMS).write_text("".join(sums), encoding="utf-8")
        _publish(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(work: Path, target: Path) -> None:
    """Move a build to its place in one step, unless another process has put the same there."""
    failure = None
    for _ in range(3):
        try:
            work.rename(target)
        except OSError as error:
            failure = error
        else:
            return
        if _is_whole(target):
            return
        shutil.rmtree(target, ignore_errors=True)  # harmed: no process can use it
    msg = f"{target}: cannot be written: {failure}; BITGREEN_CACHE_DIR names another folder"
    raise SetupError(msg) from failure


def _is_whole(folder: Path) -> bool:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        return bool(lines) and all(_sha256(folder / line[66:]) == line[:64] for line in lines)
    except (OSError, UnicodeDecodeError):
        return False


def _key(name: str, overlays: Sequence[Overlay]) -> str:
    """Return a hash over everything the build depends on."""
    digest = hashlib.sha256(version("eclipse-sumo").encode())
    for folder, file in _sources(name, overlays):
        content = file.read_bytes()
        digest.update(f"\n{folder}/{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def _sources(name: str, overlays: Sequence[Overlay]) -> Iterator[tuple[str, Path]]:
    folders = [("tables", network_folder(name) / "tables", "*.csv"), ("code", Path(__file__).parent, "*.py")]
    folders += [(overlay.name, overlay.folder, "*.csv") for overlay in overlays]
    for label, folder, pattern in folders:
        yield from ((label, file) for file in sorted(folder.glob(pattern)))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

"""What the machine must bring before SUMO runs: a Python with wheels, system libraries, SUMO's own folder.

Runs as a script before anything is installed (`python3 -I sim/system.py check --install`), so this file keeps
to the standard library and to syntax that an old Python reads well enough to be told that it is too old.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PYTHON_FROM = (3, 11)
PYTHON_BELOW = (3, 15)  # pyarrow 23, which libsumo 1.28 is built against, has wheels up to 3.14
GLIBC_FROM = (2, 28)  # the oldest that all pinned wheels share (manylinux_2_28)


class Library(NamedTuple):
    """A shared library by the name the loader asks for, and the Debian package that brings it."""

    soname: str
    package: str


# `readelf -d` over sumo, netconvert, duarouter, sumo-gui and libsumo 1.28.0 and over the libraries bundled
# with them: what is neither bundled nor part of libc. sumo and libsumo ask for just what sumo-gui asks for.
LIBRARIES = (
    Library("libGL.so.1", "libgl1"),
    Library("libX11.so.6", "libx11-6"),
    Library("libXext.so.6", "libxext6"),
    Library("libXrender.so.1", "libxrender1"),
    Library("libatomic.so.1", "libatomic1"),
    Library("libexpat.so.1", "libexpat1"),
    Library("libgcc_s.so.1", "libgcc-s1"),
    Library("libstdc++.so.6", "libstdc++6"),
    Library("libz.so.1", "zlib1g"),
)

# sumo-gui alone: the bundled fontconfig reads this file, and without it sumo-gui ends with
# "Quitting (on unknown error)". The package brings a font along.
FONTCONFIG = Path("/etc/fonts/fonts.conf")
FONTCONFIG_PACKAGE = "fontconfig-config"


def missing_libraries() -> list[Library]:
    """Return what the loader does not find here; empty off Linux, where the wheels bundle everything."""
    if not sys.platform.startswith("linux"):
        return []
    return [library for library in LIBRARIES if not _loads(library.soname)]


def sumo_home() -> Path:
    """Return the folder of the installed `sumo` package, which holds `bin/` and `data/`; it is not imported.

    Raises
    ------
    SetupError
        The wheel eclipse-sumo is not installed, or another package has its name.
    """
    # found, not imported, and SUMO_HOME not read: the machine may have another SUMO than the pinned one
    spec = importlib.util.find_spec("sumo")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        if (folder / "bin").is_dir() and (folder / "data").is_dir():
            return folder
    found = f"no bin/ and data/ in {', '.join(map(str, folders))}" if folders else "no package `sumo`"
    msg = f"SUMO is not installed in {sys.prefix} ({found}); `make run` installs it"
    raise _setup_error(msg)


def sumo_binary(name: str) -> Path:
    """Return the path of SUMO's program `name`, such as `sumo`, `netconvert` or `sumo-gui`.

    Raises
    ------
    SetupError
        SUMO is not installed or brings no such program.
    """
    folder = sumo_home() / "bin"
    path = folder / (name + ".exe" if os.name == "nt" else name)
    if not path.is_file():
        msg = f"SUMO has no program {name!r}; it has {', '.join(sorted(p.stem for p in folder.iterdir()))}"
        raise _setup_error(msg)
    return path


def sumo_env() -> dict[str, str]:
    """Return this process's environment with the variables that SUMO's programs need, for a child process.

    Not for `os.environ` itself: pyproj and pyogrio bring a newer PROJ, which cannot read SUMO's `proj.db`.
    """
    home = str(sumo_home())
    proj = os.path.join(home, "data", "proj")
    # the wheel bundles PROJ 6, which reads PROJ_LIB alone: with only PROJ_DATA set, "Cannot find proj.db"
    return {**os.environ, "SUMO_HOME": home, "PROJ_DATA": proj, "PROJ_LIB": proj}


def main(argv: list[str] | None = None) -> int:
    """Check the machine, install what it lacks where that is allowed, and say what is left to do."""
    parser = argparse.ArgumentParser(prog="system.py", description="Check what SUMO needs from this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check Python, venv and SUMO's system libraries")
    check.add_argument("--gui", action="store_true", help="also what sumo-gui needs")
    check.add_argument("--install", action="store_true", help="as root: install what is missing by apt")
    options = parser.parse_args(argv)
    faults = python_faults()
    packages = [] if faults else missing_packages(gui=options.gui)
    if packages and options.install and _may_install():
        _say(f"installing the system packages {' '.join(packages)}")
        _install(packages)
        packages = missing_packages(gui=options.gui)
    if packages:
        faults.append(f"missing system packages; on Debian or Ubuntu this brings them: {_apt_line(packages)}")
    for fault in faults:
        _say(fault)
    return 1 if faults else 0


def python_faults() -> list[str]:
    """Return what is wrong with this Python, a sentence each; none when every wheel has a build for it."""
    faults = []
    found = f"{sys.executable} is Python {platform.python_version()}"
    if not PYTHON_FROM <= sys.version_info[:2] < PYTHON_BELOW:
        allowed = f"{_dotted(PYTHON_FROM)} or newer, below {_dotted(PYTHON_BELOW)}"
        faults.append(f"{found}; needed is {allowed}: name one with `make PYTHON=/path/to/python3.x ...`")
    if sys.platform.startswith("linux"):
        libc, version = platform.libc_ver()
        if libc != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < GLIBC_FROM:
            libc = f"{libc} {version}" if libc else "another C library"
            faults.append(f"{found} on {libc}; SUMO's wheels need glibc {_dotted(GLIBC_FROM)} or newer")
    return faults


def missing_packages(*, gui: bool = False) -> list[str]:
    """Return the Debian packages that this machine lacks, sorted, the one for `python -m venv` included."""
    packages = {library.package for library in missing_libraries()}
    # Debian's Python comes without ensurepip, and `python3 -m venv` then leaves a half-made folder behind
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        packages.add(f"python{_dotted(sys.version_info[:2])}-venv")
    if gui and sys.platform.startswith("linux") and not FONTCONFIG.exists():
        packages.add(FONTCONFIG_PACKAGE)
    return sorted(packages)


def _install(packages: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        command = ["apt-get", "-qq", *arguments]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            _say(f"`{shlex.join(command)}` failed with code {done.returncode}")
    importlib.invalidate_caches()


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_line(packages: list[str]) -> str:
    root = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return f"{root}apt-get update && {root}apt-get install -y --no-install-recommends {' '.join(packages)}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _setup_error(message: str) -> Exception:
    # imported late: as a script this file stands alone
    from sim.errors import SetupError

    return SetupError(message)


def _say(message: str) -> None:
    sys.stderr.write(f"bitgreen: {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

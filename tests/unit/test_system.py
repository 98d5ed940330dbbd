"""The start-up check: what SUMO's wheels need from the machine, and where they are."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sim import system
from sim.errors import SetupError
from sim.system import Library

SCRIPT = Path(system.__file__)
LIBC = {"libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1"}
ABSENT = Library("libnot-on-any-machine.so.9", "libnowhere9")

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the wheels differ off Linux")


def needed(path: Path) -> set[str]:
    """Read DT_NEEDED of a 64-bit little-endian ELF file, as `readelf -d` does."""
    data = path.read_bytes()
    start, size, count = (*struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54))
    headers = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
    _, _, offset, _, _, length = next(header for header in headers if header[0] == 2)
    entries = list(struct.iter_unpack("<qQ", data[offset : offset + length]))
    strings = next(value for tag, value in entries if tag == 5)
    load = next(h for h in headers if h[0] == 1 and h[3] <= strings < h[3] + h[5])
    table = strings - load[3] + load[2]
    names = [table + value for tag, value in entries if tag == 1]
    return {data[at : data.index(b"\0", at)].decode() for at in names}


@linux_only
@pytest.mark.parametrize(
    ("program", "bundle"),
    [
        ("sumo/bin/sumo", "eclipse_sumo.libs"),
        ("sumo/bin/sumo-gui", "eclipse_sumo.libs"),
        ("libsumo/_libsumo.so", "libsumo.libs"),
    ],
)
def test_list_is_what_the_wheels_ask_for(program: str, bundle: str) -> None:
    packages = system.sumo_home().parent
    outside: set[str] = set()
    todo, seen = [packages / program], {packages / program}
    while todo:
        for name in needed(todo.pop()):
            inside = packages / bundle / name
            if not inside.exists():
                outside.add(name)
            elif inside not in seen:
                seen.add(inside)
                todo.append(inside)
    outside -= LIBC | {name for name in outside if name.startswith("ld-linux")}
    assert outside == {library.soname for library in system.LIBRARIES}


@linux_only
def test_only_what_the_loader_does_not_find_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "LIBRARIES", (Library("libc.so.6", "libc6"), ABSENT))
    assert system.missing_libraries() == [ABSENT]


def test_script_is_silent_and_alone_where_nothing_is_missing() -> None:
    # -S: no site-packages, so anything but the standard library would raise
    command = [sys.executable, "-I", "-S", str(SCRIPT), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_python_out_of_range_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "PYTHON_FROM", (3, 98))
    monkeypatch.setattr(system, "PYTHON_BELOW", (3, 99))
    assert system.main(["check", "--install"]) == 1
    said = capsys.readouterr().err
    assert sys.executable in said
    assert "3.98 or newer, below 3.99" in said


@linux_only
def test_musl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert ["glibc 2.28" in fault for fault in system.python_faults()] == [True]


@linux_only
def test_without_root_the_one_apt_line_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "LIBRARIES", (ABSENT,))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert system.main(["check", "--install"]) == 1
    line = "sudo apt-get update && sudo apt-get install -y --no-install-recommends libnowhere9"
    assert capsys.readouterr().err.strip().endswith(line)


@linux_only
@pytest.mark.parametrize(("arrives", "code"), [(True, 0), (False, 1)])
def test_root_installs_and_looks_again(
    *,
    arrives: bool,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = tmp_path / "log"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> "{log}"\necho noise\nexit {0 if arrives else 100}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(system, "LIBRARIES", (ABSENT,))
    monkeypatch.setattr(system, "_loads", lambda _: arrives and log.exists())
    assert system.main(["check", "--install"]) == code
    assert log.read_text().splitlines() == [
        "noninteractive -qq update",
        "noninteractive -qq install -y --no-install-recommends libnowhere9",
    ]
    assert ("failed with code 100" in capsys.readouterr().err) is not arrives


def test_nothing_is_installed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "missing_packages", lambda *, gui: ["libnowhere9"] * (not gui))
    monkeypatch.setattr(system, "_install", lambda _: pytest.fail("installed without --install"))
    assert system.main(["check"]) == 1


@linux_only
def test_fonts_are_asked_for_by_sumo_gui_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system, "FONTCONFIG", tmp_path / "fonts.conf")
    headless = system.missing_packages()
    assert set(system.missing_packages(gui=True)) - set(headless) == {"fontconfig-config"}
    (tmp_path / "fonts.conf").touch()
    assert system.missing_packages(gui=True) == headless


def test_environment_adds_three_variables_to_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMO_HOME", "/opt/another/sumo")
    home = system.sumo_home()
    env = system.sumo_env()
    proj = str(home / "data" / "proj")
    assert env == {**os.environ, "SUMO_HOME": str(home), "PROJ_DATA": proj, "PROJ_LIB": proj}
    assert os.environ["SUMO_HOME"] == "/opt/another/sumo"


def test_netconvert_projects_with_this_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # SUMO's bundled PROJ 6 reads PROJ_LIB and not PROJ_DATA
    monkeypatch.setenv("PROJ_LIB", "/nonexistent")
    (tmp_path / "n.nod.xml").write_text(
        '<nodes><node id="a" x="126.67" y="35.17"/><node id="b" x="126.68" y="35.18"/></nodes>'
    )
    (tmp_path / "n.edg.xml").write_text('<edges><edge id="e" from="a" to="b"/></edges>')
    command = [str(system.sumo_binary("netconvert")), "-n", "n.nod.xml", "-e", "n.edg.xml"]
    command += ["--proj", "EPSG:32652", "-o", "n.net.xml"]
    done = subprocess.run(command, cwd=tmp_path, env=system.sumo_env(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'projParameter="EPSG:32652"' in (tmp_path / "n.net.xml").read_text()


def test_unknown_program_names_those_there_are() -> None:
    with pytest.raises(SetupError, match=r"no program 'sumo2'; it has .*netconvert.*sumo-gui"):
        system.sumo_binary("sumo2")


def test_absent_sumo_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sumo", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(SetupError, match="no package `sumo`"):
        system.sumo_home()


def test_another_package_of_the_name_is_not_sumo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sumo").mkdir()
    monkeypatch.delitem(sys.modules, "sumo", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SetupError, match="no bin/ and data/ in"):
        system.sumo_home()

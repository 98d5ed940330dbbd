"""The Makefile: its help, README's commands, and a set-up that survives interruption, moves and spaces."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, flags=re.MULTILINE))

# Stands for python3: makes a venv of scripts that write down how they were called.
FAKE_PYTHON = """#!/bin/sh
echo "python $@" >> calls
[ "$2" = venv ] || exit 0
rm -rf .venv && mkdir -p .venv/bin
printf '#!/bin/sh\\necho "venv $@" >> calls\\n[ ! -e "broken-$3" ]\\n' > .venv/bin/python
printf '#!/bin/sh\\necho "bitgreen $@" >> calls\\n' > .venv/bin/bitgreen
chmod +x .venv/bin/*
"""
TESTS = "venv -m pytest -q -n auto --dist loadfile"
CHECK = "python -I sim/system.py check --install"
VENV = "python -m venv --clear .venv"
LOCKED = "venv -m pip install --quiet --require-hashes -r requirements.lock"
ITSELF = "venv -m pip install --quiet --no-deps --no-build-isolation -e ."


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    (folder / "sim").mkdir(parents=True)
    (folder / "sim" / "kernel.py").write_text("from numba import njit\n", encoding="utf-8")
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = folder / "python"
    python.write_text(FAKE_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    return folder


# Outer make's flags and jobs are no business of the makes below.
ENV = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(folder: Path, *arguments: str, fails: bool = False) -> list[str]:
    """Run make and return what was called, in order."""
    calls = folder / "calls"
    calls.unlink(missing_ok=True)
    command = ["make", "PYTHON=./python", *arguments]
    done = subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is fails, done.stderr
    return calls.read_text(encoding="utf-8").splitlines()


def test_every_target_of_the_public_has_its_line_of_help() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, env=ENV, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^ +make ([a-z-]+) ", shown, flags=re.MULTILINE)) == TARGETS
    assert set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, flags=re.MULTILINE)) == TARGETS | {"system"}


def test_readme_opens_with_the_two_commands_and_names_real_ones() -> None:
    first, second = re.findall(r"^    (make \w+)", README, flags=re.MULTILINE)[:2]
    assert (first, second) == ("make run", "make test")
    assert README.index(first) < 200
    named = {word for words in re.findall(r"`make ([^`]+)`", README) for word in words.split() if "=" not in word}
    assert named <= TARGETS
    assert named | {"run", "test", "help"} == TARGETS


def test_set_up_once_then_only_the_command(checkout: Path) -> None:
    assert make(checkout, "run") == [CHECK, VENV, LOCKED, ITSELF, "bitgreen doctor", "bitgreen morning"]
    assert make(checkout, "run") == [CHECK, "bitgreen morning"]
    assert make(checkout, "test") == [CHECK, TESTS]


def test_an_interrupted_set_up_is_made_from_scratch(checkout: Path) -> None:
    (checkout / "broken-install").touch()
    assert make(checkout, "run", fails=True) == [CHECK, VENV, LOCKED]
    (checkout / "broken-install").unlink()
    assert make(checkout, "run")[1:4] == [VENV, LOCKED, ITSELF]


def test_a_moved_checkout_is_made_from_scratch(checkout: Path) -> None:
    make(checkout, "run")
    moved = checkout.rename(checkout.with_name("moved"))
    assert make(moved, "run")[1:4] == [VENV, LOCKED, ITSELF]


def test_a_new_lock_is_installed_into_what_is_there(checkout: Path) -> None:
    make(checkout, "run")
    age(checkout / ".venv" / ".ready")
    assert make(checkout, "run") == [CHECK, LOCKED, ITSELF, "bitgreen doctor", "bitgreen morning"]


def test_a_changed_kernel_is_compiled_before_it_is_used(checkout: Path) -> None:
    make(checkout, "run")
    age(checkout / ".venv" / ".kernels")
    assert make(checkout, "run") == [CHECK, "bitgreen doctor", "bitgreen morning"]


def test_targets_side_by_side_set_up_once(checkout: Path) -> None:
    calls = make(checkout, "-j8", "run", "test", "bench", "network")
    assert [calls.count(call) for call in (CHECK, VENV, LOCKED, ITSELF, "bitgreen doctor")] == [1] * 5


def age(path: Path) -> None:
    """Make a stamp older than all that it depends on."""
    os.utime(path, (1, 1))

"""Dockerfile and docker-compose.yml: what the image brings and the box it runs in."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sim import system

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICE = COMPOSE["services"]["bitgreen"]
# instructions with their continuation lines joined
STEPS = [re.sub(r"\s*\\\n\s*", " ", step) for step in re.findall(r"^[A-Z]+ (?:.*\\\n)*.*$", DOCKERFILE, re.MULTILINE)]


def test_image_installs_the_libraries_that_the_check_asks_for() -> None:
    (line,) = re.findall(r"apt-get install -y --no-install-recommends (.+?) &&", " ".join(STEPS))
    assert line.split() == sorted(library.package for library in system.LIBRARIES)


def test_what_is_copied_exists_and_passes_dockerignore() -> None:
    sources = {word for step in STEPS if step.startswith("COPY ") for word in step.split()[1:-1]}
    assert {source for source in sources if not (ROOT / source).exists()} == set()
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines.index("*") < min(lines.index(f"!{source}") for source in sources)
    assert {line[1:] for line in lines if line.startswith("!")} == sources


def test_image_runs_the_service_without_root_from_hashed_packages() -> None:
    users = [step for step in STEPS if step.startswith("USER ")]
    assert users == ["USER bitgreen"]
    assert STEPS.index("RUN bitgreen doctor") > STEPS.index("USER bitgreen")  # the user can write the kernels
    installs = re.findall(r"pip install (.+?)(?: &&|$)", "\n".join(STEPS), re.MULTILINE)
    assert installs == [
        "--require-hashes -r requirements-service.lock",
        "--no-deps --no-build-isolation -e .",
    ]
    assert STEPS[-1] == 'CMD ["bitgreen", "serve", "--host", "0.0.0.0", "--port", "8000"]'


def test_service_is_reached_from_this_machine_alone() -> None:
    assert SERVICE["ports"] == ["127.0.0.1:8000:8000"]
    assert "network_mode" not in SERVICE


def test_service_is_boxed_in() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert SERVICE["pids_limit"] > 0
    assert SERVICE["mem_limit"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & SERVICE.keys()


def test_every_folder_it_writes_is_a_volume_or_in_memory() -> None:
    mounts = dict(volume.split(":", 1) for volume in SERVICE["volumes"])
    assert mounts.keys() == COMPOSE["volumes"].keys()
    writable = [*mounts.values(), *(tmpfs.split(":")[0] for tmpfs in SERVICE["tmpfs"])]
    env = dict(re.findall(r"(\w+)=(\S+)", " ".join(step for step in STEPS if step.startswith("ENV "))))
    env |= SERVICE["environment"]
    for name in ("BITGREEN_DATA_DIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "HOME"):
        assert any(Path(env[name]).is_relative_to(folder) for folder in writable), name

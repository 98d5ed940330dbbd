"""Settings of the service, from `BITGREEN_*` variables; docs/api.md has the table."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sim.errors import SetupError

PREFIX = "BITGREEN_"
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseSettings):
    """What the service is told from outside; each field is the variable `BITGREEN_` + its name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public: bool = Field(
        default=False,
        description="allow a host other than loopback: without authentication, who reaches it may use it",
    )
    allowed_hosts: Annotated[frozenset[str], NoDecode] = Field(
        _LOCAL_NAMES,
        description="names that a Host header may carry beside the host, separated by commas; `*` for any",
    )
    data_dir: Path = Field(Path("runs"), description="folder of the runs and of the file with their rows")
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=1024,
        description="runs under way at most",
    )
    max_queued: int = Field(1000, ge=1, description="runs waiting at most; more are refused with 429")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return frozenset(part.strip().lower() for part in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _kept_from_the_network(self) -> Self:
        if not self.public and not is_loopback(self.host):
            msg = (
                f"host {self.host!r} can be reached from the network and there is no authentication; "
                f"listen on 127.0.0.1, or set {PREFIX}PUBLIC=1 where something else keeps strangers out"
            )
            raise ValueError(msg)
        return self

    def accepts(self, host: str) -> bool:
        """Tell whether a request may be addressed to `host`, given without its port."""
        return "*" in self.allowed_hosts or host in self.allowed_hosts or host == self.host.lower()


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(*, host: str | None = None, port: int | None = None) -> Settings:
    """Read the settings; what is given wins over the environment.

    Raises
    ------
    SetupError
        A setting is not valid; the message names its variable.
    """
    try:
        given = {"host": host, "port": port}
        return Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        msg = "; ".join(fault.replace(f"{PREFIX}: Value error, ", "") for fault in faults)
        raise SetupError(msg) from None

"""What a stack declares on a Docker engine, as far as policies and reviewers ask about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

REBUILT = ("sockets", "slots", "static", "buffers")
"""Volumes whose content a deployment makes anew."""
_SECRETS_VOLUME = re.compile(r"-secrets-\d+$")


@dataclass(frozen=True, kw_only=True)
class Port:
    """A published port."""

    address: str
    external: str
    internal: str
    """With its protocol, unless that is TCP."""

    @property
    def public(self) -> bool:
        """Reached from other machines."""
        return not (self.address.startswith("127.") or self.address in ("::1", "localhost"))

    def __str__(self) -> str:
        return f"{self.address or '0.0.0.0'}:{self.external} to {self.internal}"  # noqa: S104 - Docker's default


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container."""

    name: str
    role: str
    """What its label says, or empty."""
    image: str
    memory_mb: int
    """0 is no limit."""
    cpus: float
    """0 is no limit."""
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    network_mode: str = ""
    unknown: frozenset[str] = frozenset()
    """Properties that only the update will know, as the provider names them."""

    def __str__(self) -> str:
        return f"container {self.name}"


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One named volume."""

    name: str
    protected: bool
    """Pulumi refuses to delete it."""
    retained: bool | None
    """Kept on the engine when Pulumi lets go of it; None where whoever looks cannot tell."""

    @property
    def holds_data(self) -> bool:
        """Data that nothing makes anew."""
        return not self.name.endswith(tuple(f"-{use}" for use in REBUILT)) and not _SECRETS_VOLUME.search(self.name)

    def __str__(self) -> str:
        return f"volume {self.name}"


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network."""

    name: str
    internal: bool
    """It has no way out."""

    def __str__(self) -> str:
        return f"network {self.name}"


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """An image of somebody else's, by the name that it is pulled by."""

    name: str

    def __str__(self) -> str:
        return f"base image {self.name}"


Resource = Container | Volume | Network | BaseImage

"""What the program tells the release steps: plain data, written by a component and read by `python -m release`."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

CUSTOM_DUMP = b"PGDMP"
"""What a dump of pg_dump's custom format begins with."""

Kind = Literal["blue-green", "rolling", "canary"]


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How traffic moves."""

    kind: Kind = "blue-green"
    batch: int = 1
    """Rolling: replicas that change at a time."""
    canary_percent: int = 10
    """Canary: share of the requests that the new release gets first; 0 is only visitors with the cookie."""
    canary_seconds: int = 30
    """Canary: how long it is watched before all requests follow."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """What is asked through Nginx while a release goes live."""

    host: str
    health_path: str
    post_paths: tuple[str, ...] = ()
    """Addresses that may be sent empty POSTs."""
    slow_paths: tuple[str, ...] = ()
    """Addresses that take seconds to answer."""
    gate_paths: tuple[str, ...] = ("/",)
    """Pages that must not answer with a server error before a replica gets traffic."""
    per_second: float = 20


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One release, and how it is to go live."""

    prefix: str
    release: str
    replicas: tuple[str, ...]
    """Names of the release's containers."""
    sockets: tuple[str, ...]
    """Their sockets, in the same order."""
    nginx: str
    """Name of the Nginx that is to serve."""
    edge: str
    """Identity of that Nginx's configuration."""
    tools: tuple[str, ...]
    """`docker run …` for the container that looks at sockets and asks through Nginx."""
    probes: Probes
    strategy: Strategy
    start_seconds: float
    """Time that a container has to become healthy."""
    drain_seconds: float
    """Time that requests in flight have before a replica is told to stop."""
    long_seconds: float
    """The same for requests on long paths and WebSockets."""
    stop_seconds: int
    """Time between the stop signal and a kill."""
    bake_seconds: float
    """How long a release is watched after it has taken the traffic."""
    keep: int
    """Releases to keep for a rollback, the live one included."""
    source: str
    """Folder of the Django project on the machine that deploys; the ledger has its commit."""
    record: dict[str, Any]
    """What the ledger keeps of the release: image, secrets version, spec."""

    def text(self) -> str:
        """The plan as the steps read it."""
        return json.dumps(asdict(self), sort_keys=True)


def read(text: str) -> Plan:
    """The plan of a text."""
    content = _tuples(json.loads(text))
    content |= {"probes": Probes(**_tuples(content["probes"])), "strategy": Strategy(**content["strategy"])}
    return Plan(**content)


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists alone."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


@dataclass(frozen=True, kw_only=True)
class Seeding:
    """What a new, empty database is filled with, and how."""

    postgres: str
    """Name of the server's container."""
    database: str
    """Owned by a role of the same name."""
    draft: str
    """Name of the database that is filled in its place, and takes it when it is whole."""
    dump: str
    """Path of a dump on the machine that deploys, or empty."""
    restore: tuple[str, ...]
    """`docker run …` that restores a dump from standard input into the draft, and checks it; with the dump's format
    as a last word, `custom` or `plain`.
    """
    fill: tuple[str, ...]
    """`docker run …` that migrates the draft, and fills it."""

    def text(self) -> str:
        """The plan as the step reads it."""
        return json.dumps(asdict(self), sort_keys=True)


def read_seeding(text: str) -> Seeding:
    """The plan of a text."""
    return Seeding(**_tuples(json.loads(text)))

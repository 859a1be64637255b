"""Resources by themselves that keep every policy, to be changed one thing at a time."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from policy.resource import Container, Network, Port, Volume

DIGEST = f"sha256:{'a' * 64}"


def container(**changes: Any) -> Container:
    """A worker."""
    kept = Container(
        name="shop-prod-worker",
        role="",
        image="shop-prod/web:0123456789ab",
        memory_mb=256,
        cpus=0.5,
        env={"LEVEL": "info"},
    )
    return dataclasses.replace(kept, **changes)


def publishing(internal: str, **changes: Any) -> Container:
    """The same with a published port."""
    return container(ports=(Port(address="127.0.0.1", external="18000", internal=internal),), **changes)


def with_variables(env: Mapping[str, str]) -> Container:
    return container(env=env)


def volume(name: str = "media", *, protected: bool = True, retained: bool | None = True) -> Volume:
    return Volume(name=f"shop-prod-{name}", protected=protected, retained=retained)


def network(name: str, *, internal: bool) -> Network:
    return Network(name=f"shop-prod-{name}", internal=internal)

"""The records that a review is given: of the server's capacity, of the last release, of an auditor."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from review.errors import ReviewInputError

_Record = TypeVar("_Record")

FORMAT = 1
"""Of the capacity record."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A container that the server had when its capacity was recorded."""

    name: str
    memory_mb: int
    cpus: float
    stack: str
    """Prefix of the stack that it belongs to; empty for others."""
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A server, and what its containers may use of it."""

    time: str
    cpus: int
    memory_mb: int
    disk_free_mb: int | None
    containers: tuple[Kept, ...]
    image: str = ""
    """The image of the site that was live."""
    image_mb: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    """What was installed in it."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The last record of the release ledger that tells of migrations."""

    number: int
    time: str
    release: str
    heads: Mapping[str, str]
    """App to its last migration."""


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """One that an auditor knows of."""

    package: str
    version: str
    id: str
    fixed_in: tuple[str, ...] = ()


def capacity(text: str) -> Capacity:
    """A record that `./ops review --record capacity` made. Raises ReviewInputError."""

    def made(content: Mapping[str, Any]) -> Capacity:
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        server, image = content["server"], content.get("image") or {}
        return Capacity(
            time=str(content["time"]),
            cpus=int(server["cpus"]),
            memory_mb=int(server["memory_mb"]),
            disk_free_mb=server.get("disk_free_mb"),
            containers=tuple(Kept(**each) for each in content["containers"]),
            image=str(image.get("name") or ""),
            image_mb=image.get("size_mb"),
            packages=dict(image.get("packages") or {}),
        )

    return _read("capacity", text, "./ops review --record capacity", made)


def ledger(text: str) -> Ledger:
    """The last of these records, one JSON object a line, that tells of migrations. Raises ReviewInputError."""

    def made(content: Mapping[str, Any]) -> Ledger:
        return Ledger(
            number=int(content["number"]),
            time=str(content["time"]),
            release=str(content["release"]),
            heads={str(app): str(name) for app, name in content["migrations"]["heads"].items()},
        )

    lines = [line for line in text.splitlines() if line.strip()]
    whole = [text] if len(lines) > 1 and lines[0].strip() == "{" else lines
    records = [_read("ledger", line, "./ops review --record ledger", made) for line in whole]
    told = [record for record in records if record.heads]
    if not told:
        raise ReviewInputError(
            "ledger: must have a record with migrations (got none). Deploy once, then ./ops review --record ledger."
        )
    return told[-1]


def audit(text: str) -> list[Vulnerability]:
    """What `pip-audit --format json` found. Raises ReviewInputError."""

    def made(content: Any) -> list[Vulnerability]:
        found = content["dependencies"] if isinstance(content, dict) else content
        return [
            Vulnerability(
                package=str(each["name"]),
                version=str(each.get("version") or ""),
                id=str(one["id"]),
                fixed_in=tuple(str(version) for version in one.get("fix_versions") or ()),
            )
            for each in found
            for one in each.get("vulns") or ()
        ]

    return _read("audit", text, "pip-audit --format json", made)


def _read(name: str, text: str, command: str, made: Callable[[Any], _Record]) -> _Record:
    try:
        return made(json.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ReviewInputError(
            f"{name}: must be a record as {command} writes it (got {type(error).__name__}: {error}). Make it anew."
        ) from None


def changed_packages(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[tuple[str, str, str]]:
    """Name, old and new version of every package that is not the same; empty where there is none."""
    names = sorted(before.keys() | after.keys())
    return [(name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)]

"""What no stack of ours may do: plain functions, each over the containers and volumes that a plan makes."""

import dataclasses
import re
from collections.abc import Iterator

from review.changes import data_volumes
from review.container import SECRET, Container
from review.evidence import Evidence
from review.plan import UNKNOWN

DATABASES = re.compile(r"(^|[/_-])(postgres|postgresql|postgis|mysql|mariadb|redis|valkey|mongo)\b")
DATABASE_PORTS = {"5432", "6432", "3306", "6379", "27017"}
SECRET_NAME = re.compile(
    r"(PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|SECRET_?KEY|_DSN$|_PWD$|_KEY$)",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY")
CONTENT_NAMED = re.compile(r":[0-9a-f]{12}$")
"""An image of the stack's own, named by its content."""
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def made(evidence: Evidence) -> list[Container]:
    """Containers as the plan would have them; replicas once, and by a name that says so."""
    alike: dict[object, list[Container]] = {}
    for change in evidence.containers:
        if change.after:
            each = change.after
            own = None if each.role else each.name
            key = (own, each.role, each.image, each.memory_mb, each.cpus, each.ports, tuple(sorted(each.env)))
            alike.setdefault(key, []).append(each)
    return [
        dataclasses.replace(first, name=f"{first.name} (and {len(others)} like it)") if others else first
        for first, *others in alike.values()
    ]


def is_production(stack: str) -> bool:
    """Not one for development, tests or a pull request, by its name."""
    return not re.match(r"(dev|test|staging|review|preview|pr)([-_.\d]|$)", stack)


def public_database(evidence: Evidence) -> Iterator[str]:
    """A database publishes no port, to nobody."""
    for container in made(evidence):
        kind = container.role == "postgres" or bool(DATABASES.search(container.image.partition("@")[0]))
        open_ports = [port for port in container.ports if kind or port.internal.partition("/")[0] in DATABASE_PORTS]
        yield from (f"container {container.name} publishes {port}" for port in open_ports)
        if kind and container.network_mode == "host":
            yield f"container {container.name} is in the host's network"
    for step in evidence.plan.of("Network"):
        name = str(step.new.inputs.get("name") or step.name) if step.new else ""
        if step.op != "delete" and name.endswith("-data") and step.new and step.new.inputs.get("internal") is not True:
            yield f"network {name}, the database's, has a way out"


def unlimited(evidence: Evidence) -> Iterator[str]:
    """Every container has limits of memory and CPU."""
    for container in made(evidence):
        lacks = [word for word, limit in (("memory", container.memory_mb), ("CPU", container.cpus)) if not limit]
        if lacks:
            yield f"container {container.name} has no limit of {' and '.join(lacks)}"


def unpinned(evidence: Evidence) -> Iterator[str]:
    """Every image is named by its content: by digest, or by a tag that the stack derives from it."""
    for container in made(evidence):
        named = DIGEST.search(container.image) or CONTENT_NAMED.search(container.image)
        if not named and container.image != UNKNOWN:  # as the digest of an image that is to be pulled
            yield f"container {container.name} runs {container.image or 'no image'}"
    for step in evidence.plan.of("RemoteImage"):
        name = str(step.new.inputs.get("name") or "") if step.new and step.op != "delete" else ""
        if name and not DIGEST.search(name):
            yield f"base image {name}"


def unprotected(evidence: Evidence) -> Iterator[str]:
    """A volume with data is kept when the stack lets go of it, and in production protected."""
    production = is_production(evidence.plan.stack)
    for volume in data_volumes(evidence.plan):
        old, new = volume.step.old, volume.step.new
        if volume.step.op == "delete" or new is None:
            continue
        if not new.retained:
            yield f"volume {volume.name} would be deleted with the stack (retain_on_delete)"
        if not new.protected and (production or (old and old.protected)):
            yield f"volume {volume.name} may be destroyed (protect)"


def secrets_in_environment(evidence: Evidence) -> Iterator[str]:
    """Outside of development no container has a secret among its variables."""
    if re.match(r"dev([-_.\d]|$)", evidence.plan.stack):
        return
    for container in made(evidence):
        for name, value in container.env.items():
            if hidden(name, value):
                which = "a variable that is secret" if name == SECRET else name
                yield f"container {container.name}: {which}"


def hidden(name: str, value: str) -> bool:
    """A variable with a secret, by its name or its value; one that names a secret's file is none."""
    if value == "" or name.endswith("_FILE"):
        return False
    return value == SECRET or bool(SECRET_NAME.search(name) or SECRET_VALUE.search(value))

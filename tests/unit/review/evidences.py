"""What a review may know, made to order: releases with migrations, servers, single steps."""

from collections.abc import Iterable, Mapping
from typing import Any

from review import lint, plan, squawk
from review.container import changes
from review.evidence import Evidence, Image
from review.migrations import Linted, Migration, Pending, Statement
from review.records import Capacity, Kept, Ledger
from tests.unit.program import PROJECT
from tests.unit.review.plans import step, text

PREFIX = f"{PROJECT}-prod"
LEDGER = Ledger(number=7, time="2026-11-01T10:00:00+00:00", release="07e935e264", heads={"shop": "0001_initial"})
PINNED = f"{PREFIX}/web:0123456789ab"
PACKAGES = {"django": "5.2.18", "gunicorn": "27.0.0"}


def server(**changes: Any) -> Capacity:
    """A server with room, on which the stack of the committed prod config runs."""
    web = [kept(f"web-{number}", "web", 1024, 2) for number in range(4)]
    own = [*web, kept("postgres", "postgres", 4096, 2), kept("nginx", "nginx", 128, 1), kept("edge", "edge", 16, 0.1)]
    given: dict[str, Any] = {
        "time": "2026-11-01T10:00:00+00:00",
        "cpus": 8,
        "memory_mb": 32_000,
        "disk_free_mb": 100_000,
        "containers": tuple(own),
        "image": f"{PREFIX}/web:aaaaaaaaaaaa",
        "image_mb": 200,
        "packages": PACKAGES,
    }
    return Capacity(**{**given, **changes})


def kept(name: str, role: str, memory_mb: int, cpus: float, *, stack: str = PREFIX) -> Kept:
    return Kept(name=f"{stack}-{name}", role=role, memory_mb=memory_mb, cpus=cpus, stack=stack)


def migration(*sql: str | Statement, contractions: Iterable[str] = (), **changes: Any) -> Migration:
    """shop.0002_more, which runs these statements."""
    statements = tuple(each if isinstance(each, Statement) else Statement(sql=each, of="an operation") for each in sql)
    return Migration(label="shop.0002_more", statements=statements, contractions=tuple(contractions), **changes)


def image(*migrations: Migration, linted: bool = True, **changes: Any) -> Image:
    """The image of a new release, with these migrations."""
    pending = Pending(packages=PACKAGES, migrations=migrations, ahead=tuple(changes.pop("ahead", ())))
    flaws = lint.flaws(migrations, squawk.check(squawk.program(), migrations))
    given = {"name": PINNED, "size_mb": 203, "linted": Linted(pending=pending, flaws=flaws if linted else None)}
    return Image(**{**given, **changes})


def container(name: str, /, **inputs: Any) -> dict[str, Any]:
    """Inputs of a container that keeps all rules."""
    given = {"name": f"{PREFIX}-{name}", "image": PINNED, "memory": 256, "cpus": "1.0", "envs": ["A=1"]}
    return {**given, **inputs}


def labels(role: str) -> list[dict[str, str]]:
    return [{"label": "django-stack.role", "value": role}]


RELEASE = (
    step("create", "Container", "web-1", None, container("web-0123456789-1", labels=labels("web"))),
    step("delete", "Container", "web-0", container("web-aaaaaaaaaa-1", labels=labels("web"))),
    step("update", "command:local:Command", "web-migrate", {"create": "a"}, {"create": "b"}, reasons=["create"]),
)
"""A new release that takes over from one like it."""


def known(steps: Iterable[Mapping[str, Any]] | str, **given: Any) -> Evidence:
    """Everything is known; the image has no migrations."""
    read = plan.read(steps if isinstance(steps, str) else text(steps))
    web = [each.after.image for each in changes(read) if each.after and each.role == "web"]
    everything: dict[str, Any] = {
        "image": image(name=web[0] if web else PINNED),
        "ledger": LEDGER,
        "capacity": server(),
        "vulnerabilities": (),
    }
    return Evidence(plan=read, **{**everything, **given})

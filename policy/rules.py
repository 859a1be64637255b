"""The policies. Each looks at one resource, and says what must hold of it and does not."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from policy.inputs import SECRET, UNKNOWN
from policy.resource import BaseImage, Container, Network, Resource, Volume

_DATABASES = re.compile(r"(^|[/_-])(postgres|postgresql|postgis|mysql|mariadb|redis|valkey|mongo)\b")
_DATABASE_PORTS = {"5432", "6432", "3306", "6379", "27017"}
_SECRET_NAME = re.compile(
    r"(PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|SECRET_?KEY|_DSN$|_PWD$|_KEY$)",
    re.IGNORECASE,
)
_PUBLIC_NAME = re.compile(r"PUBLIC|SITE_?KEY|_(URL|PATH|HEADER|PREFIX|CLASS)$|VALIDATOR|HASHER", re.IGNORECASE)
_PUBLIC_VALUE = re.compile(r"[\d.]{1,9}|true|false|on|off|yes|no|none|/[\w./-]*", re.IGNORECASE)
"""Names and values of settings that are called after secrets: how long a token lives, where a password is reset."""
SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY")
_CONTENT_NAMED = re.compile(r":[0-9a-f]{12}$")
"""An image of the stack's own, named by its content."""
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy. Its id is stable for ever: `E` stops a deployment, `W` warns."""

    id: str
    rule: str
    """What holds when nothing is found."""
    cure: str
    find: Callable[[Resource, str], Iterator[str]]
    """What is wrong with a resource of the stack of that name: from "must" on, with what was got in brackets."""

    @property
    def level(self) -> Literal["error", "warning"]:
        return "error" if self.id.partition(".")[2].startswith("E") else "warning"


def is_development(stack: str) -> bool:
    """One that a developer has for himself, by its name."""
    return bool(re.match(r"dev([-_.\d]|$)", stack))


def is_production(stack: str) -> bool:
    """Not one for development, tests or a pull request, by its name."""
    return not re.match(r"(dev|test|staging|review|preview|pr)([-_.\d]|$)", stack)


def public_database(resource: Resource, _: str) -> Iterator[str]:
    """A database publishes no port, to nobody, and its network has no way out."""
    if isinstance(resource, Network) and resource.name.endswith("-data") and not resource.internal:
        yield "must have no way out, as it is the database's (got one that is not internal)"
    if not isinstance(resource, Container):
        return
    kind = resource.role == "postgres" or bool(_DATABASES.search(resource.image.partition("@")[0]))
    for port in resource.ports:
        if kind or port.internal.partition("/")[0] in _DATABASE_PORTS:
            yield f"must publish no port, as it is a database's (got {port})"
    if kind and resource.network_mode == "host":
        yield "must have a network of its own, as it is a database (got the host's)"


def unlimited(resource: Resource, _: str) -> Iterator[str]:
    """Every container has limits of memory and CPU."""
    if isinstance(resource, Container):
        limits = (("memory", resource.memory_mb), ("cpus", resource.cpus))
        lacks = [key for key, limit in limits if not limit and key not in resource.unknown]
        if lacks:
            yield f"must have limits of memory and CPU (got no {' and no '.join(lacks)})"


def unpinned(resource: Resource, _: str) -> Iterator[str]:
    """Every container's image is named by its content: by digest, or by a tag that the stack derives from it."""
    if not isinstance(resource, Container) or resource.image == UNKNOWN:  # as of an image that is to be pulled
        return
    if not (_DIGEST.search(resource.image) or _CONTENT_NAMED.search(resource.image)):
        yield f"must run an image that is named by its content (got {resource.image or 'none'})"


def unpinned_base(resource: Resource, stack: str) -> Iterator[str]:
    """Outside of development every image that is pulled is named by digest."""
    if isinstance(resource, BaseImage) and not is_development(stack) and not _DIGEST.search(resource.name):
        yield "must be named by digest (got a tag, which may move)"


def unkept(resource: Resource, _: str) -> Iterator[str]:
    """A volume with data is kept when the stack lets go of it."""
    if isinstance(resource, Volume) and resource.holds_data and resource.retained is False:
        yield "must be kept when the stack lets go of it (got one that would be deleted)"


def unprotected(resource: Resource, stack: str) -> Iterator[str]:
    """In production a volume with data is protected."""
    if isinstance(resource, Volume) and resource.holds_data and is_production(stack) and not resource.protected:
        yield "must be protected in production (got one that may be destroyed)"


def secret_in_environment(resource: Resource, stack: str) -> Iterator[str]:
    """Outside of development no container has a secret among its variables."""
    if isinstance(resource, Container) and not is_development(stack):
        for name, value in resource.env.items():
            if holds_secret(name, value):
                told = "a variable that is secret" if name == SECRET else name
                yield f"must have no secret among its variables (got {told})"


def holds_secret(name: str, value: str) -> bool:
    """A variable that must not be there: it is hidden, and not just a setting of something secret."""
    if SECRET in (name, value) or SECRET_VALUE.search(value):
        return True
    return hidden(name, value) and not (_PUBLIC_NAME.search(name) or _PUBLIC_VALUE.fullmatch(value))


def hidden(name: str, value: str) -> bool:
    """A variable that is never shown, by its name or its value; one that names a secret's file may be."""
    if value == "" or name.endswith("_FILE"):
        return False
    return value == SECRET or bool(_SECRET_NAME.search(name) or SECRET_VALUE.search(value))


POLICIES = (
    Policy(
        id="policy.E001",
        rule="no database is public",
        cure="Take the port away; who needs the database joins its network, or asks inside its container.",
        find=public_database,
    ),
    Policy(
        id="policy.E002",
        rule="every container has limits",
        cure="Set its memory and cpus.",
        find=unlimited,
    ),
    Policy(
        id="policy.E003",
        rule="every image that runs is pinned",
        cure="Name it by digest, name:tag@sha256:…, or have the stack build it.",
        find=unpinned,
    ),
    Policy(
        id="policy.W004",
        rule="every image that is built on is pinned, outside of development",
        cure="Run ./ops pin, or name it by digest, name:tag@sha256:….",
        find=unpinned_base,
    ),
    Policy(
        id="policy.E005",
        rule="volumes with data are kept",
        cure="Declare it with retain_on_delete=True.",
        find=unkept,
    ),
    Policy(
        id="policy.W006",
        rule="volumes with data are protected in production",
        cure="Set protectData to true, or declare it with protect=True.",
        find=unprotected,
    ),
    Policy(
        id="policy.E007",
        rule="no secret is in a variable, outside of development",
        cure="Give it as a file: one more of the values of SecretFiles in __main__.py.",
        find=secret_in_environment,
    ),
)
"""In the order in which they are told. An id is never used again for something else."""

"""Pulumi.yaml's config schema in use: one key's text to one checked value, or the reason why not.

Types and defaults come from Pulumi.yaml; what a type cannot say stands here as one rule per key.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

Rule = Callable[[Any], Any]
"""Turns a value of the declared type into the checked one, or raises ValueError("must be …")."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong in a stack config."""

    key: str
    rule: str
    """What must hold, from "must" on."""
    got: str
    cure: str

    def __str__(self) -> str:
        return f"{self.key}: {self.rule} (got {self.got}). {self.cure}"


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key as Pulumi.yaml declares it."""

    name: str
    type: str
    default: Any
    description: str


def declared_keys(project_file: Path) -> dict[str, Key]:
    """The keys of Pulumi.yaml's `config:`, by name."""
    project = yaml.safe_load(project_file.read_text())
    return {
        name: Key(name=name, type=entry["type"], default=entry["default"], description=entry["description"])
        for name, entry in project["config"].items()
    }


def parse(key: Key, text: str) -> Any:
    """The checked value of `key` from its config text. Raises ValueError with what must hold."""
    return RULES.get(key.name, _any)(_typed(key.type, text))


def checked_default(key: Key) -> Any:
    """The checked value of a key that the stack config leaves out."""
    return RULES.get(key.name, _any)(key.default)


def unknown_key(name: str, known: Mapping[str, Key], stack_file: str) -> Problem:
    """The problem of a key that Pulumi.yaml does not list, with the nearest one that it does."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    cure = f"Did you mean {near[0]}? Rename it in {stack_file}." if near else f"Remove it from {stack_file}."
    return Problem(key=name, rule="must be a key that Pulumi.yaml lists", got=f"{name!r}", cure=cure)


def _typed(type_name: str, text: str) -> Any:
    if type_name == "integer":
        if not re.fullmatch(r"[+-]?\d+", text.strip()):
            raise ValueError("must be a whole number")
        return int(text)
    if type_name == "boolean":
        if text not in ("true", "false"):
            raise ValueError("must be true or false")
        return text == "true"
    if type_name in ("array", "object"):
        wanted = list if type_name == "array" else dict
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, wanted):
            raise ValueError("must be a list" if wanted is list else "must be a map of names to values")
        return value
    return text


def _any(value: Any) -> Any:
    return value


def _between(low: int, high: int, unit: str = "") -> Rule:
    def rule(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}{unit and ' ' + unit}")
        return value

    return rule


def _cpus(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not 0.1 <= float(text) <= 128:  # noqa: PLR2004 - the rule itself
        raise ValueError("must be a number of CPUs between 0.1 and 128")
    return float(text)


def _choice(*choices: str) -> Rule:
    def rule(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return value

    return rule


def _matching(pattern: str, meaning: str) -> Rule:
    def rule(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {meaning}")
        return value

    return rule


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("must be an IPv4 address of the server, or 0.0.0.0 for all of them") from None


def _hosts(value: list[Any]) -> tuple[str, ...]:
    name = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
    if not value or not all(isinstance(host, str) and name.fullmatch(host) for host in value):
        raise ValueError("must be a list of lower-case host names, without scheme, port or wildcard")
    return tuple(value)


_RESERVED_ENVIRONMENT = re.compile(
    r"DATABASE_(HOST|PORT|NAME|USER|PASSWORD_FILE)|SECRET_KEY_FILE|DJANGO_SETTINGS_MODULE|ALLOWED_HOSTS|RELEASE|REPLICA"
    r"|STATIC_ROOT|MEDIA_ROOT|GUNICORN_.*|WSGI_APPLICATION|HEALTH_PATH|TLS_ENABLED|CSRF_TRUSTED_ORIGINS"
)


def _environment(value: dict[str, Any]) -> dict[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError("must have names of capital letters, digits and _")
        if _RESERVED_ENVIRONMENT.fullmatch(name):
            raise ValueError(f"must not set {name}, which the stack sets itself")
        if isinstance(text, dict | list) or text is None:
            raise ValueError(f"must have text values, {name} has not")
    return {name: _plain(text) for name, text in sorted(value.items())}


_RESERVED_POSTGRES = (
    "listen_addresses",
    "port",
    "hba_file",
    "data_directory",
    "unix_socket_directories",
    "config_file",
)


def _postgres_settings(value: dict[str, Any]) -> dict[str, str]:
    for name, text in value.items():
        if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", name):
            raise ValueError("must have PostgreSQL setting names, such as work_mem")
        if name in _RESERVED_POSTGRES:
            raise ValueError(f"must not set {name}, which the stack sets itself")
        if isinstance(text, dict | list) or text is None:
            raise ValueError(f"must have text or number values, {name} has not")
    if "max_connections" in value and not re.fullmatch(r"[1-9]\d{0,3}", str(value["max_connections"])):
        raise ValueError("must have a whole number of max_connections between 1 and 9999")
    return {name: _plain(text) for name, text in sorted(value.items())}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _silenced_checks(value: dict[str, Any]) -> dict[str, str]:
    for check_id, reason in value.items():
        if not re.fullmatch(r"[a-z]+\.[EW]\d{3}", check_id):
            raise ValueError("must have check ids, such as host.W010")
        if not isinstance(reason, str) or len(reason.split()) < 2:  # noqa: PLR2004 - a reason is a sentence
            raise ValueError(f"must give {check_id} a reason in words")
    return value


_IMAGE = _matching(
    r"[a-z0-9][a-z0-9._/:-]*?(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    "an image reference, such as name:tag or name:tag@sha256:…",
)

RULES: dict[str, Rule] = {
    "healthPath": _matching(r"/[\w/.-]*", "an absolute URL path, such as /health/"),
    "djangoSettingsModule": _matching(
        r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?", "a Python module path, such as site.settings"
    ),
    "environment": _environment,
    "secretsVersion": _between(1, 1_000_000),
    "siteHosts": _hosts,
    "publishAddress": _ipv4,
    "httpPort": _between(1, 65535),
    "httpsPort": _between(0, 65535),
    "imagesFrom": _choice("registry", "debian"),
    "pythonImage": _IMAGE,
    "postgresImage": _IMAGE,
    "nginxImage": _IMAGE,
    "packagesDate": _matching(r"(\d{4}-\d{2}-\d{2})?", "a date, such as 2026-11-30, or empty"),
    "webReplicas": _between(1, 20),
    "webCpus": _cpus,
    "webMemoryMb": _between(64, 1_048_576, "MiB"),
    "webPids": _between(20, 32768),
    "gunicornWorkers": _between(0, 128),
    "gunicornThreads": _between(1, 128),
    "gunicornWorkerMemoryMb": _between(20, 65536, "MiB"),
    "requestTimeoutSeconds": _between(1, 3600, "seconds"),
    "drainTimeoutSeconds": _between(1, 600, "seconds"),
    "postgresCpus": _cpus,
    "postgresMemoryMb": _between(128, 1_048_576, "MiB"),
    "postgresPids": _between(50, 32768),
    "postgresSettings": _postgres_settings,
    "nginxCpus": _cpus,
    "nginxMemoryMb": _between(32, 65536, "MiB"),
    "nginxPids": _between(10, 32768),
    "uploadLimitMb": _between(1, 10240, "MB"),
    "logMaxSizeMb": _between(1, 1024, "MB"),
    "logMaxFiles": _between(1, 100),
    "silencedChecks": _silenced_checks,
}

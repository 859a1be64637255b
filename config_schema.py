"""Pulumi.yaml's config schema in use: one key's text to one checked value, or the reason why not.

Types and defaults come from Pulumi.yaml; what a type cannot say stands here as one rule per key.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from components.pinned import Pinned
from timer.schedule import is_schedule

SECRET_LENGTHS = {"djangoSecretKey": 50, "databasePassword": 20}
"""The site's secrets and their least length in characters; 50 is what Django's check security.W009 asks for."""

OPTIONAL_SECRETS = ("driftWebhookUrl",)
"""Keys that must be encrypted if they are set. The program itself has no use for them."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's is ten times as fast, where PyYAML was built with it: 4 ms of every run instead of 40."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the type of a key cannot say."""

    words: str
    """From "must" on."""
    broken: Callable[[Any], str]
    """The words for what a value of the declared type breaks; empty when it is right."""
    checked: Callable[[Any], Any] = lambda value: value
    """The value as settings.py gets it."""


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
    project = yaml.load(project_file.read_text(), Loader=_LOADER)  # noqa: S506 - either is a safe one
    return {
        name: Key(name=name, type=entry["type"], default=entry["default"], description=entry["description"])
        for name, entry in project["config"].items()
    }


def parse(key: Key, text: str) -> Any:
    """The checked value of `key` from its config text. Raises ValueError with what must hold."""
    return _checked(key, _typed(key.type, text))


def checked_default(key: Key) -> Any:
    """The checked value of a key that the stack config leaves out."""
    return _checked(key, key.default)


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


def _checked(key: Key, value: Any) -> Any:
    if key.name not in RULES:
        return value
    rule = RULES[key.name]
    if broken := rule.broken(value):
        raise ValueError(broken)
    return rule.checked(value)


def _rule(words: str, holds: Callable[[Any], bool], checked: Callable[[Any], Any] = lambda value: value) -> Rule:
    return Rule(words=words, broken=lambda value: "" if holds(value) else words, checked=checked)


def _between(low: int, high: int, unit: str = "") -> Rule:
    return _rule(f"must be between {low} and {high}{unit and ' ' + unit}", lambda value: low <= value <= high)


def _choice(*choices: str) -> Rule:
    return _rule(f"must be {' or '.join(choices)}", lambda value: value in choices)


def _matching(pattern: str, meaning: str) -> Rule:
    return _rule(f"must be {meaning}", lambda value: re.fullmatch(pattern, value) is not None)


def _is_cpus(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None and 0.1 <= float(text) <= 128  # noqa: PLR2004 - the rule itself


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_date_or_empty(text: str) -> bool:
    try:
        return not text or (re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and bool(date.fromisoformat(text)))
    except ValueError:
        return False


_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def _are_hosts(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(host, str) and _HOST.fullmatch(host) for host in value)


def _are_paths(value: list[Any]) -> bool:
    return all(isinstance(path, str) and re.fullmatch(r"/[!-~]*", path) for path in value)


def _are_locations(value: list[Any]) -> bool:
    """Each is a location of its own in Nginx's configuration, beside those that every site has."""
    plain = all(isinstance(path, str) and re.fullmatch(r"/[A-Za-z0-9._~/-]+", path) for path in value)
    return plain and len(set(value)) == len(value) and not {"/static/", "/media/"} & set(value)


def _are_commands(value: list[Any]) -> bool:
    return all(isinstance(command, str) and command.strip() for command in value)


_RESERVED_ENVIRONMENT = re.compile(
    r"DATABASE_(HOST|PORT|NAME|USER|PASSWORD_FILE)|SECRET_KEY_FILE|DJANGO_SETTINGS_MODULE|ALLOWED_HOSTS|RELEASE|REPLICA"
    r"|STATIC_ROOT|MEDIA_ROOT|GUNICORN_.*|WSGI_APPLICATION|HEALTH_PATH|TLS_ENABLED|CSRF_TRUSTED_ORIGINS"
)


def _environment_broken(value: dict[str, Any]) -> str:
    for name, text in value.items():
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            return "must have names of capital letters, digits and _"
        if _RESERVED_ENVIRONMENT.fullmatch(name):
            return f"must not set {name}, which the stack sets itself"
        if isinstance(text, dict | list) or text is None:
            return f"must have text values, {name} has not"
    return ""


_RESERVED_POSTGRES = re.compile(r"listen_addresses|port|hba_file|data_directory|unix_socket_directories|config_file")


def _postgres_settings_broken(value: dict[str, Any]) -> str:
    for name, text in value.items():
        if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", name):
            return "must have PostgreSQL setting names, such as work_mem"
        if _RESERVED_POSTGRES.fullmatch(name):
            return f"must not set {name}, which the stack sets itself"
        if isinstance(text, dict | list) or text is None:
            return f"must have text or number values, {name} has not"
    if "max_connections" in value and not re.fullmatch(r"[1-9]\d{0,3}", str(value["max_connections"])):
        return "must have a whole number of max_connections between 1 and 9999"
    return ""


_PIN_WORDS = "must be what ./ops rollback writes, or empty"


def _pin_broken(text: str) -> str:
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError:
        return _PIN_WORDS
    fields = {field.name for field in dataclasses.fields(Pinned)}
    return "" if not text or (isinstance(value, dict) and set(value) == fields) else _PIN_WORDS


def _pin(text: str) -> Pinned | None:
    return Pinned(**json.loads(text)) if text else None


def _silenced_checks_broken(value: dict[str, Any]) -> str:
    for check_id, reason in value.items():
        if not re.fullmatch(r"[a-z]+\.[EW]\d{3}", check_id):
            return "must have check ids, such as host.W010"
        if not isinstance(reason, str) or len(reason.split()) < 2:  # noqa: PLR2004 - a reason is a sentence
            return f"must give {check_id} a reason in words"
    return ""


def _texts(value: dict[str, Any]) -> dict[str, str]:
    """By name, in a fixed order; true and false as they are written in configuration files."""
    return {name: str(item).lower() if isinstance(item, bool) else str(item) for name, item in sorted(value.items())}


_PATHS = _rule("must be a list of absolute URL paths, such as /reports/", _are_paths)
_CPUS = _rule("must be a number of CPUs between 0.1 and 128", _is_cpus, float)
_IMAGE = _matching(
    r"([a-z0-9][a-z0-9.-]*(:\d+)?/)?[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*"
    r"(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    "an image reference, such as name:tag or name:tag@sha256:…",
)

RULES: dict[str, Rule] = {
    "healthPath": _matching(r"/[\w/.-]*", "an absolute URL path, such as /health/"),
    "djangoSettingsModule": _matching(
        r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?", "a Python module path, such as site.settings"
    ),
    "environment": Rule(
        words="must have names of capital letters, digits and _, none that the stack sets itself, and text values",
        broken=_environment_broken,
        checked=_texts,
    ),
    "releaseCommands": _rule("must be a list of command lines", _are_commands),
    "releaseStrategy": _choice("blue-green", "rolling", "canary"),
    "rollingBatch": _between(1, 20),
    "canaryPercent": _rule("must be a multiple of 5 between 0 and 50", lambda value: value in range(0, 51, 5)),
    "canarySeconds": _between(5, 3600, "seconds"),
    "bakeSeconds": _between(0, 3600, "seconds"),
    "startTimeoutSeconds": _between(5, 900, "seconds"),
    "keepReleases": _between(1, 50),
    "migrationLockSeconds": _between(1, 60, "seconds"),
    "pinnedRelease": Rule(words=_PIN_WORDS, broken=_pin_broken, checked=_pin),
    "gatePaths": _PATHS,
    "proofPostPaths": _PATHS,
    "proofSlowPaths": _PATHS,
    "longPaths": _rule(
        "must be a list of different paths such as /export/, none of them /static/ or /media/", _are_locations
    ),
    "longTimeoutSeconds": _between(1, 86_400, "seconds"),
    "secretsVersion": _between(1, 1_000_000),
    "siteHosts": _rule("must be a list of lower-case host names, without scheme, port or wildcard", _are_hosts, tuple),
    "publishAddress": _rule("must be an IPv4 address of the server, or 0.0.0.0 for all of them", _is_ipv4),
    "httpPort": _between(1, 65535),
    "httpsPort": _between(0, 65535),
    "imagesFrom": _choice("registry", "debian"),
    "pythonImage": _IMAGE,
    "postgresImage": _IMAGE,
    "nginxImage": _IMAGE,
    "packagesDate": _rule("must be a date, such as 2026-11-30, or empty", _is_date_or_empty),
    "webReplicas": _between(1, 20),
    "webCpus": _CPUS,
    "webMemoryMb": _between(64, 1_048_576, "MiB"),
    "webPids": _between(20, 32768),
    "gunicornWorkers": _between(0, 128),
    "gunicornThreads": _between(1, 128),
    "gunicornWorkerMemoryMb": _between(20, 65536, "MiB"),
    "requestTimeoutSeconds": _between(1, 3600, "seconds"),
    "drainTimeoutSeconds": _between(1, 600, "seconds"),
    "postgresCpus": _CPUS,
    "postgresMemoryMb": _between(128, 1_048_576, "MiB"),
    "postgresPids": _between(50, 32768),
    "postgresSettings": Rule(
        words="must have PostgreSQL setting names, none that the stack sets itself, and text or number values",
        broken=_postgres_settings_broken,
        checked=_texts,
    ),
    "seedChecks": _rule("must be a list of SQL queries", _are_commands),
    "seedCommands": _rule("must be a list of command lines", _are_commands),
    "nginxCpus": _CPUS,
    "nginxMemoryMb": _between(32, 65536, "MiB"),
    "nginxPids": _between(10, 32768),
    "uploadLimitMb": _between(1, 10240, "MB"),
    "driftSchedule": _rule("must be 5 to 10080 minutes, a systemd calendar event such as daily, or empty", is_schedule),
    "driftWebhookUrl": _matching(
        r"|(https://[^\s/]|http://(localhost|127\.0\.0\.1)[:/])\S*", "an address with https://"
    ),
    "logMaxSizeMb": _between(1, 1024, "MB"),
    "logMaxFiles": _between(1, 100),
    "silencedChecks": Rule(
        words="must have check ids, such as host.W010, each with a reason in words", broken=_silenced_checks_broken
    ),
}

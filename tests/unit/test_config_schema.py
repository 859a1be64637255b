"""The config schema: types, rules and their words, one key at a time."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

import config_schema
from components.pinned import Pinned
from config_schema import RULES, Key, Problem, parse
from tests.unit.program import ROOT, text_of

KEYS = config_schema.declared_keys(ROOT / "Pulumi.yaml")

DIGEST = "sha256:" + "0123456789abcdef" * 4
CPUS = "must be a number of CPUs between 0.1 and 128"
HOSTS = "must be a list of lower-case host names, without scheme, port or wildcard"
COMMANDS = "must be a list of command lines"
IMAGE = "must be an image reference, such as name:tag or name:tag@sha256:…"
DATE = "must be a date, such as 2026-11-30, or empty"
IPV4 = "must be an IPv4 address of the server, or 0.0.0.0 for all of them"
PATH = "must be an absolute URL path, such as /health/"
PATHS = "must be a list of absolute URL paths, such as /reports/"
STRATEGY = "must be blue-green or rolling or canary"
LOCATIONS = "must be a list of different paths such as /export/, none of them /static/ or /media/"
PERCENT = "must be a multiple of 5 between 0 and 50"
PINNED = "must be what ./ops rollback writes, or empty"
MODULE = "must be a Python module path, such as site.settings"

RANGES = {
    "secretsVersion": (1, 1_000_000, ""),
    "httpPort": (1, 65535, ""),
    "httpsPort": (0, 65535, ""),
    "webReplicas": (1, 20, ""),
    "webMemoryMb": (64, 1_048_576, " MiB"),
    "webPids": (20, 32768, ""),
    "gunicornWorkers": (0, 128, ""),
    "gunicornThreads": (1, 128, ""),
    "gunicornWorkerMemoryMb": (20, 65536, " MiB"),
    "requestTimeoutSeconds": (1, 3600, " seconds"),
    "drainTimeoutSeconds": (1, 600, " seconds"),
    "startTimeoutSeconds": (5, 900, " seconds"),
    "longTimeoutSeconds": (1, 86_400, " seconds"),
    "rollingBatch": (1, 20, ""),
    "canarySeconds": (5, 3600, " seconds"),
    "bakeSeconds": (0, 3600, " seconds"),
    "keepReleases": (1, 50, ""),
    "migrationLockSeconds": (1, 60, " seconds"),
    "postgresMemoryMb": (128, 1_048_576, " MiB"),
    "postgresPids": (50, 32768, ""),
    "nginxMemoryMb": (32, 65536, " MiB"),
    "nginxPids": (10, 32768, ""),
    "uploadLimitMb": (1, 10240, " MB"),
    "logMaxSizeMb": (1, 1024, " MB"),
    "logMaxFiles": (1, 100, ""),
}

PIN: dict[str, Any] = {
    "release": "0123456789",
    "instead_of": "9876543210",
    "image": "i:1",
    "secrets_volume": "v-1",
    "spec": {"a": 1},
}

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("webCpus", "0.1", 0.1),
    ("webCpus", "2", 2.0),
    ("postgresCpus", "1.5", 1.5),
    ("nginxCpus", "128", 128.0),
    ("protectData", "true", True),
    ("protectData", "false", False),
    ("httpPort", " 8080 ", 8080),
    ("siteHosts", ["www.example.com", "127.0.0.1", "a-b.c1"], ("www.example.com", "127.0.0.1", "a-b.c1")),
    ("publishAddress", "10.1.2.3", "10.1.2.3"),
    ("healthPath", "/", "/"),
    ("healthPath", "/up/is-it.txt", "/up/is-it.txt"),
    ("djangoSettingsModule", "", ""),
    ("djangoSettingsModule", "my_site.settings.production", "my_site.settings.production"),
    ("environment", {"B": 2, "A_1": "x y", "C": True, "D": 1.5}, {"A_1": "x y", "B": "2", "C": "true", "D": "1.5"}),
    ("releaseCommands", ["python manage.py seed", "true"], ["python manage.py seed", "true"]),
    *[("releaseStrategy", kind, kind) for kind in ("blue-green", "rolling", "canary")],
    *[("canaryPercent", str(percent), percent) for percent in (0, 5, 45, 50)],
    ("gatePaths", [], []),
    ("gatePaths", ["/", "/about/?a=b"], ["/", "/about/?a=b"]),
    ("proofPostPaths", ["/probe/"], ["/probe/"]),
    ("proofSlowPaths", ["/probe/slow/3"], ["/probe/slow/3"]),
    ("longPaths", ["/export/", "/static/big", "/v1.0/a_b~c-d"], ["/export/", "/static/big", "/v1.0/a_b~c-d"]),
    ("pinnedRelease", "", None),
    ("pinnedRelease", PIN, Pinned(**PIN)),
    ("imagesFrom", "debian", "debian"),
    ("pythonImage", "python", "python"),
    ("pythonImage", "python:3.13-slim@" + DIGEST, "python:3.13-slim@" + DIGEST),
    ("nginxImage", "registry.example.com:5000/team/nginx:1.28", "registry.example.com:5000/team/nginx:1.28"),
    ("nginxImage", "localhost/nginx@" + DIGEST, "localhost/nginx@" + DIGEST),
    ("packagesDate", "", ""),
    ("packagesDate", "2028-02-29", "2028-02-29"),
    (
        "postgresSettings",
        {"work_mem": "8MB", "max_connections": 50, "jit": False},
        {"jit": "false", "max_connections": "50", "work_mem": "8MB"},
    ),
    ("silencedChecks", {"host.W010": "the disk is shared"}, {"host.W010": "the disk is shared"}),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("webReplicas", "two", "must be a whole number"),
    ("webReplicas", "2.0", "must be a whole number"),
    ("webReplicas", "", "must be a whole number"),
    ("protectData", "yes", "must be true or false"),
    ("protectData", "True", "must be true or false"),
    ("siteHosts", "www.example.com", "must be a list"),
    ("siteHosts", {"a": "b"}, "must be a list"),
    ("environment", ["A"], "must be a map of names to values"),
    ("environment", "A=1", "must be a map of names to values"),
    *[("webCpus", text, CPUS) for text in ("0", "0.09", "-1", "128.5", "two", "1e1", "", "1.", ".5", "1,5", "nan")],
    *[("siteHosts", hosts, HOSTS) for hosts in ([], [""], ["https://a.example"], ["a:80"], ["*.a.example"])],
    *[("siteHosts", hosts, HOSTS) for hosts in ([".a.example"], ["A.example"], ["-a"], ["a-"], ["a_b"], [1], ["a b"])],
    ("siteHosts", ["x" * 64], HOSTS),
    *[("publishAddress", text, IPV4) for text in ("", "localhost", "::1", "10.0.0", "10.0.0.256", "10.0.0.1/8")],
    *[("healthPath", text, PATH) for text in ("", "health", "https://a/health", "/health?x", "/a b")],
    *[("djangoSettingsModule", text, MODULE) for text in ("1site", "site-settings", ".settings", "site.", "a b")],
    ("environment", {"lower": "x"}, "must have names of capital letters, digits and _"),
    ("environment", {"1A": "x"}, "must have names of capital letters, digits and _"),
    ("environment", {"": "x"}, "must have names of capital letters, digits and _"),
    ("environment", {"ALLOWED_HOSTS": "*"}, "must not set ALLOWED_HOSTS, which the stack sets itself"),
    ("environment", {"GUNICORN_CMD_ARGS": "-w 9"}, "must not set GUNICORN_CMD_ARGS, which the stack sets itself"),
    ("environment", {"A": None}, "must have text values, A has not"),
    ("environment", {"A": {"b": "c"}}, "must have text values, A has not"),
    *[("releaseCommands", commands, COMMANDS) for commands in ([1], [""], [["a"]], [{"a": "b"}], ["ok", " "])],
    *[("seedCommands", commands, COMMANDS) for commands in ([1], [""])],
    *[("seedChecks", queries, "must be a list of SQL queries") for queries in ([1], [" "])],
    *[("releaseStrategy", kind, STRATEGY) for kind in ("", "Canary", "blue", "recreate")],
    *[("canaryPercent", str(percent), PERCENT) for percent in (-5, 1, 12, 55, 100)],
    *[
        (key, paths, PATHS)
        for key in ("gatePaths", "proofPostPaths", "proofSlowPaths")
        for paths in ([""], ["about/"], ["https://a.example/"], ["/a b"], ["/\n"], [1], ["/", None])
    ],
    *[
        ("longPaths", paths, LOCATIONS)
        for paths in (["/"], ["export/"], ["/a b"], ["/a;"], ["/{x}"], ['/"'], ["/$x"], ["/é"], [1], ["/media/"])
    ],
    *[("longPaths", paths, LOCATIONS) for paths in (["/static/"], ["/a/", "/b/", "/a/"])],
    *[("pinnedRelease", text, PINNED) for text in ("0123456789", "{", "{}", "[]", "null", "5", {**PIN, "more": 1})],
    ("pinnedRelease", {key: value for key, value in PIN.items() if key != "spec"}, PINNED),
    ("imagesFrom", "Debian", "must be registry or debian"),
    ("imagesFrom", "", "must be registry or debian"),
    *[
        ("postgresImage", text, IMAGE)
        for text in ("", "Postgres", "postgres:", "a//b", "/a", "a/", "a b", "postgres@sha256:12", "-x", "$x")
    ],
    *[("packagesDate", text, DATE) for text in ("2026-02-30", "2026-13-01", "30.11.2026", "20261130", "today")],
    ("postgresSettings", {"work mem": "1MB"}, "must have PostgreSQL setting names, such as work_mem"),
    ("postgresSettings", {"port": 1}, "must not set port, which the stack sets itself"),
    ("postgresSettings", {"config_file": "x"}, "must not set config_file, which the stack sets itself"),
    ("postgresSettings", {"work_mem": None}, "must have text or number values, work_mem has not"),
    ("postgresSettings", {"work_mem": ["1MB"]}, "must have text or number values, work_mem has not"),
    *[
        (
            "postgresSettings",
            {"max_connections": number},
            "must have a whole number of max_connections between 1 and 9999",
        )
        for number in (0, -1, 1.5, "many", 10_000, True)
    ],
    ("silencedChecks", {"W010": "a good reason"}, "must have check ids, such as host.W010"),
    ("silencedChecks", {"host.W010": "because"}, "must give host.W010 a reason in words"),
    ("silencedChecks", {"host.W010": True}, "must give host.W010 a reason in words"),
]


@pytest.mark.parametrize(("name", "value", "expected"), ACCEPTED)
def test_accepts_what_the_rule_allows(name: str, value: Any, expected: Any) -> None:
    """A value within the rule comes out in the type that the settings have."""
    assert parse(KEYS[name], text_of(value)) == expected


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_refuses_what_the_rule_forbids(name: str, value: Any, words: str) -> None:
    """A value outside of the rule is refused in the words of that rule."""
    with pytest.raises(ValueError, match=r"^must ") as refusal:
        parse(KEYS[name], text_of(value))
    assert str(refusal.value) == words


@pytest.mark.parametrize("name", RANGES)
def test_a_number_may_reach_its_limits_and_no_further(name: str) -> None:
    """Both ends of a range are allowed, and one more or less is refused with the range and its unit."""
    low, high, unit = RANGES[name]
    assert [parse(KEYS[name], str(number)) for number in (low, high)] == [low, high]
    for number in (low - 1, high + 1):
        with pytest.raises(ValueError, match="between") as refusal:
            parse(KEYS[name], str(number))
        assert str(refusal.value) == f"must be between {low} and {high}{unit}"


def test_every_number_has_a_range() -> None:
    """No integer key is without a rule, so no absurd number goes through."""
    assert {name for name, key in KEYS.items() if key.type == "integer"} == {*RANGES, "canaryPercent"}


def test_every_rule_belongs_to_a_declared_key() -> None:
    """A rule for a key that Pulumi.yaml does not have would never be applied."""
    assert RULES.keys() <= KEYS.keys()


def test_every_rule_says_its_words() -> None:
    """A rule's words begin with "must", so that they fit into a message and into the documentation."""
    assert [name for name, rule in RULES.items() if not rule.words.startswith("must ")] == []


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_declared_whole(name: str) -> None:
    """Pulumi.yaml gives every key a known type, a default of that type, and a sentence that says what it means."""
    key = KEYS[name]
    types: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    assert type(key.default) is types[key.type]
    assert len(key.description.split()) >= 3
    assert key.description.endswith(".")


@pytest.mark.parametrize("name", KEYS)
def test_every_default_passes_its_own_rule(name: str) -> None:
    """A stack that leaves a key out gets what it would get by writing the default."""
    key = KEYS[name]
    assert config_schema.checked_default(key) == parse(key, text_of(key.default))


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("webReplica", "webReplicas"),
        ("replicas", "webReplicas"),
        ("webMemoryMB", "webMemoryMb"),
        ("httpport", "httpPort"),
        ("gunicornWorkersCount", "gunicornWorkers"),
        ("databasepassword", "databasePassword"),
    ],
)
def test_an_unknown_key_gets_the_nearest_one(name: str, suggested: str) -> None:
    """A key with a slip of the pen is answered with the key that was meant, and the file to mend."""
    assert str(config_schema.unknown_key(name, KEYS, "Pulumi.dev.yaml")) == (
        f"{name}: must be a key that Pulumi.yaml lists (got {name!r}). "
        f"Did you mean {suggested}? Rename it in Pulumi.dev.yaml."
    )


def test_an_unknown_key_like_no_other_is_to_be_removed() -> None:
    """Where nothing is near, nothing is suggested."""
    problem = config_schema.unknown_key("zzz", KEYS, "Pulumi.dev.yaml")
    assert problem.cure == "Remove it from Pulumi.dev.yaml."


def test_a_problem_reads_as_one_sentence_and_a_cure() -> None:
    """Where, what must hold, what was found, what to do."""
    problem = Problem(key="webReplicas", rule="must be between 1 and 20", got="'0'", cure="Set it in Pulumi.dev.yaml.")
    assert str(problem) == "webReplicas: must be between 1 and 20 (got '0'). Set it in Pulumi.dev.yaml."


def test_a_key_without_a_rule_takes_any_value_of_its_type() -> None:
    """The type is then all that is asked."""
    assert parse(Key(name="free", type="string", default="", description=""), "anything") == "anything"


def test_cpus_are_finite_numbers() -> None:
    """Every accepted number of CPUs can be computed with."""
    assert all(math.isfinite(parse(KEYS["webCpus"], f"{tenths / 10:.1f}")) for tenths in range(1, 1281))


def test_today_is_a_date_for_packages() -> None:
    """The form that `date.isoformat` writes is the one that the rule takes."""
    today = datetime.now(tz=UTC).date().isoformat()
    assert parse(KEYS["packagesDate"], today) == today

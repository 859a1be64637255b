"""What a change of code or config touches, and what it leaves alone."""

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import components
import config_schema
from components.gunicorn import GunicornArgs
from tests.unit.program import ROOT, SECRETS, SERVER, committed, declare
from tests.unit.recording import Declarations

KEYS = config_schema.declared_keys(ROOT / "Pulumi.yaml")

WEB = re.compile(
    r"Image app-image|Command web-(clear|static|migrate|release-phase|prepare)|Container web-[0-9a-f]{10}-\d"
    r"|Command web-[0-9a-f]{10}-\d-ready|Command release-switch"
)
"""All that a release consists of."""


def test_a_code_change_touches_the_image_and_the_web_containers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL, the holder, Nginx, networks and volumes stay as they are."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copytree(ROOT / "timer", tmp_path / "timer")
    shutil.copytree(ROOT / "sample", tmp_path / "sample", ignore=shutil.ignore_patterns("*-root", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    before = declare(committed("dev"))
    with (tmp_path / "sample" / "hedgerow" / "urls.py").open("a") as file:
        file.write("# changed\n")
    after = declare(committed("dev"))
    changed = after.changed(before)
    assert {key for key in changed if not WEB.fullmatch(key)} == set()
    assert len(changed) == 1 + 5 + 2 * 2 * 2 + 1
    for declarations in (before, after):
        assert {key for key in declarations.all if WEB.fullmatch(key)} <= changed


def test_more_replicas_are_the_same_release() -> None:
    """The replicas that there are stay; one more starts, and the switch learns of it."""
    more = declare(committed("dev") | {"webReplicas": 3, "gunicornWorkers": 2, "postgresMemoryMb": 1024})
    fewer = declare(committed("dev") | {"webReplicas": 2, "gunicornWorkers": 2, "postgresMemoryMb": 1024})
    release = more.exports["release"]
    assert release == fewer.exports["release"]
    assert more.changed(fewer) == {
        f"Container web-{release}-3",
        f"Command web-{release}-3-ready",
        "Command web-prepare",
        "Command release-switch",
    }


def test_a_database_limit_touches_the_database(dev: Declarations) -> None:
    """And the steps around a new database container, between which requests wait. No release, no switch."""
    changed = declare(committed("dev") | {"postgresMemoryMb": 640}).changed(dev)
    assert changed == {
        "Command postgres-hold",
        "Container postgres",
        "Command postgres-ready",
        "Command postgres-site",
        "Command postgres-resume",
    }


def test_an_nginx_limit_touches_nginx(dev: Declarations) -> None:
    """A new Nginx beside the old one, and the switch asks through it."""
    changed = declare(committed("dev") | {"nginxMemoryMb": 160}).changed(dev)
    assert len(changed) == 6
    assert {re.sub("[0-9a-f]{10}", "*", key) for key in changed} == {
        "Container nginx-*",
        "Command nginx-*-ready",
        "Command web-prepare",
        "Command release-switch",
    }


CHANGES = {
    "appPath": "./sample",
    "djangoSettingsModule": "other.settings",
    "environment": {"A": "b"},
    "healthPath": "/up/",
    "releaseCommands": ["true"],
    "secretsVersion": 2,
    "siteHosts": ["a.example"],
    "pythonImage": "python:3.14",
    "webReplicas": 1,
    "webMemoryMb": 400,
    "gunicornWorkers": 2,
    "gunicornThreads": 3,
    "requestTimeoutSeconds": 31,
    "drainTimeoutSeconds": 31,
    "startTimeoutSeconds": 61,
    "migrationLockSeconds": 3,
    "seedCommands": ["true"],
    "protectData": False,
    "logMaxFiles": 4,
}
"""A change of everything that a release is made from."""


def test_every_argument_of_a_release_comes_from_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of it changed, no argument is what it was, apart from what the stack's name alone decides."""
    taken: list[GunicornArgs] = []
    original = components.Gunicorn

    def take(name: str, args: GunicornArgs, **options: Any) -> components.Gunicorn:
        taken.append(args)
        return original(name, args, **options)

    monkeypatch.setattr(components, "Gunicorn", take)
    declare()
    declare(CHANGES)
    before, after = taken
    same = {
        field.name
        for field in dataclasses.fields(GunicornArgs)
        if getattr(before, field.name) == getattr(after, field.name)
    }
    assert same == {"edge_network", "data_network", "pinned", "parallel_starts"}


ELSEWHERE = {
    "publishAddress": "127.0.0.1",
    "httpPort": 8080,
    "httpsPort": 0,
    "nginxImage": "nginx:1.29",
    "nginxCpus": "1.0",
    "nginxMemoryMb": 128,
    "nginxPids": 60,
    "uploadLimitMb": 20,
    "postgresImage": "postgres:18",
    "postgresCpus": "2.0",
    "postgresMemoryMb": 2048,
    "postgresPids": 400,
    "postgresSettings": {"work_mem": "8MB"},
    "protectData": False,
    "buildCaFile": "LICENSE",
    "silencedChecks": {"host.W010": "a shared disk"},
    "releaseCommands": ["true"],
    "releaseStrategy": "canary",
    "rollingBatch": 2,
    "canaryPercent": 20,
    "canarySeconds": 10,
    "bakeSeconds": 5,
    "keepReleases": 3,
    "migrationLockSeconds": 4,
    "gatePaths": ["/about/"],
    "proofPostPaths": ["/probe/"],
    "proofSlowPaths": ["/probe/slow/"],
    "longPaths": ["/export/"],
    "longTimeoutSeconds": 90,
    "startAtBoot": False,
    "driftSchedule": "60",
    "seedDump": "LICENSE",
    "seedChecks": ["SELECT 1 WHERE false"],
}
"""A change of everything else."""


def test_every_key_is_a_change_of_a_release_or_is_none() -> None:
    """But for what names images by itself, the pin, which is a release, and a secret of ./ops alone."""
    apart = {
        "imagesFrom",
        "packagesDate",
        "gunicornWorkerMemoryMb",
        "pinnedRelease",
        "driftWebhookUrl",
        "logMaxSizeMb",
        "webCpus",
        "webPids",
    }
    assert CHANGES.keys() | ELSEWHERE.keys() | apart | set(SECRETS) == KEYS.keys()


def test_what_is_not_in_a_replica_is_no_new_release() -> None:
    """Ports, Nginx, PostgreSQL, protection and how a release goes live can all change at once."""
    assert declare(ELSEWHERE).exports["release"] == declare().exports["release"]


def test_the_servers_platform_and_kernel_reach_the_components(dev: Declarations) -> None:
    """Images are built for the server; a kernel without the setting does not get it."""
    other = dataclasses.replace(SERVER, platform="linux/arm64", kernel="5.10.0")
    arm = declare(committed("dev"), server=other)
    assert {image.inputs["build"]["platform"] for image in arm.of("Image")} == {"linux/arm64"}
    assert {key for key in arm.changed(dev) if not key.startswith("Image ")} == {
        "Container nginx-holder",
        "Command nginx-holder-ready",
        *(key for key in dev.all if re.match(r"(Container|Command) nginx-[0-9a-f]{10}", key)),
        "Command release-switch",
    }

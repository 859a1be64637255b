"""What the doctor says, from what was gathered."""

import dataclasses
import json
from typing import Any

import pytest

from operations.diagnosis import Findings, as_json, as_text, status_of
from preflight.catalogue import CHECKS
from preflight.messages import CheckMessage, error, warning
from tests.unit.goldens import expect
from tests.unit.program import SERVER

HEALTHY = Findings(
    stack="prod",
    config_name="Pulumi.prod.yaml",
    engine="pulumi v3.272.0",
    endpoint="unix:///var/run/docker.sock (the default socket)",
    docker_cli="28.2.2, build e6534b4 (/usr/bin/docker)",
    server=SERVER,
    ports={"0.0.0.0:80": "", "0.0.0.0:443": "container shop-prod-edge"},
    config_usable=True,
    messages=(),
)

FULL_DISK = warning("host.W010", "disk: 1 of 100 MiB are free.", "Free some.")
NO_ENGINE = error("host.E001", "Docker: an engine must answer (got nothing).", "Start it.")
BAD_CONFIG = error("config.E001", "webReplicas: must be between 1 and 20 (got '0').", "Set it.")


def findings(*messages: CheckMessage, **changes: Any) -> Findings:
    """Findings that are well but for these."""
    return dataclasses.replace(HEALTHY, messages=messages, **changes)


def statuses(found: Findings) -> dict[str, str]:
    """Every check's outcome."""
    return {check.id: status_of(check, found) for check in CHECKS}


def but(status: str, **others: str) -> dict[str, str]:
    """One outcome for all checks but those named, with _ for the dot."""
    return {check.id: status for check in CHECKS} | {name.replace("_", "."): each for name, each in others.items()}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (HEALTHY, but("ok")),
        (findings(FULL_DISK), but("ok", host_W010="warning")),
        (findings(FULL_DISK, silenced={"host.W010": "a shared disk"}), but("ok", host_W010="silenced")),
        (
            findings(error("host.E007", "memory: too little.", "Lower it.")),
            but("ok", host_E007="error", host_W008="open"),
        ),
        (
            findings(error("host.E009", "disk: full.", "Free some.")),
            but("ok", host_E009="error", host_W010="open"),
        ),
        (findings(NO_ENGINE, server=None), but("open", config_E001="ok", host_E001="error")),
        (
            findings(error("host.E002", "Docker: must let this user in.", "Join."), server=None),
            but("open", config_E001="ok", host_E002="error"),
        ),
        (
            findings(server=dataclasses.replace(SERVER, disk_free_mb=None, disk_total_mb=None)),
            but("ok", host_E009="open", host_W010="open"),
        ),
        (
            findings(BAD_CONFIG, config_usable=False),
            but("ok", config_E001="error")
            | dict.fromkeys(["host.E005", "host.E006", "host.E007"], "open")
            | dict.fromkeys(["host.W008", "data.E001"], "open"),
        ),
        (
            findings(BAD_CONFIG, NO_ENGINE, config_usable=False, server=None),
            but("open", config_E001="error", host_E001="error"),
        ),
    ],
)
def test_a_check_that_was_not_made_is_not_called_right(found: Findings, expected: dict[str, str]) -> None:
    """Right is only what was looked at and found so."""
    assert statuses(found) == expected


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (HEALTHY, 0),
        (findings(FULL_DISK), 0),
        (findings(NO_ENGINE, server=None), 1),
        (findings(error("host.E003", "old", "new"), silenced={"host.E003": "tested by hand"}), 0),
        (findings(BAD_CONFIG, config_usable=False), 1),
    ],
)
def test_the_exit_code_tells_whether_a_deployment_would_be_stopped(found: Findings, code: int) -> None:
    """A warning does not stop one, nor does an error that is silenced."""
    assert found.exit_code == code


def test_the_text_shows_what_is_there_and_every_check() -> None:
    """The whole of it, for a server with something of everything."""
    messages = (
        error("host.E005", "httpPort: 0.0.0.0:80 must be free (got process caddy on it).", "Stop that."),
        error("host.E007", "memory: the limits must fit (got 9 MiB).", "Lower them."),
        FULL_DISK,
    )
    found = findings(*messages, silenced={"host.W010": "a shared disk"}, ports={"0.0.0.0:80": "process caddy"})
    expect("doctor.txt", as_text(found) + "\n")


def test_the_text_without_an_engine_is_as_long() -> None:
    """What could not be looked at is said to be so."""
    lines = as_text(findings(NO_ENGINE, server=None, ports={}, docker_cli="")).splitlines()
    assert "Docker      no answer at unix:///var/run/docker.sock (the default socket)" in lines
    assert "docker CLI  not on PATH" in lines
    assert sum(line.endswith("(not looked at)") for line in lines) == len(CHECKS) - 2
    assert lines[-1] == "1 error, 0 warnings"


def test_several_findings_of_one_check_are_all_shown() -> None:
    """A config may have many problems."""
    text = as_text(findings(BAD_CONFIG, dataclasses.replace(BAD_CONFIG, text="webPids: absurd."), config_usable=False))
    assert "webReplicas: must be" in text
    assert "webPids: absurd." in text
    assert text.endswith("2 errors, 0 warnings")


def test_json_says_the_same_to_programs() -> None:
    """Under names that stay."""
    told = json.loads(json.dumps(as_json(findings(FULL_DISK, silenced={"host.W010": "a shared disk"}))))
    assert told["ok"] is True
    assert told["server"] == {
        "version": "26.1.5",
        "platform": "linux/amd64",
        "kernel": "6.12.9",
        "cpus": 8,
        "memoryMb": 32_000,
        "diskFreeMb": 200_000,
        "diskTotalMb": 400_000,
    }
    assert {check["id"]: check["status"] for check in told["checks"]} == but("ok", host_W010="silenced")
    assert [check["reason"] for check in told["checks"] if "reason" in check] == ["a shared disk"]
    assert told["findings"] == [
        {"level": "warning", "id": "host.W010", "text": "disk: 1 of 100 MiB are free.", "hint": "Free some."}
    ]
    assert as_json(findings(NO_ENGINE, server=None))["server"] is None

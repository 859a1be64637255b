"""Checks of the server: each id with the server that triggers it, and the words that a user reads."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from preflight import CheckMessage, PreflightError, check
from preflight.catalogue import CHECKS
from preflight.host import check_host, check_server
from preflight.messages import error, warning, without_silenced
from preflight.server import Listener, Server, UnreachableError
from settings_model import Settings
from tests.unit.program import ROOT, SERVER, load_settings

CONTAINER = Listener(address="0.0.0.0", port=8080, owner="container other-web", container="other-web")  # noqa: S104 - compared, not bound

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "host.E003",
        {"version": "23.0.6"},
        "Docker: the engine must be version 24 or newer (got 23.0.6). Upgrade it; ./pulumiw up offers to where it can.",
    ),
    (
        "host.E004",
        {"cli": None},
        (
            "docker: the command must be on PATH, as steps of the deployment run it (got none). "
            "Install Docker's command line client (package docker-ce-cli or docker-cli)."
        ),
    ),
    (
        "host.E005",
        {"listeners": (CONTAINER,)},
        (
            "httpPort: 127.0.0.1:8080 must be free (got container other-web on it). "
            "Stop that, or set httpPort to another port in Pulumi.dev.yaml."
        ),
    ),
    (
        "host.E006",
        {"cpus": 1},
        "webCpus: must be at most the server's 1 CPUs (got 1.5). Lower it in Pulumi.dev.yaml.",
    ),
    (
        "host.E007",
        {"memory_mb": 1631},
        (
            "memory: the containers' limits must fit into the server's 1631 MiB (got 1632 MiB). "
            "Lower webReplicas, webMemoryMb or postgresMemoryMb in Pulumi.dev.yaml."
        ),
    ),
    (
        "host.W008",
        {"memory_mb": 2655},
        (
            "memory: during a release old and new web containers need 2656 MiB together, more than the server's"
            " 2655 MiB. Lower webReplicas or webMemoryMb in Pulumi.dev.yaml, if a release runs out of memory."
        ),
    ),
    (
        "host.E009",
        {"disk_free_mb": 1023},
        (
            "disk: 1024 MiB must be free where Docker keeps its data (got 1023 MiB). "
            "Free some; `docker system df` shows what Docker itself holds."
        ),
    ),
    (
        "host.W010",
        {"disk_free_mb": 14_999, "disk_total_mb": 100_000},
        (
            "disk: 14999 of 100000 MiB are free where Docker keeps its data, less than 15%. "
            "Free some before the disk is full; `docker system df` shows what Docker itself holds."
        ),
    ),
    (
        "host.W011",
        {"kernel": "5.13.19"},
        (
            "kernel: must be Linux 5.14 or newer for Nginx to be replaced without losing a connection (got 5.13.19):"
            " those that wait to be accepted at that moment are reset. Upgrade the server's kernel, or change Nginx's"
            " configuration, image and limits in quiet hours."
        ),
    ),
    (
        "data.E001",
        {"volume_labels": {"shop-dev-postgres-data": {"django-stack.images-from": "debian"}}},
        (
            "imagesFrom: must stay debian, which the data volume was made with (got registry). "
            "Set it back in Pulumi.dev.yaml, or move the data with pg_dump into a new stack."
        ),
    ),
]
"""Id, what is different about the server, and the text with the hint."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    """A stack of 2 x 512 + 512 + 80 + 16 MiB, with fractions of CPUs."""
    values = {
        "publishAddress": "127.0.0.1",
        "httpPort": 8080,
        "httpsPort": 0,
        "webCpus": "1.5",
        "gunicornWorkers": 3,
        "webMemoryMb": 512,
        "postgresMemoryMb": 512,
        "postgresSettings": {"max_connections": 100},
        "nginxMemoryMb": 80,
        "silencedChecks": {"host.W010": "a shared disk"},
    }
    return load_settings(values)


def server(**changes: Any) -> Server:
    """A server that is right but for these changes."""
    return dataclasses.replace(SERVER, **changes)


def found(settings: Settings, **changes: Any) -> list[CheckMessage]:
    """What the checks find on such a server."""
    return check_host(settings, server(**changes))


def test_nothing_is_found_on_a_server_that_is_right(settings: Settings) -> None:
    """Negative control of all the others."""
    assert found(settings) == []


@pytest.mark.parametrize(("check_id", "changes", "text"), CASES)
def test_each_check_is_triggered_by_its_own_fault(
    check_id: str, changes: dict[str, Any], text: str, settings: Settings
) -> None:
    """One fault, one finding: its id, the level that the id tells, what is wrong, what to do."""
    (message,) = found(settings, **changes)
    assert str(message) == f"{check_id} {text}"
    assert message.level == {"E": "error", "W": "warning"}[check_id.partition(".")[2][0]]


def test_every_check_has_a_case() -> None:
    """Those of the way to the server and of the config itself are tested where they are made."""
    elsewhere = {"config.E001", "host.E001", "host.E002"}
    assert {check_id for check_id, *_ in CASES} == {each.id for each in CHECKS} - elsewhere


def test_every_id_in_the_code_is_in_the_catalogue() -> None:
    """And every id in the catalogue is in the code, or it would be a check that cannot fail."""
    files = [*(ROOT / "preflight").glob("*.py"), *(ROOT / "operations").glob("*.py")]
    sources = [file.read_text() for file in files if file.name not in ("catalogue.py", "messages.py")]
    in_code = {check_id for source in sources for check_id in re.findall(r'"([a-z]+\.[EW]\d{3})"', source)}
    assert in_code == {each.id for each in CHECKS}


def test_a_check_that_another_one_implies_comes_after_it() -> None:
    """The catalogue can be read from top to bottom."""
    ids = [each.id for each in CHECKS]
    assert [each.id for each in CHECKS if each.within and ids.index(each.within) > ids.index(each.id)] == []
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "changes", [changes for check_id, changes, _ in CASES if check_id in ("host.E003", "host.E004")]
)
def test_some_checks_need_no_settings(changes: dict[str, Any]) -> None:
    """So they can be made while the config is not usable."""
    assert len(check_server(server(**changes))) == 1


def test_all_faults_are_found_together(settings: Settings) -> None:
    """One run shows all that has to be mended."""
    messages = found(settings, version="20.10.24", cli=None, cpus=1, memory_mb=100, disk_free_mb=1)
    assert [message.id for message in messages] == ["host.E003", "host.E004", "host.E009", "host.E006", "host.E007"]


@pytest.mark.parametrize("version", ["24.0.0", "26.1.5+dfsg1", "100.0", "dev"])
def test_a_version_that_is_new_or_not_a_number_is_taken(version: str, settings: Settings) -> None:
    """A build from source calls itself as it likes."""
    assert found(settings, version=version) == []


@pytest.mark.parametrize(
    ("listener", "clash"),
    [
        (Listener(address="127.0.0.1", port=8080, owner="process nginx"), True),
        (Listener(address="0.0.0.0", port=8080, owner="process nginx"), True),  # noqa: S104 - compared, not bound
        (Listener(address="::", port=8080, owner="process nginx"), True),
        (Listener(address="10.0.0.5", port=8080, owner="process nginx"), False),
        (Listener(address="127.0.0.1", port=8081, owner="process nginx"), False),
        (Listener(address="127.0.0.1", port=8080, owner="container shop-dev-edge", container="shop-dev-edge"), False),
        (Listener(address="127.0.0.1", port=8080, owner="container shop-dev-web", container="shop-dev-web"), True),
    ],
)
def test_a_port_clashes_on_the_same_address_unless_it_is_the_stacks_own(
    listener: Listener, clash: bool, settings: Settings
) -> None:
    """Everything listens on a loopback port that listens on all addresses."""
    assert [message.id for message in found(settings, listeners=(listener,))] == (["host.E005"] if clash else [])


def test_each_published_port_is_looked_at() -> None:
    """HTTPS as well, unless none is published."""
    both = tuple(Listener(address="0.0.0.0", port=port, owner="process caddy") for port in (80, 443))  # noqa: S104 - compared, not bound
    texts = [message.text for message in found(load_settings(), listeners=both)]
    assert [text.partition(":")[0] for text in texts] == ["httpPort", "httpsPort"]
    assert len(found(load_settings({"httpsPort": 0}), listeners=both)) == 1


def test_disk_is_not_judged_where_it_cannot_be_seen(settings: Settings) -> None:
    """On another machine."""
    assert found(settings, disk_free_mb=None, disk_total_mb=None) == []


def test_another_stacks_volume_is_no_reason(settings: Settings) -> None:
    """Nor is a volume without the label, or with the right one."""
    for name, kind in (("shop-prod-postgres-data", "debian"), ("shop-dev-postgres-data", "registry")):
        assert found(settings, volume_labels={name: {"django-stack.images-from": kind}}) == []
    assert found(settings, volume_labels={"shop-dev-postgres-data": {}}) == []


def test_findings_are_silenced_by_id() -> None:
    """The others stay."""
    messages = [error("host.E003", "old", "new"), warning("host.W010", "full", "empty")]
    assert without_silenced(messages, {"host.W010": "a shared disk"}) == messages[:1]
    assert without_silenced(messages, {}) == messages


# The check that the program makes


def test_a_server_that_is_right_is_returned(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program goes on with what was observed: of this stack's engine, prefix and ports."""
    asked: list[Any] = []

    def observe(*args: Any) -> Server:
        asked.append(args)
        return SERVER

    monkeypatch.setattr("preflight.observe", observe)
    assert check(settings) is SERVER
    assert asked == [("", "shop-dev", {8080, 0})]


def test_errors_stop_the_program_all_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning that is silenced is not shown, and an error is no log line but the end."""
    faults = {"version": "20.10.24", "cli": None, "disk_free_mb": 2000, "disk_total_mb": 100_000}
    monkeypatch.setattr("preflight.observe", lambda *_: server(**faults))
    with pytest.raises(PreflightError) as stopped:
        check(settings)
    headline, *lines = str(stopped.value).splitlines()
    assert headline == "the stack cannot be deployed as things are:"
    assert [line.split()[0] for line in lines] == ["host.E003", "host.E004"]
    assert caplog.records == []


def test_a_server_that_does_not_answer_stops_the_program(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the one message that says why."""
    message = error("host.E001", "Docker: gone (got nothing).", "Start it.")

    def gone(*_: object) -> Server:
        raise UnreachableError(message)

    monkeypatch.setattr("preflight.observe", gone)
    with pytest.raises(PreflightError) as stopped:
        check(settings)
    assert str(stopped.value) == "host.E001 Docker: gone (got nothing). Start it."


def test_the_stacks_own_folder_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks follow from settings and server alone."""
    settings = load_settings()
    monkeypatch.chdir(tmp_path)
    assert found(settings) == []

"""The doctor: what it gathers, whatever is broken."""

import argparse
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from operations import doctor
from operations.doctor import gather, ports_of
from operations.loaded_settings import config_of
from preflight.messages import error
from preflight.server import Listener, Server, UnreachableError
from tests.unit.operations.clones import Clone
from tests.unit.program import SERVER, load_settings


@pytest.fixture
def asked(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """In a clone whose Docker server is right; what that server was asked."""
    clone.enter(monkeypatch)
    asked: list[Any] = []

    def observe(*args: Any) -> Server:
        asked.append(args)
        return SERVER

    monkeypatch.setattr(doctor, "observe", observe)
    return asked


def ids(stack: str) -> list[str]:
    """What the doctor finds about a stack."""
    return [message.id for message in gather(stack, os.environ).messages]


def test_a_fresh_clones_dev_stack_is_well(asked: list[Any], clone: Clone) -> None:
    """Its secrets are made at its first deployment, so they are no finding; nothing is written by looking."""
    before = sorted(clone.path.rglob("*"))
    assert ids("dev") == []
    assert asked == [("", "django-stack-dev", (8080, 0))]
    assert sorted(clone.path.rglob("*")) == before


@pytest.mark.usefixtures("asked")
def test_another_stack_lacks_its_secrets() -> None:
    """Each with the command that makes it; the server cannot be judged for a stack whose settings are not whole."""
    found = gather("prod", os.environ)
    assert [message.hint for message in found.messages] == ["Run ./ops secrets create --stack prod."] * 2
    assert found.config_usable is False
    assert found.exit_code == 1


@pytest.mark.usefixtures("asked")
def test_an_encrypted_secret_is_enough(clone: Clone) -> None:
    """It is not decrypted, so no passphrase is needed."""
    with clone.config("prod").open("a") as file:
        file.writelines(f"  django-stack:{key}: {{secure: v1:x}}\n" for key in ("djangoSecretKey", "databasePassword"))
    assert ids("prod") == []


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("text", ["config: [", "just text", "config: 5"])
def test_a_config_that_cannot_be_read_is_a_finding(text: str, clone: Clone) -> None:
    """Of that file; the server is looked at all the same."""
    clone.config("staging").write_text(text)
    found = gather("staging", os.environ)
    (message,) = found.messages
    assert message.id == "config.E001"
    assert "config" in message.text
    assert message.hint
    assert (found.server, found.config_usable) == (SERVER, False)


@pytest.mark.usefixtures("asked")
def test_a_stack_without_a_config_is_a_finding() -> None:
    """Rather than a stack of defaults."""
    (message,) = gather("prood", os.environ).messages
    assert message.text == "stack prood: Pulumi.prood.yaml must be there (got no such file)."
    assert message.hint.endswith("./ops secrets create --stack prood.")


@pytest.mark.usefixtures("asked")
def test_every_problem_of_a_config_is_a_finding(clone: Clone) -> None:
    """As the deployment would report them."""
    with clone.config("dev").open("a") as file:
        file.write("  django-stack:webReplicas: 0\n  django-stack:webReplica: 2\n")
    assert ids("dev") == ["config.E001", "config.E001"]


def test_without_docker_the_reason_is_the_finding(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cure that the deployment names."""
    clone.enter(monkeypatch)

    def gone(*_: object) -> Server:
        raise UnreachableError(error("host.E001", "Docker: gone.", "Start it."))

    monkeypatch.setattr(doctor, "observe", gone)
    found = gather("dev", os.environ)
    assert ([message.id for message in found.messages], found.server) == (["host.E001"], None)


@pytest.mark.usefixtures("asked")
def test_a_context_that_does_not_exist_is_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the docker CLI's contexts."""
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    assert ids("dev") == ["host.E001"]


def test_the_engine_that_the_config_names_is_asked(asked: list[Any], clone: Clone) -> None:
    """Rather than the environment's."""
    with clone.config("dev").open("a") as file:
        file.write("  docker:host: ssh://deploy@server\n")
    found = gather("dev", os.environ)
    assert asked[0][0] == "ssh://deploy@server"
    assert found.endpoint == "ssh://deploy@server (docker:host of the stack config)"


def test_a_config_is_given_as_an_engine_gives_it() -> None:
    """Texts, with JSON for what is no text; in the place of a ciphertext a text that no rule calls weak."""
    texts, encrypted = config_of(
        {"shop:a": "x", "shop:b": 5, "shop:c": [1], "shop:d": True, "shop:djangoSecretKey": {"secure": "v1:x"}},
        project="shop",
        secrets_made=False,
    )
    assert encrypted == ["shop:djangoSecretKey"]
    secret = texts.pop("shop:djangoSecretKey")
    assert len(secret) > 50
    assert texts == {"shop:a": "x", "shop:b": "5", "shop:c": "[1]", "shop:d": "true"}


def test_secrets_that_are_made_by_themselves_count_as_set() -> None:
    """Only those that are not set."""
    values = {"shop:databasePassword": "in clear"}
    texts, encrypted = config_of(values, project="shop", secrets_made=True)
    assert encrypted == ["shop:djangoSecretKey"]
    assert texts["shop:databasePassword"] == "in clear"


def test_ports_are_told_with_their_holders() -> None:
    """Once each, however many addresses a holder listens on."""
    everywhere = tuple(
        Listener(address=address, port=80, owner="container a", container="a")
        for address in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    )
    server = Server(**{**vars(SERVER), "listeners": everywhere})
    assert ports_of(load_settings(), server) == {"0.0.0.0:80": "container a", "0.0.0.0:443": ""}
    assert ports_of(load_settings({"httpsPort": 0}), SERVER) == {"0.0.0.0:80": ""}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("script", "version"), [("echo Docker version 27.1, build x", "27.1, build x"), ("exit 1", "")]
)
def test_the_docker_command_tells_its_version(
    script: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where it is."""
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gather("dev", os.environ).docker_cli == f"{version} ({program})"


@pytest.mark.usefixtures("asked")
def test_the_command_prints_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the same findings, with the same exit code."""
    assert doctor.run(argparse.Namespace(stack="prod", json=False)) == 1
    assert capsys.readouterr().out.startswith("stack       prod (Pulumi.prod.yaml)\n")
    assert doctor.run(argparse.Namespace(stack="prod", json=True)) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False

"""Secrets: which are made, in which order they are written, and what is refused."""

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from config_schema import SECRET_LENGTHS
from operations import make_secrets
from operations.errors import OperationError
from operations.make_secrets import next_version, to_make
from operations.stack import Stack
from tests.unit.operations.clones import Clone
from wrapper.stack_setup import StackSetup

BOTH = ("djangoSecretKey", "databasePassword")
SET = {"shop:djangoSecretKey": {"secure": "v1:a"}, "shop:databasePassword": {"secure": "v1:b"}}


@pytest.mark.parametrize(
    ("values", "replace", "made"),
    [
        ({}, False, BOTH),
        ({"shop:djangoSecretKey": {"secure": "v1:a"}}, False, ("databasePassword",)),
        (SET, False, ()),
        (SET, True, BOTH),
        ({"shop:databasePassword": ""}, False, BOTH),
    ],
)
def test_a_secret_that_is_set_is_made_only_to_replace_it(
    values: dict[str, Any], replace: bool, made: tuple[str, ...]
) -> None:
    """A secret that is missing is always made."""
    assert to_make(values, project="shop", replace=replace) == made


@pytest.mark.parametrize(
    ("values", "version"),
    [({}, 0), (SET, 2), (SET | {"shop:secretsVersion": 7}, 8), (SET | {"shop:secretsVersion": "3"}, 4)],
)
def test_the_version_goes_up_when_a_value_changes(values: dict[str, Any], version: int) -> None:
    """A stack's first secrets are version 1, which needs no saying."""
    assert next_version(values, project="shop", replaced=BOTH) == version


def test_a_version_that_is_no_number_is_refused() -> None:
    """Nothing is guessed."""
    with pytest.raises(OperationError, match=r"secretsVersion: must be a whole number \(got 'x'\)"):
        next_version(SET | {"shop:secretsVersion": "x"}, project="shop", replaced=BOTH)


# The command


@pytest.fixture
def steps(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """In a clone with a passphrase, where nothing encrypts; what would have been written, in order."""
    clone.enter(monkeypatch)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    steps: list[tuple[str, Any]] = []
    monkeypatch.setattr(Stack, "write", lambda _, values: steps.append(("plain", values)))
    monkeypatch.setattr(Stack, "write_secret", lambda _, key, value: steps.append((key, value)))
    monkeypatch.setattr(StackSetup, "create", lambda _: steps.append(("create", "")))
    return steps


def create(stack: str = "prod", *, replace: bool = False) -> int:
    """`./ops secrets create`."""
    return make_secrets.run(argparse.Namespace(stack=stack, replace=replace))


def set_secrets(clone: Clone) -> None:
    """Give prod both secrets, encrypted."""
    with clone.config("prod").open("a") as file:
        file.writelines(f"  django-stack:{key}: {{secure: v1:x}}\n" for key in BOTH)


def test_a_new_stack_is_created_and_gets_both(steps: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    """Random, different, long enough; nobody sees them."""
    assert create() == 0
    assert [name for name, _ in steps] == ["create", *BOTH]
    made = [value for _, value in steps[1:]]
    assert len(set(made)) == 2
    assert all(len(value) >= max(SECRET_LENGTHS.values()) for value in made)
    out = capsys.readouterr()
    assert out.out == "stack prod: made djangoSecretKey and databasePassword, encrypted in Pulumi.prod.yaml\n"
    assert not any(value in out.out + out.err for value in made)


def test_secrets_that_are_set_are_not_overwritten(steps: list[tuple[str, Any]], clone: Clone) -> None:
    """The cure is named."""
    set_secrets(clone)
    with pytest.raises(OperationError) as error:
        create()
    assert str(error.value) == (
        "stack prod: djangoSecretKey and databasePassword are set already. Add --replace to make new ones."
    )
    assert steps == []


def test_replacing_raises_the_version_first(
    steps: list[tuple[str, Any]], clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interruption then leaves a new volume with old values, never an old volume with new ones."""
    set_secrets(clone)
    assert create(replace=True) == 0
    assert steps[1] == ("plain", {"secretsVersion": 2})
    assert [name for name, _ in steps[2:]] == list(BOTH)
    assert capsys.readouterr().out.endswith("; secretsVersion is now 2\n")


def test_a_wrong_passphrase_leaves_the_version_as_it_was(
    steps: list[tuple[str, Any]], clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no secret could be written, there is no new version of them."""
    set_secrets(clone)

    def refuse(*_: object) -> None:
        raise OperationError("stack prod: incorrect passphrase.")

    monkeypatch.setattr(Stack, "write_secret", refuse)
    with pytest.raises(OperationError, match="incorrect passphrase"):
        create(replace=True)
    assert steps[1:] == [("plain", {"secretsVersion": 2}), ("plain", {"secretsVersion": 1})]


def test_without_a_passphrase_nothing_is_made(
    steps: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch, clone: Clone
) -> None:
    """The variables are named, and no file is touched."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    before = {path: path.read_text() for path in clone.path.glob("*.yaml")}
    with pytest.raises(OperationError, match=r"PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file"):
        create()
    assert steps == []
    assert {path: path.read_text() for path in clone.path.glob("*.yaml")} == before


def test_dev_needs_no_passphrase_of_the_users(steps: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The front door keeps one for it, and makes the stack."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    assert create("dev") == 0
    assert [name for name, _ in steps] == list(BOTH)


@pytest.mark.parametrize(("listed", "created"), [(["acme/shop/prod"], False), (["acme/shop/dev"], True)])
def test_a_stack_in_a_backend_of_the_clis_is_created_by_the_cli(
    listed: Sequence[str], created: bool, steps: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not selected: a bare `up` must not come to mean prod."""
    asked: list[list[str]] = []

    def ask(_: object, words: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        assert cwd.is_dir()
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, stdout=json.dumps([{"name": name} for name in listed]), stderr="")

    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    monkeypatch.setattr("wrapper.handover.Runner.ask", ask)
    assert create() == 0
    expected = [["stack", "ls", "--json"]] + [["stack", "init", "--no-select", "prod"]] * created
    assert asked == expected
    assert [name for name, _ in steps] == list(BOTH)


def test_a_secret_reaches_the_engine_by_standard_input(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never as an argument, which every user of the machine could read."""
    clone.enter(monkeypatch)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    calls: list[tuple[list[str], str]] = []

    def run(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append((words, options["input"]))
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(StackSetup, "create", lambda _: None)
    monkeypatch.setattr("operations.stack.subprocess.run", run)
    assert create() == 0
    assert [words[-5:] for words, _ in calls] == [["set", "--stack", "prod", "--secret", key] for key in BOTH]
    assert all(len(value) == 64 and value not in " ".join(words) for words, value in calls)


def test_an_engine_that_refuses_is_quoted(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong passphrase, for one."""
    clone.enter(monkeypatch)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    monkeypatch.setattr(StackSetup, "create", lambda _: None)
    monkeypatch.setattr(
        "operations.stack.subprocess.run",
        lambda words, **_: subprocess.CompletedProcess(words, 255, "", "error: incorrect passphrase\n"),
    )
    with pytest.raises(OperationError) as error:
        create()
    assert str(error.value) == "stack prod: djangoSecretKey cannot be set.\nerror: incorrect passphrase"

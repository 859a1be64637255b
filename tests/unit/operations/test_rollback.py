"""Rollback: which releases there are, which of them the database still allows, and what is written down."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import pytest

from operations import config_text, release_ledger, rollback
from operations.errors import OperationError
from operations.release_ledger import Record, candidates, obstacle
from operations.stack import Stack
from release.docker_cli import DockerCli
from tests.unit.operations.clones import Clone
from tests.unit.release.fake_docker import FakeDocker


def record(number: int, release: str, *contracting: str, result: str = "live", **more: Any) -> dict[str, Any]:
    """A record of the ledger."""
    return {
        "number": number,
        "release": release,
        "result": result,
        "time": "2026-11-24T10:00:00+00:00",
        "commit": "c0ffee" * 6,
        "who": "ann@host",
        "image": f"shop-prod/web:{release}",
        "secrets_volume": "shop-prod-secrets-1",
        "spec": {"a": 1},
        "migrations": {"contracting": dict.fromkeys(contracting, "why")},
        **more,
    }


def names(records: Sequence[Any]) -> list[str]:
    """Their releases."""
    return [each["release"] for each in records]


# Which there are


def test_the_last_releases_that_were_live_are_there_to_go_back_to() -> None:
    """The latest first, each once, without the one that is live and without those that failed."""
    records = [
        *(record(1, "a"), record(2, "b"), record(3, "c"), record(4, "x", result="failed"), record(5, "b")),
        record(6, "d"),
    ]
    assert names(candidates(records, 5)) == ["b", "c", "a"]
    assert names(candidates(records, 3)) == ["b", "c"]
    assert names(candidates(records, 1)) == names(candidates([], 5)) == []


def test_the_one_before_is_meant_unless_another_is_named() -> None:
    """One that is not kept is an error, with those that are."""
    found: list[Record] = [record(2, "b"), record(1, "a")]
    assert rollback.chosen(found, "")["release"] == "b"
    assert rollback.chosen(found, "a")["release"] == "a"
    with pytest.raises(OperationError, match=r"\(got z\)\. There are: b, a\."):
        rollback.chosen(found, "z")
    with pytest.raises(OperationError, match=r"\(there is none\)\. There are: none\."):
        rollback.chosen([], "")


# Which the database allows

INITIAL = ("auth.0002_alter", "shop.0003_gone")


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([record(1, "a"), record(2, "b")], ""),
        ([record(1, "a", *INITIAL), record(2, "b", *INITIAL)], ""),
        ([record(1, "a"), record(2, "b", "shop.0004_gone")], "shop.0004_gone (why)"),
        # applied by a deployment that failed, whoever tells of it
        ([record(1, "a"), record(2, "x", "shop.0004_gone", result="failed"), record(3, "b")], "shop.0004_gone (why)"),
        ([record(1, "a", *INITIAL), record(2, "b", *INITIAL, "shop.0004_gone")], "shop.0004_gone (why)"),
        # the release has been live on it since
        ([record(1, "a"), record(2, "x", "shop.0004_gone", result="failed"), record(3, "a"), record(4, "b")], ""),
        # a rollback knows of no migrations
        ([record(1, "a", *INITIAL), record(2, "b", *INITIAL), record(3, "a"), record(4, "b", *INITIAL)], ""),
    ],
)
def test_a_release_may_come_back_unless_something_was_taken_away_since(
    records: list[dict[str, Any]], told: str
) -> None:
    """Since it was live for the last time."""
    target = [each for each in records if each["release"] == "a"][-1]
    assert obstacle(records, target) == (f"the database has moved past it with {told}" if told else "")


@pytest.mark.parametrize("gone", ["image shop-prod/web:a", "volume shop-prod-secrets-1"])
def test_a_release_whose_parts_are_gone_cannot_come_back(gone: str) -> None:
    """It is built of nothing but what is on the server."""
    docker = FakeDocker()
    docker.answer("image inspect", '[{"Id": 1}]')
    docker.answer("volume inspect", '[{"Name": 1}]')
    docker.answer(f"{gone.partition(' ')[0]} inspect", "[]\n")
    target = record(1, "a")
    with pytest.raises(OperationError, match=f"the {gone} of release a is gone from the server"):
        rollback.check(docker, [target], target)


def test_a_line_of_the_list_says_who_released_what_when() -> None:
    """And why it cannot come back."""
    assert rollback.line(record(1, "a"), "") == "a  2026-11-24T10:00:00+00:00  c0ffeec0ffee  ann@host"
    assert rollback.line(record(1, "a", commit=""), "it is gone").endswith("no commit  ann@host  cannot: it is gone")


# What is done

RECORDS = [record(1, "a"), record(2, "b")]


@pytest.fixture
def ran(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stack behind ssh whose ledger has two releases; which engine was asked, and how `up` was run."""
    clone.enter(monkeypatch)
    config = clone.config("staging")
    config.write_text(config_text.with_values(config.read_text(), {"docker:host": "ssh://server"}))
    asked: list[Any] = []

    def read(docker: DockerCli, prefix: str) -> list[dict[str, Any]]:
        asked.append(((docker._environment or {}).get("DOCKER_HOST"), prefix))
        return RECORDS

    monkeypatch.setattr(release_ledger, "read", read)
    monkeypatch.setattr(rollback, "check", lambda *_: None)

    def up(stack: Stack, *, yes: bool) -> int:
        asked.append((stack.name, yes))
        return 0

    monkeypatch.setattr(rollback, "_up", up)
    monkeypatch.setattr(rollback, "_state", lambda _: "{}")
    return asked


def state(*releases: str) -> str:
    """A state with such components in it."""
    kind = "django-stack:index:Gunicorn"
    resources = [{"type": kind, "outputs": {"release": release}} for release in releases]
    return json.dumps({"version": 3, "deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, *resources]}})


def run(**words: Any) -> int:
    """The command, on the staging stack."""
    return rollback.run(argparse.Namespace(**{"stack": "staging", "release": "", "list": False, "yes": True} | words))


def held(clone: Clone) -> Any:
    """What the stack config says that it is held at."""
    values = config_text.values(clone.config("staging").read_text(), project="django-stack")
    return values.get("django-stack:pinnedRelease")


def test_a_rollback_pins_the_release_and_deploys_it(clone: Clone, ran: list[Any]) -> None:
    """By the ledger of the server that the stack is deployed to."""
    assert run() == 0
    assert ran == [("ssh://server", "django-stack-staging"), ("staging", True)]
    assert json.loads(held(clone)) == {
        "release": "a",
        "instead_of": "b",
        "image": "shop-prod/web:a",
        "secrets_volume": "shop-prod-secrets-1",
        "spec": {"a": 1},
    }


def test_a_second_rollback_is_still_instead_of_the_code_as_it_is(
    clone: Clone, ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the release that the first one went back to."""
    run()
    monkeypatch.setattr(release_ledger, "read", lambda *_: [record(1, "0"), *RECORDS, record(3, "a")])
    run(release="0")
    assert json.loads(held(clone))["instead_of"] == "b"
    assert len(ran) == 3


def test_a_rollback_after_a_release_that_failed_is_instead_of_that_one(
    clone: Clone, ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what code and config make, though it was never live."""
    monkeypatch.setattr(rollback, "_state", lambda _: state("x"))
    assert run() == 0
    assert json.loads(held(clone))["instead_of"] == "x"
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("text", "release"),
    [("{}", ""), ('{"deployment": null}', ""), (state(), ""), (state("a"), "a"), (state("a", "b"), "b")],
)
def test_the_wanted_release_is_in_the_state(text: str, release: str) -> None:
    """As the component of the web containers has it."""
    assert rollback.wanted(text) == release


def test_a_list_changes_nothing(clone: Clone, ran: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """It says what there is."""
    assert run(list=True) == 0
    assert capsys.readouterr().out.startswith("a  2026-11-24")
    assert (len(ran), held(clone)) == (1, None)


def test_an_unpin_lets_the_stack_go_on(clone: Clone, ran: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a deployment of its own; a stack that is not held is left alone."""
    run()
    for told in ("let go", "not held"):
        assert rollback.unpin(argparse.Namespace(stack="staging")) == 0
        assert told in capsys.readouterr().out
    assert (held(clone), len(ran)) == ("", 2)

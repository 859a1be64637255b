"""A new database is filled once, wholly or not at all; one that has anything in it is never touched."""

import sys
from pathlib import Path
from typing import Any

import pytest

from release.errors import StepError
from release.plan import Seeding, read_seeding
from release.seed import seed
from tests.unit.release.fake_docker import FakeDocker

EXEC = "exec --interactive shop-pr-1-postgres psql"
ECHO = (sys.executable, "-c", "import sys; print('given', sys.argv[1:], sys.stdin.read().strip())")


def plan(**changes: Any) -> Seeding:
    """Commands that succeed, and no dump."""
    usual = {"restore": (), "fill": ("echo", "filled"), "dump": ""}
    names = {"postgres": "shop-pr-1-postgres", "database": "site", "draft": "site_draft"}
    return Seeding(**names | usual | changes)


def server(*empty: str) -> FakeDocker:
    """A server whose database is empty or not, at one look after the other."""
    docker = FakeDocker()
    looks = list(empty)

    def answer(_: tuple[str, ...], statements: str) -> str:
        return looks.pop(0) + "\n" if "NOT EXISTS" in statements else ""

    docker.answer(EXEC, answer)
    return docker


def said(docker: FakeDocker) -> list[str]:
    """What the server was told to do, in a word for each time."""
    words = {"DROP DATABASE": "drop", "CREATE DATABASE": "create", "NOT EXISTS": "look", "RENAME": "take over"}
    return [" ".join(word for text, word in words.items() if text in statements) for statements in docker.inputs]


def run(docker: FakeDocker, given: Seeding) -> list[str]:
    told: list[str] = []
    seed(docker, given, told.append)
    return told


def test_the_plan_is_read_as_it_was_written() -> None:
    """Lists of words included."""
    assert read_seeding(plan(restore=("docker", "run")).text()) == plan(restore=("docker", "run"))


def test_an_empty_database_is_filled_beside_itself_and_replaced_when_that_is_whole() -> None:
    """And it is looked at once more before it goes."""
    docker = server("t", "t")
    assert run(docker, plan()) == ["seed: migrating and filling", "filled", "seed: done"]
    assert said(docker) == ["look", "drop create", "look", "take over", "drop"]


def test_a_database_with_a_table_stays_as_it_is() -> None:
    """Nothing is run; what an interrupted seed has left beside it goes."""
    docker = server("f")
    (told,) = run(docker, plan(fill=("false",)))
    assert told == "seed: the database has tables already, and stays as it is"
    assert said(docker) == ["look", "drop"]


def test_a_seed_that_fails_leaves_nothing_and_says_what_failed() -> None:
    """So that the next one begins anew."""
    docker = server("t", "t")
    with pytest.raises(StepError) as failed:
        run(docker, plan(fill=("sh", "-c", "echo one; echo no such member >&2; exit 3")))
    assert str(failed.value) == (
        "seed: no such member\n  The database is as empty as before. Correct the seed and deploy again: it begins anew."
    )
    assert said(docker) == ["look", "drop create", "drop"]


def test_tables_that_somebody_makes_meanwhile_are_not_replaced() -> None:
    """The last look is the one that counts."""
    docker = server("t", "f")
    with pytest.raises(StepError, match="somebody has made tables in the database meanwhile"):
        run(docker, plan())
    assert said(docker) == ["look", "drop create", "look", "drop"]


@pytest.mark.parametrize(("content", "kind"), [("SELECT 1;", "plain"), ("PGDMP and more", "custom")])
def test_a_dump_is_restored_first_from_standard_input(tmp_path: Path, content: str, kind: str) -> None:
    """All of it, with the format that it has."""
    dump = tmp_path / "dump"
    dump.write_text(content)
    told = run(server("t", "t"), plan(dump=str(dump), restore=ECHO))
    assert told == [
        f"seed: restoring {dump}",
        f"given ['{kind}'] {content}",
        "seed: migrating and filling",
        "filled",
        "seed: done",
    ]


def test_a_dump_that_has_gone_is_told() -> None:
    """As any other failure of a seed."""
    docker = server("t")
    with pytest.raises(StepError, match="seedDump: must be a readable file"):
        run(docker, plan(dump="/nowhere/dump", restore=ECHO))
    assert said(docker)[-1] == "drop"

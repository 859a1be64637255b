"""Migrations: before replicas start if there are any to apply, beside that if there are none."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from release.errors import StepError
from release.migrate import LIST, Schema, is_done, migrate_first, nothing_to_apply
from tests.unit.program import ROOT
from tests.unit.release.fake_docker import FakeDocker

SCHEMA = Schema(prefix="shop-prod", image="shop-prod/web:1", postgres="shop-prod-postgres", database="site")
RECORD = '{"applied": [], "heads": {}, "contracting": {}}'
SAID = "release commands 5eed"


class Engine(FakeDocker):
    """Has an image whose build listed these migrations, and a database that has those; None has no list."""

    def __init__(self, image: Sequence[str] | None, database: Sequence[str] | None) -> None:
        super().__init__()
        self._image, self._database = image, database

    def __call__(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:
        told = super().__call__(*words, stdin=stdin, check=check, both=both)
        if words[0] == "create":
            return "0123456789ab\n"
        if words[0] == "cp" and self._image is not None:
            assert words[1] == f"shop-prod-migrations:{LIST}"
            Path(words[2]).write_text(json.dumps(self._image))
        if words[0] == "exec":
            return json.dumps(self._database) + "\n" if self._database is not None else ""
        return told


@pytest.mark.parametrize(
    ("image", "database", "nothing"),
    [
        (["a.1"], ["a.1"], True),
        (["a.1"], ["a.1", "a.2"], True),
        ([], [], True),
        (["a.1", "a.2"], ["a.1"], False),
        (["a.1"], [], False),
        (["a.1"], None, False),
        (None, ["a.1"], False),
    ],
)
def test_there_is_nothing_to_apply_if_the_database_has_all_of_the_image(
    image: list[str] | None, database: list[str] | None, nothing: bool
) -> None:
    """For certain: where either is not known, there may be. One that was applied by a later release is no matter."""
    assert nothing_to_apply(Engine(image, database), SCHEMA) is nothing


def test_the_look_leaves_no_container() -> None:
    """Nor does one that was killed in the middle of it: its container has the stack's label and is taken away first."""
    docker = Engine(["a.1"], ["a.1"])
    nothing_to_apply(docker, SCHEMA)
    calls = [call for call in docker.calls if "shop-prod-migrations" in call and not call.startswith("cp")]
    assert calls == [
        "rm --force shop-prod-migrations",
        ("create --pull=never --name=shop-prod-migrations --label=django-stack.stack=shop-prod shop-prod/web:1 true"),
        "rm --force shop-prod-migrations",
    ]


def migrated(docker: Engine, told_before: str) -> tuple[int, list[str]]:
    """How often it ran before the start, and what it said."""
    runs: list[bool] = []
    told: list[str] = []
    migrate_first(
        docker,
        SCHEMA,
        commands="5eed",
        told_before=told_before,
        run=lambda: runs.append(True),
        tell=told.append,
    )
    return len(runs), told


def test_replicas_do_not_wait_where_nothing_is_to_be_applied() -> None:
    """The step after this one runs what there is to run."""
    runs, told = migrated(Engine(["a.1"], ["a.1"]), f"x\n{SAID}")
    assert runs == 0
    assert told == ["the database has all migrations of the image, so replicas start at once", SAID]


@pytest.mark.parametrize(
    ("docker", "told_before"),
    [
        (Engine(["a.1", "a.2"], ["a.1"]), SAID),
        (Engine(["a.1"], None), SAID),
        (Engine(["a.1"], ["a.1"]), ""),
        (Engine(["a.1"], ["a.1"]), "release commands 0dd5"),
    ],
    ids=["a migration", "a new database", "the first time", "other commands"],
)
def test_replicas_wait_where_something_is_new(docker: Engine, told_before: str) -> None:
    """A migration, or a release command: what it makes may be needed at the start."""
    assert migrated(docker, told_before) == (1, [SAID])


def test_what_fails_is_new_again_the_next_time() -> None:
    """Nothing is said of the commands then."""
    told: list[str] = []

    def fail() -> None:
        raise StepError("no")

    with pytest.raises(StepError):
        migrate_first(Engine(["a.1"], []), SCHEMA, commands="5eed", told_before="", run=fail, tell=told.append)
    assert told == []


def test_the_list_is_where_the_build_puts_it() -> None:
    """Whoever writes it runs in the image, and shares no code with whoever reads it."""
    assert f'MIGRATIONS = Path("{LIST}")' in (ROOT / "images" / "python" / "collect.py").read_text()


@pytest.mark.parametrize(("told", "done"), [(f"applying\n{RECORD}\nseeded\n{SAID}", True), (SAID, False), ("", False)])
def test_it_runs_once_in_a_deployment(told: str, done: bool) -> None:
    """By the record that it prints."""
    assert is_done(told) is done

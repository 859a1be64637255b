"""PostgreSQL: what is held back while it is replaced, and who may log in to it."""

import dataclasses
import logging
from typing import Any

import pytest

from components.postgres import Postgres, PostgresArgs, waiting_room
from components.sizing import Limits
from tests.unit.components.around import PLACEMENT, postgres_args, volumes
from tests.unit.recording import Declarations, record


def declare(**changes: Any) -> Declarations:
    """The database server with these arguments changed."""
    return record(lambda: Postgres("postgres", postgres_args(volumes(), **changes)))


def spec_label(declarations: Declarations) -> str:
    """What the container says that it is made from."""
    labels = declarations.all["Container postgres"].inputs["labels"]
    return next(str(each["value"]) for each in labels if each["label"] == "django-stack.spec")


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """A database server."""
    return declare()


def test_requests_wait_from_before_the_server_goes_until_it_answers_again(declared: Declarations) -> None:
    """Hold, replace, be healthy, role and database, resume; each after the one before."""
    waits = {step.name: set(step.depends_on) for step in declared.all.values()}
    assert "Command postgres-hold" in waits["postgres"]
    assert waits["postgres-ready"] == {"Container postgres"}
    assert waits["postgres-site"] == {"Command postgres-ready", "Container postgres"}
    assert waits["postgres-resume"] == {"Command postgres-site"}


def test_the_steps_that_hold_and_resume_know_what_the_server_is_to_be(declared: Declarations) -> None:
    """So they run whenever it is to be another one, and hold nothing when the one that runs is that."""
    spec = spec_label(declared)
    hold, resume = (declared.all[f"Command postgres-{step}"].inputs["create"] for step in ("hold", "resume"))
    assert hold.startswith(
        f".venv/bin/python -m release hold shop-prod --spec={spec} -- docker run --rm --pull=never "
        "--name=shop-prod-waiting --detach "
    )
    assert resume == f".venv/bin/python -m release resume shop-prod --spec={spec}"


@pytest.mark.parametrize(
    "change",
    [
        {"image": "shop-prod/postgres:2"},
        {"limits": Limits(cpus=1, memory_mb=512, pids=101)},
        {"settings": {"work_mem": "9MB"}},
        {"network": "other"},
    ],
)
def test_whatever_replaces_the_server_is_in_its_label(change: dict[str, Any], declared: Declarations) -> None:
    """Requests are held for all of it."""
    assert spec_label(declare(**change)) != spec_label(declared)


@pytest.mark.parametrize("change", [{"password": "other"}, {"secrets_version": 2}, {"data_protected": False}])
def test_what_is_not_in_the_server_replaces_nothing(change: dict[str, Any], declared: Declarations) -> None:
    """A new password least of all."""
    assert spec_label(declare(**change)) == spec_label(declared)
    assert "Container postgres" not in declare(**change).changed(declared)


@pytest.mark.parametrize(("running", "announced"), [("", 0), ("the same", 0), ("0123456789", 1)])
def test_a_replacement_is_announced(
    running: str, announced: int, declared: Declarations, caplog: pytest.LogCaptureFixture
) -> None:
    """With what it means for visitors; not where nothing runs yet, nor where nothing changes."""
    with caplog.at_level(logging.WARNING):
        declare(running_spec=spec_label(declared) if running == "the same" else running)
    told = [entry.message for entry in caplog.records if "PostgreSQL will be replaced: requests wait" in entry.message]
    assert len(told) == announced


def test_each_version_of_the_password_has_a_login_of_its_own(declared: Declarations) -> None:
    """Containers of the release before go on connecting while the next one starts."""
    commands = [each.all["Command postgres-site"].inputs["create"] for each in (declared, declare(secrets_version=2))]
    assert commands == [
        "docker exec --interactive shop-prod-postgres prepare-site site site_1",
        "docker exec --interactive shop-prod-postgres prepare-site site site_2",
    ]
    assert declared.all["Postgres postgres"].outputs == {
        "host": "postgres",
        "port": 5432,
        "database": "site",
        "user": "site_1",
    }


def test_the_password_goes_in_by_standard_input(declared: Declarations) -> None:
    """In a line of its own."""
    assert declared.all["Command postgres-site"].inputs["stdin"] == "unused\n"


def test_the_waiting_room_sees_sockets_and_slots_and_no_network() -> None:
    """It writes slots alone, and gives up holding before Nginx gives up waiting."""
    specs = []
    record(lambda: specs.append(waiting_room(PLACEMENT, "shop-prod/python:1", volumes())))
    (room,) = specs
    assert room.network_mode == "none"
    assert {mount.volume: mount.read_only for mount in room.mounts} == {
        "shop-prod-slots": False,
        "shop-prod-sockets": True,
    }
    assert room.command == ["python3", "/opt/stack/waiting_room.py", "--seconds=25"]
    assert room.user == "10002:10000"


def test_every_argument_has_a_place_in_these_tests() -> None:
    """An argument that is added is added to them."""
    assert {field.name for field in dataclasses.fields(PostgresArgs)} == {
        *("placement", "image", "images_from", "network", "limits", "password", "secrets_version", "settings"),
        *("waiting_room", "running_spec", "data_protected"),
    }

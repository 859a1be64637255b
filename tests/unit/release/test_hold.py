"""Requests that wait while PostgreSQL is replaced: when they have to, and when they may go on."""

from collections import deque

import pytest

from release.errors import DockerError, StepError
from release.hold import hold, resume
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeContainer, FakeDocker
from tests.unit.release.plans import OLD, replicas

ROOM = ["docker", "run", "--rm", "--detach", "--name=shop-prod-waiting", "shop-prod/python:1"]
RUN = "run --rm --detach --name=shop-prod-waiting shop-prod/python:1"
WAITING = "shop-prod-waiting"


def stack(spec: str = "old", web: int = 2, **postgres: object) -> FakeDocker:
    """A PostgreSQL made from a spec, and web containers."""
    server = FakeContainer(name="shop-prod-postgres", role="postgres", labels={"django-stack.spec": spec})
    server.change(dict(postgres))
    docker = FakeDocker(server, *replicas(OLD, web))
    docker.answer("exec", "0 0")

    def start(*_: object) -> str:
        docker.containers[WAITING] = FakeContainer(name=WAITING, role="waiting", log="holding\n")
        return ""

    docker.answer("run", start)
    return docker


def held(docker: FakeDocker) -> list[str]:
    """What is told when PostgreSQL is to be made from `new`."""
    told: list[str] = []
    hold(docker, "shop-prod", "new", ROOM, told.append)
    return told


def test_requests_wait_before_postgresql_is_replaced() -> None:
    """What an earlier room has left is taken away first; then those in flight are waited for."""
    docker = stack()
    assert held(docker) == ["requests wait while PostgreSQL is replaced"]
    assert [call for call in docker.calls if not call.startswith("exec")] == [f"rm --force {WAITING}", RUN]
    assert sum(call.startswith("exec") for call in docker.calls) == 2


@pytest.mark.parametrize(
    "docker",
    [
        stack(spec="new"),
        stack(status="exited"),
        stack(web=0),
        FakeDocker(*replicas(OLD, 2)),
    ],
    ids=["it stays as it is", "it does not run", "nobody serves", "a first deployment"],
)
def test_nobody_waits_without_a_reason(docker: FakeDocker) -> None:
    """Not a request is held."""
    assert held(docker) == []
    assert docker.calls == []


@pytest.mark.parametrize(("counts", "seconds"), [(["2 0", "1 1", "0 1", "0 0"], 0.2), (["0 1"], 10)])
def test_requests_in_flight_are_waited_for_but_not_for_ever(counts: list[str], seconds: float, clock: Clock) -> None:
    """A long one is cut off by the database that goes; the others cannot wait for it."""
    docker = stack(web=1)
    docker.answer("exec", *counts)
    assert held(docker)
    assert seconds <= clock.now - 1000 <= seconds + 0.3


def test_a_room_that_does_not_take_over_is_an_error() -> None:
    """PostgreSQL is not touched then."""
    docker = stack()
    docker.answer("logs", "starting\n")
    with pytest.raises(StepError, match=f"{WAITING}: it must take over from the replicas within 10 s"):
        held(docker)


def resumed(docker: FakeDocker) -> list[str]:
    """What is told when they may go on."""
    told: list[str] = []
    resume(docker, "shop-prod", told.append)
    return told


def test_requests_go_on_and_the_room_is_waited_for() -> None:
    """It ends when everybody has been answered."""
    docker = stack()
    room = docker.containers[WAITING] = FakeContainer(name=WAITING, role="waiting")
    looks = iter(range(5))

    def end_soon(call: str) -> None:
        if call.startswith("inspect") and next(looks) == 3:
            del docker.containers[WAITING]

    docker.on_call = end_soon
    assert resumed(docker) == ["requests go on"]
    assert docker.calls == [f"exec {WAITING} python3 /opt/stack/waiting_room.py open"]
    assert room.status == "running"


def test_without_a_room_there_is_nothing_to_do() -> None:
    """Nobody has waited, or it has let go by itself."""
    docker = stack()
    assert resumed(docker) == []
    assert docker.calls == []


def test_a_room_that_ends_by_itself_meanwhile_is_no_error() -> None:
    """It cannot be told to open any more."""
    docker = stack()
    docker.containers[WAITING] = FakeContainer(name=WAITING, role="waiting", next=deque())
    docker.answer("exec", DockerError("docker exec: container is not running"))

    def end(call: str) -> None:
        if call.startswith("exec"):
            del docker.containers[WAITING]

    docker.on_call = end
    assert resumed(docker) == ["requests go on"]


def test_a_room_that_does_not_empty_is_an_error(clock: Clock) -> None:
    """After a minute and a half."""
    docker = stack()
    docker.containers[WAITING] = FakeContainer(name=WAITING, role="waiting")
    with pytest.raises(StepError, match="all that waited must be answered within 90 s"):
        resumed(docker)
    assert clock.now > 1090

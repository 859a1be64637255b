"""A release under watch: who is looked at, how often, and what a look that fails means."""

import contextlib
import json
from collections import deque
from datetime import UTC, datetime

import pytest

from release.errors import DockerError
from release.watch import Watch
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeDocker
from tests.unit.release.plans import NEW, OLD, PLAN, nginx, replicas


def line(release: str, status: int = 200) -> str:
    """A line of Nginx's access log."""
    return json.dumps({"time": "x", "status": status, "seconds": 0.1, "release": release}, separators=(",", ":"))


@pytest.fixture
def docker() -> FakeDocker:
    """Two new replicas, and an Nginx with nothing in its log."""
    return FakeDocker(*replicas(NEW, 2), nginx())


def watch(docker: FakeDocker, told: list[str] | None = None) -> Watch:
    """A watch that begins now."""
    now = datetime.now(UTC)
    return Watch(docker, PLAN, before=OLD, since=now, tell=print if told is None else told.append)


def test_a_release_that_stays_well_is_watched_to_the_end(docker: FakeDocker, clock: Clock) -> None:
    """A look a second, and not a second longer than it should be."""
    looks: list[str] = []
    docker.on_call = lambda call: looks.append(call) if call.startswith("inspect") else None
    assert watch(docker).wait(4.5) == ""
    assert clock.now == 1004.5
    assert len(looks) == 5


def test_the_reason_is_told_as_soon_as_there_is_one(docker: FakeDocker, clock: Clock) -> None:
    """Without waiting for the end."""
    docker.containers[PLAN.replicas[1]].next = deque([{}, {}, {"restarts": 1}])
    assert watch(docker).wait(60) == f"{PLAN.replicas[1]} has crashed"
    assert clock.now == 1002


def test_the_level_before_is_that_of_the_minute_before(docker: FakeDocker) -> None:
    """Of the release before, from the log of the Nginx that serves."""
    asked: list[str] = []
    docker.on_call = lambda call: asked.append(call) if call.startswith("logs") else None
    docker.containers[PLAN.nginx].log = "\n".join([line(OLD), line(OLD, 500), line(NEW)])
    moved = datetime(2026, 11, 24, 10, 30, 5, 250_000, tzinfo=UTC)
    before = Watch(docker, PLAN, before=OLD, since=moved, tell=print).before
    assert (before.requests, before.errors) == (2, 1)
    assert asked == [f"logs --since=2026-11-24T10:29:05.250000Z --until=2026-11-24T10:30:05.250000Z {PLAN.nginx}"]


def test_each_look_reads_on_in_the_log(docker: FakeDocker, clock: Clock) -> None:
    """From the move on, and never the whole of it again: a busy site has logged much."""
    asked: list[str] = []
    docker.on_call = lambda call: asked.append(call) if call.startswith("logs") else None
    moved = datetime(2026, 11, 24, 10, 30, 5, tzinfo=UTC)
    watching = Watch(docker, PLAN, before=OLD, since=moved, tell=print)
    clock.sleep(1)
    docker.containers[PLAN.nginx].log = "\n".join([line(NEW, 500)] * 2)
    assert watching.reason() == ""
    clock.sleep(1.5)
    docker.containers[PLAN.nginx].log = line(NEW, 500)
    assert watching.reason() == "3 of 3 requests got a server error (100%; 0% before)"
    periods = [("05.000000", "06.000000"), ("06.000000", "07.500000")]
    assert asked[1:] == [
        f"logs --since=2026-11-24T10:30:{since}Z --until=2026-11-24T10:30:{until}Z --tail=5000 {PLAN.nginx}"
        for since, until in periods
    ]


def test_what_a_failed_look_has_not_read_is_read_by_the_next(docker: FakeDocker, clock: Clock) -> None:
    """No request goes unseen."""
    watching = watch(docker)
    bad = "\n".join([line(NEW, 500)] * 3)
    docker.answer("logs", DockerError("docker logs: Cannot connect to the Docker daemon"), bad)
    asked: list[str] = []
    docker.on_call = lambda call: asked.append(call.split()[1]) if call.startswith("logs") else None
    for _ in range(2):
        clock.sleep(1)
        with contextlib.suppress(DockerError):
            assert watching.reason() == "3 of 3 requests got a server error (100%; 0% before)"
    assert asked[0] == asked[1]


def test_latency_is_judged_once_the_workers_are_warm(docker: FakeDocker, clock: Clock) -> None:
    """First answers take longer, and are no illness."""
    moved = datetime(2026, 11, 24, 10, 30, 5, tzinfo=UTC)
    docker.containers[PLAN.nginx].log = "\n".join([line(OLD)] * 60)
    watching = Watch(docker, PLAN, before=OLD, since=moved, tell=print)
    docker.containers[PLAN.nginx].log = "\n".join([line(NEW).replace("0.1", "0.9")] * 60)
    for _ in range(2):
        clock.sleep(1)
        assert watching.reason() == ""
    clock.sleep(1)
    assert watching.reason() == "one request in 20 takes 0.90 s or more (0.10 s before)"


@pytest.mark.parametrize("failing", ["172.18.0.1", "127.0.0.1"])
def test_few_visitors_are_not_hidden_by_many_probes(docker: FakeDocker, failing: str) -> None:
    """A quiet site sends a request a second, its probes fifty; either may show that something is wrong."""
    watching = watch(docker)
    well, bad = [
        line(NEW, status).replace('"status"', f'"client":"{client}","status"')
        for status, client in ((200, "127.0.0.1" if failing != "127.0.0.1" else "172.18.0.1"), (500, failing))
    ]
    docker.containers[PLAN.nginx].log = "\n".join([well] * 1500 + [bad] * 3)
    assert watching.reason() == "3 of 3 requests got a server error (100%; 0% before)"


def test_a_replica_that_is_gone_has_crashed(docker: FakeDocker) -> None:
    """Somebody has removed it, or Docker has."""
    del docker.containers[PLAN.replicas[0]]
    assert watch(docker).wait(10) == f"{PLAN.replicas[0]} has crashed"


def test_a_look_that_fails_says_nothing_about_the_release(docker: FakeDocker, clock: Clock) -> None:
    """A connection to the server that is lost for a moment takes no release down."""
    lost = DockerError("docker inspect: Cannot connect to the Docker daemon")
    well = docker("inspect", "--type=container", *PLAN.replicas)
    docker.answer("inspect", well, lost, lost, well)
    assert watch(docker).wait(5) == ""
    assert clock.now == 1005


def test_a_release_whose_end_nobody_has_seen_is_not_well(docker: FakeDocker) -> None:
    """It may be anything."""
    docker.answer("inspect", DockerError("docker inspect: Cannot connect to the Docker daemon"))
    with pytest.raises(DockerError, match="Cannot connect"):
        watch(docker).wait(3)


def test_a_long_watch_gives_a_sign_of_life(docker: FakeDocker) -> None:
    """Now and then, with the time that is left."""
    told: list[str] = []
    watch(docker, told).wait(30)
    assert told == ["watching for 19 s more", "watching for 8 s more"]


def test_no_time_is_no_look(docker: FakeDocker) -> None:
    """A watch of no seconds finds nothing."""
    docker.containers[PLAN.replicas[0]].status = "exited"
    assert watch(docker).wait(0) == ""

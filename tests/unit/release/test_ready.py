"""Waiting for a container: it is healthy, or the reason why not is told at once."""

from collections import deque
from typing import Any

import pytest

from release.errors import AbandonedError, DockerError, NotReadyError
from release.ready import make_ready, wait_for_all, wait_until_ready
from tests.unit.release.conftest import Clock
from tests.unit.release.fake_docker import FakeContainer, FakeDocker

STARTING = {"health": "starting"}
STARTS, STARTED = "update --pids-limit=30 --restart=always --cpu-shares=256 web", "update --cpu-shares=1024 web"
"""A disposable container gives way to its predecessor until it is healthy."""
CRASH_LOG = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'shop'"


def failure(container: FakeContainer, *, seconds: float = 60) -> str:
    """What is said of a container that does not become healthy."""
    with pytest.raises(NotReadyError) as failed:
        wait_until_ready(FakeDocker(container), container.name, seconds=seconds)
    return str(failed.value)


@pytest.mark.parametrize("health", ["healthy", ""])
def test_a_container_that_runs_and_is_healthy_is_ready(health: str, clock: Clock) -> None:
    """Or runs, where it has no health check; without waiting."""
    wait_until_ready(FakeDocker(FakeContainer(name="web", health=health)), "web", seconds=1)
    assert clock.now == 1000


def test_what_a_healthy_container_has_been_through_does_not_matter() -> None:
    """It was started again by Docker some day, and serves."""
    docker = FakeDocker(FakeContainer(name="web", restarts=3))
    wait_until_ready(docker, "web", seconds=1)
    wait_for_all(docker, ["web"], seconds=1)


def test_a_container_that_docker_starts_again_and_again_is_not_ready_while_it_runs() -> None:
    """Without a health check nobody knows better."""
    assert "it ended with code 1" in failure(FakeContainer(name="web", health="", restarts=2, exit_code=1))


def test_a_container_is_waited_for(clock: Clock) -> None:
    """For as long as it starts."""
    container = FakeContainer(name="web", health="starting", next=deque([STARTING] * 8 + [{"health": "healthy"}]))
    wait_until_ready(FakeDocker(container), "web", seconds=60)
    assert clock.now == 1004


@pytest.mark.parametrize(
    "crash",
    [
        {"status": "exited", "exit_code": 3},
        {"status": "dead", "exit_code": 3},
        {"status": "restarting", "exit_code": 3, "restarts": 1},
        {"restarts": 1, "exit_code": 3},
    ],
)
def test_a_crash_is_told_at_once_with_the_log_and_what_it_means(crash: dict[str, object], clock: Clock) -> None:
    """Even where Docker has started it again since, and long before its time is up."""
    container = FakeContainer(name="web", health="starting", log=CRASH_LOG, next=deque([STARTING, crash]))
    assert failure(container) == (
        "web: it ended with code 3: the module shop is not in the image. Add its package to requirements.txt,"
        " or correct the import.\n"
        "  the end of its log:\n"
        "  | Traceback (most recent call last):\n"
        "  | ModuleNotFoundError: No module named 'shop'"
    )
    assert clock.now < 1001


def test_a_crash_is_told_by_what_the_workers_said_before_gunicorn_gave_up() -> None:
    """Its own tracebacks, of when two workers fail at once, are longer than what is shown."""
    gave_up = "Traceback (most recent call last):\n" + '  File "arbiter.py", line 1, in stop\n    stop()\n' * 20
    gave_up += "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>\n"
    again = "\nDuring handling of the above exception, another exception occurred:\n\n"
    container = FakeContainer(
        name="web", status="exited", exit_code=1, log=f"{CRASH_LOG}\n[1] [ERROR] it failed\n{gave_up}{again}{gave_up}"
    )
    told = failure(container)
    assert told.startswith("web: it ended with code 1: the module shop is not in the image.")
    assert told.endswith("  | ModuleNotFoundError: No module named 'shop'\n  | [1] [ERROR] it failed")


def test_a_crash_that_nothing_is_known_of_shows_its_log() -> None:
    """What it says is all that there is."""
    container = FakeContainer(name="web", status="exited", exit_code=9, log="one\ntwo")
    assert failure(container) == (
        "web: it ended with code 9: Its log says why.\n  the end of its log:\n  | one\n  | two"
    )


def test_a_crash_without_a_word_is_told_as_such() -> None:
    """So that nobody looks for a log that was cut off."""
    assert failure(FakeContainer(name="web", status="exited", exit_code=1)).endswith("\n  | (nothing)")


def test_a_container_that_ran_out_of_memory_is_told_so() -> None:
    """Its own log cannot say it."""
    container = FakeContainer(name="web", status="exited", exit_code=137, out_of_memory=True, log="starting")
    assert "web: it ended with code 137: it ran out of memory. Raise its memory limit" in failure(container)


def test_a_container_that_docker_calls_unhealthy_is_not_waited_for(clock: Clock) -> None:
    """What its health check says is shown, and explained."""
    probe = "/health/ answered 500 Internal Server Error: OperationalError"
    container = FakeContainer(name="web", health="unhealthy", probe=f"{probe}\n")
    told = failure(container)
    assert told.startswith("web: it was not healthy after 60 s: ")
    assert f"\n  its health check says: {probe}\n" in told
    assert clock.now == 1000


def test_what_a_health_check_says_is_explained() -> None:
    """Though the log says nothing."""
    container = FakeContainer(name="web", health="unhealthy", probe='relation "shop_item" does not exist')
    assert "the database has no shop_item. Commit the migration that makes it." in failure(container)


def test_time_is_up_at_last(clock: Clock) -> None:
    """With the time that it had, and the end of its log."""
    told = failure(FakeContainer(name="web", health="starting", log="still loading"), seconds=20)
    assert told.startswith("web: it was not healthy after 20 s: ")
    assert told.endswith("\n  | still loading")
    assert 20 < clock.now - 1000 < 21


def test_a_container_that_is_gone_is_told_with_the_cure() -> None:
    """Somebody has removed it by hand."""
    with pytest.raises(NotReadyError) as failed:
        wait_until_ready(FakeDocker(), "web", seconds=60)
    assert str(failed.value) == "web: the container is gone, though the state has it. Run up with --refresh."


def test_an_engine_that_does_not_answer_is_no_container_that_is_gone() -> None:
    """Refreshing the state would then forget what is there."""
    docker = FakeDocker(FakeContainer(name="web"))
    docker.answer("inspect", "[]\nCannot connect to the Docker daemon at ssh://server. Is the docker daemon running?")
    with pytest.raises(DockerError, match="Cannot connect to the Docker daemon at ssh://server"):
        wait_until_ready(docker, "web", seconds=60)


# All of them


def test_all_are_waited_for_together(clock: Clock) -> None:
    """And no longer than until the last of them is healthy."""
    slow = FakeContainer(name="web-2", health="starting", next=deque([STARTING] * 9 + [{"health": "healthy"}]))
    wait_for_all(FakeDocker(FakeContainer(name="web-1"), slow), ["web-1", "web-2"], seconds=60)
    assert 1000 < clock.now < 1002


@pytest.mark.parametrize(
    ("crash", "seconds"),
    [({"status": "exited"}, 5), ({"status": "restarting", "restarts": 1}, 5), ({"name": "web-3"}, 0)],
)
def test_one_that_fails_is_told_by_its_name(crash: dict[str, Any], seconds: float, clock: Clock) -> None:
    """Its own step says why. So that has a moment to do so, and to end the release; one that is gone has none."""
    container = FakeContainer(**{"name": "web-2", "health": "starting"} | crash)
    with pytest.raises(NotReadyError) as failed:
        wait_for_all(FakeDocker(FakeContainer(name="web-1"), container), ["web-1", "web-2"], seconds=60)
    assert str(failed.value) == (
        "web-2: not healthy, so the release does not go live. The container's own step says why."
    )
    assert type(failed.value) is NotReadyError
    assert seconds <= clock.now - 1000 < seconds + 0.2


def test_one_that_crashes_and_gets_up_again_is_waited_for(clock: Clock) -> None:
    """Its own step had time to give it up, and has not."""
    up: list[dict[str, Any]] = [{"status": "restarting", "restarts": 1}, {}, {"status": "running", "health": "healthy"}]
    wait_for_all(FakeDocker(FakeContainer(name="web", health="starting", next=deque(up))), ["web"], seconds=60)
    assert clock.now < 1001


def test_those_that_are_late_are_told_when_time_is_up(clock: Clock) -> None:
    """All of them."""
    late = [FakeContainer(name=name, health="starting") for name in ("web-1", "web-2")]
    with pytest.raises(NotReadyError, match=r"^web-1, web-2: not healthy"):
        wait_for_all(FakeDocker(*late, FakeContainer(name="web-3")), ["web-1", "web-2", "web-3"], seconds=5)
    assert 5 < clock.now - 1000 < 6


# The whole step


def test_the_step_limits_processes_and_waits() -> None:
    """A container that has no predecessor keeps its restart policy, whatever becomes of it."""
    docker = FakeDocker(FakeContainer(name="db", policy="always"))
    make_ready(docker, "db", pids=30, cpu_shares=1024, seconds=60, disposable=False)
    assert docker.calls == ["update --pids-limit=30 db"]


def test_a_container_without_predecessor_goes_on_trying() -> None:
    """It is what serves, or nothing does."""
    docker = FakeDocker(FakeContainer(name="db", status="restarting", restarts=4))
    with pytest.raises(NotReadyError):
        make_ready(docker, "db", pids=30, cpu_shares=1024, seconds=60, disposable=False)
    assert docker.calls == ["update --pids-limit=30 db"]
    assert docker.containers["db"].policy == "always"


def test_a_container_that_another_step_has_stopped_is_not_judged() -> None:
    """Release commands that fail beside its start end the release; it has not crashed, and is left as it is."""
    parked = {"status": "exited", "policy": "no"}
    docker = FakeDocker(FakeContainer(name="web", health="starting", next=deque([{}, {}, parked])))
    with pytest.raises(AbandonedError, match=r"^web: it has been stopped, as another step has failed\."):
        make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.calls == [STARTS, STARTED]


def test_a_disposable_container_that_fails_is_stopped_and_kept() -> None:
    """Its predecessor serves: a crash loop helps nobody, and its log may help somebody."""
    docker = FakeDocker(FakeContainer(name="web", status="restarting", restarts=2))
    with pytest.raises(NotReadyError):
        make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.calls == [
        STARTS,
        "update --restart=no web",
        "stop --time=5 web",
        STARTED,
    ]
    assert docker.containers["web"].status == "exited"


@pytest.mark.parametrize("late", [{"health": "healthy"}, {"health": "healthy", "status": "running", "restarts": 1}])
def test_a_disposable_container_that_is_healthy_at_the_last_moment_is_kept(late: dict[str, object]) -> None:
    """A switch may have moved the traffic to it by then."""
    container = FakeContainer(name="web", health="starting", restarts=1, next=deque([{}, {}, late]))
    docker = FakeDocker(container)
    make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.calls[1:] == ["update --restart=no web", "update --restart=always web", STARTED]
    assert (container.status, container.policy) == ("running", "always")


def test_a_container_that_its_step_has_given_up_is_not_waited_for_as_healthy(clock: Clock) -> None:
    """It may be so for a moment, but is about to be stopped; if it is not after all, it counts again."""
    given_up = FakeContainer(name="web-1", policy="no", next=deque([{}, {}, {"policy": "always"}]))
    wait_for_all(FakeDocker(given_up), ["web-1"], seconds=60)
    assert clock.now == pytest.approx(1000.4)
    stopped = FakeContainer(name="web-1", policy="no", next=deque([{}, {"status": "exited"}]))
    with pytest.raises(AbandonedError):
        wait_for_all(FakeDocker(stopped), ["web-1"], seconds=60)


@pytest.mark.parametrize("status", ["exited", "created"])
def test_a_disposable_container_is_started_again_by_another_try(status: str) -> None:
    """With its restart policy; what was wrong may be right by now."""
    container = FakeContainer(
        name="web",
        status=status,
        exit_code=1,
        policy="no",
        on_start={"health": "starting"},
    )
    container.next = deque([{}, {}, {"health": "healthy"}])
    docker = FakeDocker(container)
    make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.calls == [STARTS, "start web", STARTED]
    assert (container.status, container.policy) == ("running", "always")


def test_a_container_that_crashes_just_as_it_is_limited_is_told_as_crashed() -> None:
    """Docker can then update nothing; it is stopped for good all the same, once it can."""
    docker = FakeDocker(FakeContainer(name="web", status="restarting", restarts=1, log="one"))
    moment = DockerError("docker update: cannot update a stopped container: unknown")
    docker.answer("update", moment, moment, lambda words, _: docker._update(words))
    with pytest.raises(NotReadyError, match="it ended with code 0: Its log says why"):
        make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.calls[1:] == ["update --restart=no web", "stop --time=5 web", "update --restart=no web", STARTED]
    assert docker.containers["web"].policy == "no"


def test_an_engine_that_fails_stops_nothing() -> None:
    """Nothing is known about the container."""
    docker = FakeDocker(FakeContainer(name="web"))
    docker.answer("update", DockerError("docker update web: no space left on device"))
    with pytest.raises(DockerError, match="no space left"):
        make_ready(docker, "web", pids=30, cpu_shares=1024, seconds=60, disposable=True)
    assert docker.containers["web"].status == "running"
